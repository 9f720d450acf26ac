# SPDX-License-Identifier: MIT
"""The table of figures in the README, out of tests/bench/values.txt and others.txt."""

import re

ROWS = {
    "syscall.null": "system call that finds no object",
    "ipc.short": "call and reply between address spaces, 4 words",
    "ipc.10words": "the same, 10 words",
    "irq.thread": "interrupt to first instruction of its handler in another address space",
    "signal.switch": "trigger to first instruction of a more urgent waiter",
    "yield.switch": "CPU given to a peer in another address space",
    "fault.handler": "fault, user-level handler, resumed",
    "map.page": "one 4 KiB page mapped",
    "pv.irq": "interrupt to the handler of a paravirtual guest",
    "pv.critical": "interrupts off and on in a paravirtual guest",
    "pv.yield": "FreeRTOS task switch",
    "vm.hypercall": "guest's hypercall answered by the kernel",
    "vm.psci": "guest's hypercall answered by its monitor at user level",
    "vm.mmio_user": "guest's device access emulated at user level",
    "vm.irq": "interrupt to the guest's vector, guest running",
    "vm.timer_spin": "guest's virtual timer to its handler, guest running",
    "vm.switch": "from one machine to another and back, on one CPU",
    "kernel.masked": "longest stretch with interrupts masked, all target tests",
}
MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- end -->\n)", re.DOTALL)


def rows_of(path):
    lines = [line.split() for line in path.read_text().splitlines()]
    return {line[0]: line[1:] for line in lines if line and not line[0].startswith("#")}


def table(bench):
    values, others = rows_of(bench / "values.txt"), rows_of(bench / "others.txt")
    rows = "| | takt | seL4 |\n|---|---|---|\n"
    for name, what in ROWS.items():
        if name in values:
            other = others.get(name, ["-", "-"])[1].replace("(", " (").replace("-", "")
            rows += f"| {what} (`{name}`) | {values[name][0]} | {other} |\n"
    return rows


def write(readme, bench):
    readme.write_text(MARKS.sub(lambda m: m[1] + table(bench) + m[2], readme.read_text()))
