# SPDX-License-Identifier: MIT
"""What it takes from one machine to another and back, where both want to run: two guests that share a
CPU in slices note when they do not run (tests/guests/bench/switch.c), and by the one counter that both
read a gap of the one is the time that the other runs, and the two switches."""

import re
import statistics
import sys

import pexpect

from takt import machine

TIMEOUT = 300
LEAST = 100         # pairs of switches
NOT_YET = 8         # of the first ones: a guest that has just begun still faults its memory in


def _gaps(options):
    """Those of the two guests, in order."""
    with machine.Machine(lambda leds: machine.command("bench-switch", leds, **options)) as m:
        text = ""
        for _ in range(2):
            if m.serial.expect([r"end of gaps", pexpect.EOF, pexpect.TIMEOUT], timeout=TIMEOUT):
                sys.exit("the machines that share a CPU did not end:\n"
                         + (m.serial.before or b"").decode(errors="replace")[-1500:])
            text += m.serial.before.decode(errors="replace")
    text = re.sub(r"\x1b\[[\d;]*m", "", text).replace("\r", "")
    found = {"": [], "[b] ": []}
    # A line that the other's output has cut in two is left out.
    for session, start, end in re.findall(r"^(\[b\] |)gap (\d+) (\d+)$", text, re.M):
        found[session].append((int(start), int(end)))
    return [sorted(gaps) for gaps in found.values()]


def figures(options):
    one, other = _gaps(options)
    both = []
    for start, end in one[NOT_YET:]:
        begins = [e for _, e in other if start < e < end]       # the other one's turn
        ends = [s for s, _ in other if start < s < end]
        if len(begins) == len(ends) == 1 and begins < ends:
            both.append(begins[0] - start + end - ends[0])
    if len(both) < LEAST:
        sys.exit(f"only {len(both)} times did the machines that share a CPU take turns")
    return [("vm.switch", round(statistics.median(both)), "V"), ("vm.switch.max", max(both), "V")]
