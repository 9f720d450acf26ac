#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Linux guest alone, on QEMU's board without takt below it: what fails here is the guest."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402


def native(steps):
    with machine.Machine(machine.native_linux) as m:
        scenario.boot(m.serial)
        scenario.answer(m.serial)
        steps.done("Linux boots to a shell that answers")
        scenario.blinks(m.leds, 0, 8, 30, 0, "Linux")
        steps.done("its LED blinks")
        m.serial.sendline("poweroff")
        text, ended = m.wait_exit(30)
        check(ended, f"poweroff did not end the machine: {text[-500:]!r}")
        steps.done("it powers off")


if __name__ == "__main__":
    steps = Steps()
    steps.run(native)
    steps.plan()
