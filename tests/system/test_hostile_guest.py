#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A machine whose guest does all it can to harm others: these keep their rhythm, the machine is restarted
as its description wants it, and what it had comes back in the end. With numbers: these seeds."""

import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine                                                     # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

PROGRAMS = {"root": "servers/root/root", "console": "servers/console/console",
            "gpio": "servers/gpio/gpio", "vmm": "vmm/vmm",
            "baremetal": "guests/baremetal/baremetal",
            "restart-tester": "tests/restart/restart-tester",
            "restart-beat": "tests/restart/restart-beat",
            "hostile-guest": "tests/guests/hostile/hostile-guest.img"}
DESCRIPTION = machine.TOP / "tests/guests/hostile/system.dts"

COUNTED = {"smp": 1, "icount": True, "cpu": "cortex-a57"}
# The last thing that it does, and what it says before. While a guest faults at each fetch without a
# trap, no instruction is executed: counted time stands still, so that one needs real time.
ENDS = {"wait": "waits for ever", "loop": "loops for ever", "vectors": "has no vectors",
        "tables": "breaks its tables", "off": "switches off"}
LIVES = 3
# Microseconds, of the paravirtual guest's ticks. It is less urgent than two native threads.
LATEST_TICK = 20


def archive(folder, seed, end, counted, smp):
    """All vCPUs on CPU 0 where time is counted; else two, one of them beside the others."""
    defines = {"EXACT": int(counted), "MILLIS": 1500 if counted else 20000,
               "VCPUS": 1 if counted else 2, "CPUS": " ".join(map(str, range(smp))),
               "BOOTARGS": f'"seed={seed} lives={LIVES} end={end}"'}
    return machine.pack(pathlib.Path(folder) / "hostile.cpio", DESCRIPTION,
                        {name: machine.BUILD / path for name, path in PROGRAMS.items()}, **defines)


def guest(text, name, end):
    """What the guest and its monitor have said."""
    for life in range(1, LIVES + 1):
        check(f"hostile: life {life} of {LIVES}, " in text, f"{name}: no end of life {life}")
    check(f"hostile: {ENDS[end]}" in text, f"{name}: the guest has not come to its end")
    resets = text.count("the guest resets its machine: it is restarted")
    check(resets >= LIVES, f"{name}: the machine was restarted {resets} times")


def neighbours(steps, text, name, counted):
    results = re.findall(r"^(ok|not ok) \d+ - (.*)$", text, re.MULTILINE)
    for good, what in results:
        check(good == "ok", f"{name}: {what}")
    check(re.search(rf"^1\.\.{len(results)}$", text, re.MULTILINE), f"{name}: results are missing")
    latest = [int(n) for n in re.findall(r" 0 errors, latest tick (\d+) us", text)]
    check(latest, f"{name}: the paravirtual guest reports nothing")
    check(not counted or max(latest) <= LATEST_TICK,
          f"{name}: a tick of the paravirtual guest came {max(latest)} us late")
    steps.done(f"{name}: its neighbours keep their rhythm, and all it had comes back")


def hostile(steps, seed, end, board):
    counted = board.get("icount", False)
    name = f"seed {seed}, GICv{board['gic']}, {end}" + (", counted time" if counted else "")
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = archive(folder, seed, end, counted, board["smp"])
        with machine.Machine(lambda trace: machine.command(system, trace, **board)) as m:
            text, ended = m.wait_exit(200)
    text = re.sub(r"\x1b\[[\d;]*\w|\r", "", text)
    tail = "\n# ".join(text.splitlines()[-12:])
    check(ended, f"{name}: the system did not end by itself; its last words:\n# {tail}")
    guest(text, name, end)
    steps.done(f"{name}: it is restarted after each of its lives")
    neighbours(steps, text, name, counted)


def main():
    seeds = [int(seed) for seed in sys.argv[1:]] or [1, 2]
    steps = Steps()
    for seed in seeds:
        for gic in (2, 3):
            steps.run(hostile, seed, "loop" if gic == 2 else "wait", COUNTED | {"gic": gic})
    for gic, cpu, end in ((2, "cortex-a57", "tables"), (3, "max", "vectors"),
                          (2, "cortex-a72", "off")):
        steps.run(hostile, seeds[0] + 100, end, {"smp": 2, "gic": gic, "cpu": cpu})
    steps.plan()


if __name__ == "__main__":
    main()
