#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two machines that share a CPU in slices: each keeps its registers and the state of its timer, whenever
the other one has its turn."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

LEAST = 120         # turns that each has seen of the other one
TIMEOUT = 120


def turns(steps, board):
    name = f"GICv{board['gic']}, {board['cpu']}" + (", counted time" if board.get("icount") else "")
    with machine.Machine(lambda trace: machine.command("turns", trace, **board)) as m:
        text = ""
        for _ in range(2):
            scenario.expect(m.serial, r"turns: [^\r\n]*\r", TIMEOUT, f"{name}: a guest did not end")
            text += m.serial.after.decode(errors="replace") + "\n"
    kept = [int(n) for n in re.findall(r"turns: kept (\d+)", text)]
    check(len(kept) == 2, f"{name}: {text!r}")
    check(min(kept) >= LEAST, f"{name}: they took only {kept} turns")
    steps.done(f"{name}: two machines take turns and keep what is theirs")


if __name__ == "__main__":
    steps = Steps()
    for kind in ({"smp": 1, "icount": True}, {"smp": 2}):
        steps.run(turns, {"gic": 2, "cpu": "cortex-a57"} | kind)
        steps.run(turns, {"gic": 3, "cpu": "max"} | kind)
    steps.plan()
