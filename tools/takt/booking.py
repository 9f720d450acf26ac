# SPDX-License-Identifier: MIT
"""The rules that need more than a node: what a board has, shared out among all compartments. Time,
devices, memory, and the order in which servers start."""

import copy

from takt import board as boards
from takt.board import up
from takt.rules import Compartment, listed, near

MAX_EVENTS = 7          # scheduling contexts of a vCPU beside its own
FIRST_SHARED = 32       # interrupts below are one for each vCPU
INTERRUPTS = 1020
GICV_CAPS = 1
GUEST_TREE = 0x10000    # vmm/core/boot_image.c: TREE_MAX_SIZE
ENVIRONMENT_HEAD = 24   # sizeof(struct takt_env)
CAPABILITY = 32         # of an entry in it


def disabled(c):
    return c.node.strings("status") == ["disabled"]


def per_mille(budget, period):
    """What a budget books of its CPU; a round-robin slice books nothing."""
    return 0 if budget >= period else -(-budget * 1000 // period)


class Booking:
    """Checks a description that rules.Description has gone over against a board. `files` has what
    the boot archive's files are: {name: bytes}, those that are not built yet left out."""

    def __init__(self, description, board, issues, files=None):
        self.description, self.board, self.issues = description, board, issues
        self.schema = description.schema
        self.compartments = description.compartments
        self.files = files or {}
        self.notes = []
        self.cpu = {n: [] for n in range(board.cpus)}       # [(compartment, per mille)]
        for c in self.compartments:
            self._place(c)
        for c in self.compartments:
            self._check_time(c)
        self._book_root()
        self._check_over_booked()
        self._check_devices()
        for c in self.compartments:
            self._check_servers(c)
            self._check_capabilities(c)
        self._check_console()
        self.order = self._order()

    def _wrong(self, c, name, text):
        self.issues.prop(c.node, name, text)

    # --- CPUs and time ---

    def _place(self, c):
        """Where the compartment may run."""
        last = self.board.cpus - 1
        right = f"{self.board.name} has CPUs 0..{last}"
        cpu = c.number("cpu")
        if cpu > last:
            self._wrong(c, "cpu", f"there is no CPU {cpu}: {right}")
            cpu = 0
        c.cpu, c.cpus = cpu, {cpu}
        prop = c.node.get("cpus")
        for cpu in (prop.cells() or []) if prop else []:
            if cpu > last:
                self._wrong(c, "cpus", f"there is no CPU {cpu}: {right}")
            else:
                c.cpus.add(cpu)

    def _budget(self, c, budget_name, period_name, budget, period):
        """The budget and its period; what is not said is what is given here."""
        period = c.values.get(period_name, period)
        if budget_name in c.values and c.values[budget_name] > period:
            self._wrong(c, budget_name, f"{c.values[budget_name]} µs is more than the period's {period} "
                        f"µs (`{period_name}`)")
        return min(c.values.get(budget_name, budget), period), period

    def _events(self, c):
        """The groups of `event-scheduling`: (irq, priority, budget, period)."""
        prop = c.node.get("event-scheduling")
        cells = (prop.cells() or []) if prop else []
        if not cells:
            return []
        if len(cells) % 4 or len(cells) > 4 * MAX_EVENTS:
            self._wrong(c, "event-scheduling", f"{len(cells)} numbers are no list of <irq priority "
                        f"budget-us period-us>, at most {MAX_EVENTS} of them")
            return []
        groups = list(zip(*[iter(cells)] * 4))
        limits = (("irq", 0, INTERRUPTS - 1), ("priority", 0, self.schema.limits["priority"]),
                  ("budget-us", *self._range("budget-us")), ("period-us", *self._range("period-us")))
        for group in groups:
            text = "<" + " ".join(map(str, group)) + ">"
            for value, (name, least, most) in zip(group, limits):
                if not least <= value <= most:
                    self._wrong(c, "event-scheduling", f"{text}: {name} {value} is not in "
                                f"{least}..{most}")
                    return []
            if group[2] > group[3]:
                self._wrong(c, "event-scheduling", f"{text}: the budget is more than the period")
                return []
        irqs = [group[0] for group in groups]
        for irq in sorted({irq for irq in irqs if irqs.count(irq) > 1}):
            self._wrong(c, "event-scheduling", f"interrupt {irq} is there twice")
        return groups

    def _range(self, name):
        rule = self.schema.properties[name]
        return rule["min"], rule["max"]

    def _check_time(self, c):
        budget, period = self._budget(c, "budget-us", "period-us", c.number("budget-us"),
                                      c.number("period-us"))
        vcpu_budget, vcpu_period = self._budget(c, "vcpu-budget-us", "vcpu-period-us", budget, period)
        vcpus = c.values.get("vcpus", 1 if c.vm or c.has("vcpu-priority") else 0)
        vcpus = 1 if not vcpus and c.has("vcpu-priority") else vcpus
        for name in ("vcpu-budget-us", "vcpu-period-us", "event-scheduling"):
            if c.has(name) and not vcpus and not c.has("vcpu"):
                self._wrong(c, name, "means nothing without vCPUs: give `vcpu-priority` or `vcpus`, or "
                            "use `" + name.removeprefix("vcpu-") + "`")
        events = self._events(c)
        priority = c.number("priority")
        priorities = {priority, c.values.get("vcpu-priority", priority), *(e[1] for e in events)}
        self._check_priorities(c, priorities)
        first = per_mille(budget, period)
        # The CPUs of `cpus` take turns with the vCPUs; a shared interrupt can be any vCPU's.
        turns = len(c.node.numbers("cpus")) or 1
        most = -(-vcpus // turns)
        own = first + most * per_mille(vcpu_budget, vcpu_period) + sum(
            per_mille(e[2], e[3]) * (max(most, 1) if e[0] < FIRST_SHARED else 1) for e in events)
        least = own if len(c.cpus) == 1 else first
        share = c.values.get("share", min(own, 1000))
        if "share" in c.values and share < least:
            self._wrong(c, "share", f"{share} ‰ is less than the {least} ‰ that its own budgets book")
        elif least > 1000:
            self.issues.node(c.node, f"its own budgets book {least} of 1000 ‰ of CPU {c.cpu}; a budget "
                             "equal to its period is a round-robin slice and books nothing")
        for cpu in c.cpus:
            self.cpu[cpu].append((c, share))
        if c.has("threads-per-cpu") and not c.has("passive"):
            for cpu in set(self.cpu) - {c.cpu}:
                self.cpu[cpu].append((c, first))

    def _check_priorities(self, c, used):
        prop = c.node.get("priorities")
        cells = (prop.cells() or []) if prop else []
        if len(cells) != 2:
            return
        most = self.schema.limits["priority"]
        if cells[0] > cells[1]:
            self._wrong(c, "priorities", f"<{cells[0]} {cells[1]}> is empty; right is <least greatest>")
        elif cells[1] <= most and (min(used) < cells[0] or max(used) > cells[1]):
            self._wrong(c, "priorities", f"<{cells[0]} {cells[1]}> does not hold the program's own "
                        f"priorities {listed(sorted(used))}")

    def _book_root(self):
        """Root's own thread that builds compartments, where its node gives it a budget."""
        for node, kind in self.description.kinds.items():
            budget, period = node.numbers("budget-us"), node.numbers("period-us")
            if kind == "root" and len(budget) == 1 and len(period) < 2:
                default = self.schema.default("period-us")
                share = per_mille(budget[0], (period or [default])[0] or 1)
                self.cpu[0].append((Compartment(node, kind, None, None), share))

    def _check_over_booked(self):
        """A compartment that is not started at boot must have room beside those that are."""
        for cpu, booked in self.cpu.items():
            total, said = 0, []
            for c, share in sorted(booked, key=lambda entry: disabled(entry[0])):
                text = " + ".join([*said, f"{c.node.path} {share}"])
                if total <= 1000 < total + share:
                    name = "share" if c.has("share") else "budget-us"
                    self._wrong(c, name, f"CPU {cpu} is over-booked: {text} are {total + share} of 1000 "
                                "‰; a budget equal to its period is a round-robin slice and books "
                                "nothing")
                if share and not disabled(c):
                    total += share
                    said.append(f"{c.node.path} {share}")

    # --- Devices ---

    def _check_devices(self):
        given = []              # (base, end, path, compartment)
        lines = {}
        for c in self.compartments:
            prop = c.node.get("device")
            paths = (prop.strings() or []) if prop else []
            c.registers = c.interrupts = 0
            self._check_kind(c, paths)
            for path in paths:
                node = self.board.find(path) if path else None
                if not node:
                    if path:
                        self._wrong(c, "device", f"{self.board.name} has no {path}"
                                    + near(path, self.board.devices()))
                    continue
                self._check_registers(c, path, node, given)
                self._check_interrupts(c, path, node, lines)
            if c.vm and c.own:
                self._check_passed(c, paths)

    def _check_passed(self, c, paths):
        """Where a machine has what is passed through to it."""
        for name, wanted, what in (("device-addresses", c.registers, "blocks of registers"),
                                   ("device-irqs", c.interrupts, "interrupts")):
            said = c.node.numbers(name)
            if paths and len(said) != wanted:
                self._wrong(c, name, f"{len(said)} numbers for {wanted} {what} in `device`")
            for n in said:
                if said.count(n) > 1:
                    self._wrong(c, name, f"{n:#x} is there twice")
                if name == "device-addresses" and n % boards.PAGE:
                    self._wrong(c, name, f"{n:#x} is no start of a page")
        nodes = c.node.strings("device-compatible")
        if nodes and len(nodes) != len(paths):
            self._wrong(c, "device-compatible", f"{len(nodes)} strings for {len(paths)} devices")
        for path in paths if nodes else ():
            node = self.board.find(path)
            if node and (len(self.board.registers(node) or ()) > 1
                         or len(self.board.interrupts(node) or ()) > 1):
                self._wrong(c, "device-compatible", f"{path} has more than one block of registers and "
                            "one interrupt")

    def _check_kind(self, c, paths):
        """The devices that the program can drive."""
        if not c.own or not c.own.devices:
            return
        least, most = c.own.devices
        wanted = " or ".join(c.own.compatible)
        if not least <= len(paths) <= most:
            fitting = [n.path for n in self.board.root.walk()
                       if set(n.strings("compatible")) & set(c.own.compatible)]
            self._wrong(c, "device", f"'{c.program}' needs "
                        f"{least if least == most else f'{least} to {most}'} ({wanted}), here are "
                        f"{len(paths)}" + (f"; {self.board.name} has {listed(fitting)}" if fitting else ""))
        for path in paths:
            node = self.board.find(path) if path else None
            if node and c.own.compatible and not set(node.strings("compatible")) & set(
                    c.own.compatible):
                self._wrong(c, "device", f"{path} is {listed(node.strings('compatible')) or 'unnamed'}, "
                            f"'{c.program}' drives {wanted}")

    def _check_registers(self, c, path, node, given):
        registers = self.board.registers(node)
        if not registers:
            self._wrong(c, "device", f"{path} has no registers at the CPUs' addresses")
            return
        if node == self.board.gic:
            self._wrong(c, "device", f"{path} is the interrupt controller, which the kernel keeps")
            return
        if not boards.enabled(node):
            self._wrong(c, "device", f"{path} is disabled in {self.board.name}'s tree")
        for base, size in registers:
            if base % boards.PAGE:
                self._wrong(c, "device", f"{path}: its registers at {base:#x} share a page with others")
                continue
            end = base + up(size)
            if any(base < low + n and low < end for low, n in self.board.memory):
                self._wrong(c, "device", f"{path} is memory, no device")
            other = next((g for g in given if base < g[1] and g[0] < end), None)
            if other:
                self._wrong(c, "device", f"{path}: its registers at {base:#x} are given to "
                            f"{other[3].node.path} already ({other[2]})")
            else:
                given.append((base, end, path, c))
            c.registers += 1

    def _check_interrupts(self, c, path, node, lines):
        interrupts = self.board.interrupts(node)
        if interrupts is None:
            self._wrong(c, "device", f"{path}: its interrupts do not go to the CPUs' controller")
            return
        for intid in interrupts:
            other = lines.setdefault(intid, (c, path))
            if other != (c, path) and other[1] != path:
                self._wrong(c, "device", f"{path}: its interrupt {intid} is given to "
                            f"{other[0].node.path} already, with {other[1]}")
            c.interrupts += 1

    # --- Servers and their clients ---

    def _servers(self, c):
        return [(route, server) for route in c.routes
                if (server := self.description.compartment(route.server))]

    def _check_servers(self, c):
        for route, server in self._servers(c):
            far = sorted(c.cpus - {server.cpu})
            if server.has("passive") and not server.has("threads-per-cpu") and far:
                self._wrong(c, route.prop.name, f"{route.text()}: '{server.node.name}' is passive with "
                            f"one thread, on CPU {server.cpu}, and cannot be called from CPU {far[0]}; "
                            "right is `threads-per-cpu` there, or no `passive`")

    def _check_console(self):
        for route in self.description.chosen:
            server = self.description.compartment(route.server)
            if server and server.cpu != 0 and not server.has("threads-per-cpu"):
                self.issues.prop(route.client, route.prop.name, f"{route.text()}: '{server.node.name}' "
                                 f"is on CPU {server.cpu}; root's console must be on CPU 0, where root "
                                 "is")

    def _check_capabilities(self, c):
        threads = self.board.cpus if c.has("threads-per-cpu") else 1
        caps = 2 + threads - 1 + len(c.routes) + c.registers + c.interrupts
        caps += (c.vm or c.has("archive")) + ("ram" in c.values) + (GICV_CAPS if c.vm else 0)
        most = self.schema.limits["capabilities"]
        if caps > most:
            self.issues.node(c.node, f"gets {caps} capabilities; root gives {most}")
        size = ENVIRONMENT_HEAD + caps * CAPABILITY + 128 + _tree_size(c.node)
        if size > self.schema.limits["environment"]:
            self.issues.node(c.node, f"its properties take {size} bytes of the program's environment, "
                             f"which has {self.schema.limits['environment']}")

    def _order(self):
        """The order in which root starts the compartments: those in circles are left out, and those
        that it does not start at all, which nobody waits for."""
        order, left = [], [c for c in self.compartments if not disabled(c)]
        away = [c for c in self.compartments if disabled(c)]
        while left:
            ready = []
            for c in left:
                if all(s in order or s in ready or s in away for _, s in self._servers(c)):
                    ready.append(c)
            if not ready:
                break
            order += ready
            left = [c for c in left if c not in ready]
        self._check_circles(left)
        return order

    def _check_circles(self, left):
        """One message for each circle among those that cannot start."""
        seen = set()
        for start in left:
            way, at = [], start
            while at not in way and at not in seen:
                way.append(at)
                route, at = next((r, s) for r, s in self._servers(at) if s in left)
            if at in way:
                circle = way[way.index(at):] + [at]
                route = next(r for r, s in self._servers(circle[0]) if s == circle[1])
                self._wrong(circle[0], route.prop.name, f"{route.text()}: routes lead in a circle: "
                            + " -> ".join(c.node.name for c in circle)
                            + "; none of these can be started before the others")
            seen.update(way)

    # --- Memory ---

    def check_memory(self, kernel, archive_size, root):
        """Everything, in root's order. `kernel` and `root` are the files' contents, or None."""
        memory = boards.Memory(self.board, boards.image_size(kernel or b""), archive_size)
        try:
            memory.start_root((boards.elf_segments(root) if root else None) or [])
        except boards.NoRoom:
            self.issues.at(None, 0, f"the kernel, the boot archive ({archive_size} bytes) and root alone "
                           f"do not fit into {self.board.name}'s {memory.total >> 20} MiB")
            return memory
        for c in self.order:
            if not self._take_all(memory, c):
                return memory
        for c in self.compartments:
            if disabled(c):
                self._take_all(copy.deepcopy(memory), c)
        return memory

    def _image(self, c):
        """What the program takes with its environment and stacks; without it if it is not built."""
        threads = self.board.cpus if c.has("threads-per-cpu") else 1
        size = self.schema.limits["environment"] + threads * up(c.number("stack"))
        data = self.files.get(c.program)
        if data is None:
            return size
        segments = boards.elf_segments(data)
        if segments is None:
            self._wrong(c, "program", f"'{c.program}' is no ELF file for 64-bit ARM")
        return size + sum(segments or [])

    def _take_all(self, memory, c):
        if c.number("heap") > c.number("memory"):
            self._wrong(c, "heap", f"{c.number('heap')} bytes are more than `memory` has, "
                        f"{c.number('memory')}")
        for name, size in (("kernel-memory", c.number("kernel-memory")),
                           ("memory", c.number("memory")), ("ram", c.number("ram")),
                           ("program", self._image(c))):
            try:
                if size:
                    memory.take(size)
            except boards.NoRoom:
                what = f"{up(size):#x} bytes"
                what += " aligned to 2 MiB" if size >= boards.BLOCK else ""
                what += " for the program itself" if name == "program" else ""
                self._wrong(c, name, f"{what} do not fit: the largest piece left of "
                            f"{self.board.name}'s {memory.total >> 20} MiB has "
                            f"{max(memory.largest(size), 0):#x}; the nodes before this one have the "
                            "rest")
                return False
        if c.vm:
            self._check_guest(c)
        return True

    def _check_guest(self, c):
        """Kernel, tree and initial RAM disk in the guest's memory, as the vmm puts them."""
        ram = c.number("ram")
        data = self.files.get((c.node.strings("kernel") or [None])[0])
        if data is None or "ram" not in c.values:
            return
        size, offset = boards.image_size(data)
        if offset + size > ram:
            self._wrong(c, "ram", f"{ram:#x} bytes are too few: the kernel takes {offset + size:#x}")
            return
        end = up(offset + size, boards.BLOCK) + GUEST_TREE
        disk = self.files.get((c.node.strings("initrd") or [None])[0])
        if disk is not None:
            end = up(offset + size, boards.BLOCK) + boards.BLOCK + len(disk)
        if end > ram:
            self._wrong(c, "ram", f"{ram:#x} bytes are too few: kernel, device tree and initial RAM disk "
                        f"take {end:#x}")


def _tree_size(node):
    """About what the node takes as a device tree of its own."""
    size = 16 + len(node.name)
    for prop in node.properties.values():
        size += 12 + up(len(prop.data), 4) + len(prop.name) + 1
    return size + sum(_tree_size(child) for child in node.children)
