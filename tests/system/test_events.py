#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Time for interrupts (event-scheduling) that a machine or a paravirtual guest cannot have: somebody
says what is wrong, and the guest does not start. The others do. What the checker of descriptions
would refuse comes past it here."""

import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import pexpect                                                               # noqa: E402
from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HEAD = """/dts-v1/;
/ {
	compatible = "takt,system";
	%s
	console: console {
		compatible = "takt,program";
		program = "console";
		device = "/pl011@9000000";
		session-names = "root", "guest";
		interactive = "guest";
		memory = <0x40000>;
		priority = <30>;
		budget-us = <1000>;
		period-us = <5000>;
		#session-cells = <1>;
	};
	guest {
		%s
		console = <&console 1>;
		memory = <0x80000>;
		priority = <11>;
		budget-us = <1000>;
		period-us = <10000>;
		vcpu-priority = <10>;
		vcpu-budget-us = <10000>;
		vcpu-period-us = <10000>;
		%s
	};
};
"""
VM = 'compatible = "takt,vm"; program = "vmm"; kernel = "gic-test"; ram = <0x800000>; vcpus = <1>;'
PV = 'compatible = "takt,program"; program = "bench-latency"; ticks = <20>;'
GOOD = {"vm": r"ok 1 - ", "pv": r"latency \d+ ns"}
EIGHT = ", ".join(f"<{n} 20 10 10000>" for n in range(8))

# What, for whom, its properties, what is said.
CASES = (
    ("nothing wrong", "vm", "event-scheduling = <27 30 100 1000>;", GOOD["vm"]),
    ("nothing wrong", "pv", "event-scheduling = <8 30 100 1000>;", GOOD["pv"]),
    ("a priority that is root's", "vm", "event-scheduling = <27 63 100 1000>;",
     r"guest: .*event-scheduling.*interrupt 27.*priority 63 is not in 0\.\.62"),
    ("a priority that is root's", "pv", "event-scheduling = <8 63 100 1000>;",
     r"guest: .*event-scheduling.*interrupt 8.*priority 63 is not in 0\.\.62"),
    ("no budget", "vm", "event-scheduling = <27 30 0 1000>;",
     r"guest: .*event-scheduling.*interrupt 27.*0 us are no budget"),
    ("more than the period", "pv", "event-scheduling = <8 30 2000 1000>;",
     r"guest: .*event-scheduling.*interrupt 8.*2000 us are no budget .*for a period of 1000"),
    ("a budget below the least", "vm", "event-scheduling = <27 30 1 1000>;",
     r"guest: .*event-scheduling.*interrupt 27.* 1 us are no budget"),
    ("a budget below the least", "pv", "event-scheduling = <8 30 1 1000>;",
     r"guest: .*event-scheduling.*interrupt 8.* 1 us are no budget"),
    ("more than its share", "vm", "event-scheduling = <27 30 300 1000>; share = <200>;",
     r"event-scheduling: interrupt 27, .*300 of 1000 us: no such scheduling context"),
    ("more than its share", "pv", "event-scheduling = <8 30 300 1000>; share = <200>;",
     r"event-scheduling: interrupt 8, .*300 of 1000 us: "),
    ("no such interrupt", "vm", "event-scheduling = <27 30 100 1000>, <300 30 100 1000>;",
     r"event-scheduling: interrupt 300, .*no such interrupt"),
    ("no such interrupt", "pv", "event-scheduling = <32 30 100 1000>;",
     r"event-scheduling: interrupt 32, "),
    ("one twice", "vm", "event-scheduling = <27 30 100 1000>, <27 20 100 1000>;",
     r"event-scheduling: interrupt 27 is there twice"),
    ("one twice", "pv", "event-scheduling = <8 30 100 1000>, <8 20 100 1000>;",
     r"event-scheduling: interrupt 8, priority 20, "),
    ("more than a vCPU holds", "vm", f"event-scheduling = {EIGHT};",
     r"guest: .*event-scheduling.*at most 7 times"),
    ("no groups of four", "vm", "event-scheduling = <27 30 100>;",
     r"guest: .*event-scheduling.*is not a list"),
    ("another way to leave", "vm", 'event-scheduling = <27 30 100 1000>; leave = "now";',
     r'leave: "now" is neither'),
    ("another way to leave", "pv", 'event-scheduling = <8 30 100 1000>; leave = "now";',
     r'leave "now"'),
)


def by_root(said):
    return said.startswith("guest: ")


def archive(folder, kind, properties, said):
    build, description = machine.BUILD, folder / "system.dts"
    # Root's own early words must not meet others' on the serial line.
    chosen = "" if by_root(said) else "chosen { console = <&console 0>; };"
    description.write_text(HEAD % (chosen, VM if kind == "vm" else PV, properties))
    files = {"root": build / "servers/root/root", "console": build / "servers/console/console",
             "vmm": build / "vmm/vmm", "bench-latency": build / "tests/bench/bench-latency",
             "gic-test": build / "tests/guests/gic/gic-test.img"}
    return machine.pack(folder / "events.cpio", description, files)


def case(steps, what, kind, properties, said):
    good = GOOD[kind]
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = archive(pathlib.Path(folder), kind, properties, said)
        with machine.Machine(lambda trace: machine.command(system, trace, smp=1,
                                                           icount=True)) as m:
            found = m.serial.expect([said, good, pexpect.TIMEOUT], timeout=60)
            text = m.serial.before.decode(errors="replace")
            check(found != 1 or said == good, f"{what}: it starts: {text!r}")
            check(found == 0, f"{what}: nobody says what is wrong: {text!r}")
            if by_root(said):
                scenario.expect(m.serial, "1 of 2 compartments run", 60, f"{what}: the others do not run")
            elif said != good:
                scenario.expect(m.serial, r"guest: .*ended", 60, f"{what}: the guest goes on")
    steps.done(f"{'machine' if kind == 'vm' else 'paravirtual'}: {what}")


if __name__ == "__main__":
    steps = Steps()
    for what, kind, properties, said in CASES:
        steps.run(case, what, kind, properties, said)
    steps.plan()
