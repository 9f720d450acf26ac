# SPDX-License-Identifier: MIT
"""Printed event traces, as lib/rt/trace.c writes them, into what Perfetto and chrome://tracing
open: a track for each CPU with what runs there, a counter of the priority that it runs at, a track for
its interrupts, a counter for each scheduling context's budget, and a track for each LED."""

import bisect
import pathlib
import re
import struct

from takt.machine import Edge

ABI = pathlib.Path(__file__).resolve().parents[2] / "abi/takt"
HEADER = re.compile(r"trace cpu (\d+) hz (\d+) lost (\d+)\s*$")
RECORD = re.compile(r"trace (\d+)((?: [0-9a-f]+){3,9})\s*$")
NOW = re.compile(r"trace now ([0-9a-f]+)\s*$")
END = re.compile(r"trace end\s*$")
WORDS = 6
# The "processes" of the trace. To Perfetto number 0 is Linux's idle process and its threads.
CPUS, PRIORITIES, IRQS, BUDGETS, LEDS = range(1, 6)
GPIO_NEAR = 0.2     # s: as good as the first guess of when an LED changed is
GPIO_SAME = 0.001   # s: an edge and the gpio server's answer belong together


def kinds():
    text = (ABI / "trace.h").read_text()
    return {int(n): name for n, name in re.findall(r"\bX\((\d+), [A-Z]+, (\w+)", text)}


def operations():
    """Types by number, and operations by type and number."""
    text = (ABI / "objects.def").read_text()
    types = {n: name for n, name in enumerate(re.findall(r"^OBJECT\(\w+, (\w+)", text, re.M), 1)}
    ops = {(kind, int(n)): name for kind, n, name in
           re.findall(r"^OP\(\w+, (\w+), (\d+), \w+, (\w+)", text, re.M)}
    return types, ops


def name_of(*words):
    return struct.pack(f"<{len(words)}Q", *words).split(b"\0")[0].decode(errors="replace")


def track(pid, number):
    """The tid of a process's CPU or LED: no two tracks of the trace have the same."""
    return pid * 100 + number


class Record:
    def __init__(self, cpu, kind, words):
        self.cpu, self.kind = cpu, kind
        self.time, _, self.arg, *w = words
        self.w = w + [0] * (WORDS - len(w))


class Trace:
    """What was printed: records in order of time, ticks per second, records lost, and pairs (ticks,
    when that line came), if lines were given as (when, text)."""

    def __init__(self, lines):
        self.hz, self.lost, self.records, self.now, self.complete = None, {}, [], [], False
        names = kinds()
        for line in lines:
            when, text = line if isinstance(line, tuple) else (None, line)
            if m := RECORD.search(text):
                words = [int(word, 16) for word in m[2].split()]
                kind = names.get(words[1], f"kind {words[1]}")
                self.records.append(Record(int(m[1]), kind, words))
            elif m := HEADER.search(text):
                self.hz = int(m[2])
                self.lost[int(m[1])] = int(m[3])
            elif (m := NOW.search(text)) and when:
                self.now.append((int(m[1], 16), when))
            self.complete = self.complete or bool(END.search(text))
        self.records.sort(key=lambda record: record.time)
        self.threads, self.tasks = {}, {}
        for record in self.records:
            if record.kind == "switch" and record.w[0]:
                self.threads[record.w[0]] = name_of(*record.w[2:4])
                self.tasks[record.w[0]] = name_of(*record.w[4:6])

    def offset(self, edges):
        """Host time of tick 0, and how well that is known, in seconds. A line comes a little after
        its instant, so the earliest one says most; and each LED's edge belongs to an answer of the
        gpio server."""
        if not self.now or not self.hz:
            return None, None
        guess = min(when - ticks / self.hz for ticks, when in self.now)
        answers = sorted(r.time / self.hz for r in self.records
                         if r.kind == "reply" and self.tasks.get(r.w[0]) == "gpio")
        shifts = []
        for edge in edges:
            at = edge.when - guess
            first = bisect.bisect(answers, at - GPIO_NEAR)
            last = bisect.bisect(answers, at + GPIO_NEAR)
            shifts += [at - answer for answer in answers[first:last]]
        shifts.sort()
        best = (0, 0)   # how many agree, and where they begin
        for first, shift in enumerate(shifts):
            best = max(best, (bisect.bisect(shifts, shift + GPIO_SAME) - first, -first))
        if best[0] < 3:
            return guess, GPIO_NEAR
        agree = shifts[-best[1]:-best[1] + best[0]]
        return guess + agree[len(agree) // 2], GPIO_SAME


class Converter:
    def __init__(self, trace):
        self.trace = trace
        self.types, self.ops = operations()
        self.running = {}       # by CPU: (since, thread, arguments)
        self.events = []
        self.start = trace.records[0].time if trace.records else 0

    def us(self, ticks):
        return (ticks - self.start) * 1e6 / self.trace.hz

    def event(self, phase, pid, number, ticks, name, **more):
        self.events.append({"ph": phase, "pid": pid, "tid": track(pid, number),
                            "ts": self.us(ticks), "name": name} | more)

    def who(self, thread):
        return self.trace.threads.get(thread) or f"thread {thread}"

    def track(self, pid, number, name):
        self.events.append({"ph": "M", "pid": pid, "tid": track(pid, number),
                            "name": "thread_name", "args": {"name": name}})
        self.events.append({"ph": "M", "pid": pid, "tid": track(pid, number),
                            "name": "thread_sort_index", "args": {"sort_index": number}})

    def process(self, pid, name):
        self.events.append({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}})
        self.events.append({"ph": "M", "pid": pid, "name": "process_sort_index",
                            "args": {"sort_index": pid}})

    def end(self, cpu, ticks):
        """What ran until now."""
        since, thread, args = self.running.pop(cpu, (0, 0, None))
        if thread:
            self.event("X", CPUS, cpu, since, self.who(thread), args=args,
                       dur=self.us(ticks) - self.us(since))

    def budget(self, sc, home, ticks, left):
        self.event("C", BUDGETS, 0, ticks, f"SC {sc} of {self.who(home)}, budget",
                   args={"us": left * 1e6 / self.trace.hz})

    def convert(self, r):
        name, args, w = r.kind, {"arg": r.arg}, r.w
        if name == "switch":
            self.end(r.cpu, r.time)
            self.event("C", PRIORITIES, 0, r.time, f"CPU {r.cpu}, priority",
                       args={"priority": r.arg if w[0] else 0})
            self.running[r.cpu] = (r.time, w[0], {
                "task": name_of(*w[4:6]), "priority": r.arg, "sc": w[1], "thread": w[0]})
            return
        if name == "interrupt":
            self.event("i", IRQS, r.cpu, r.time, f"interrupt {r.arg}", s="t",
                       args={"intid": r.arg})
            return
        if name == "invoke":
            label, obj = r.arg & 0xffff, self.types.get(r.arg >> 16, "nothing")
            name = f"{obj}.{self.ops.get((obj, label), label)}"
            args = {"thread": self.who(w[0]), "object": w[1], "words": [hex(x) for x in w[2:6]]}
        elif name == "reply":
            args = {"server": self.who(w[0]), "caller": self.who(w[1]), "label": r.arg}
        elif name in ("fault", "exit"):
            args |= {"thread": self.who(w[0]), "syndrome": hex(w[1]), "address": hex(w[2]),
                     "pc": hex(w[3])}
        elif name in ("activated", "depleted", "replenished"):
            args = {"sc": w[0], "priority": r.arg, "home": self.who(w[1])}
            if name != "activated":
                self.budget(w[0], w[1], r.time, w[2] if name == "replenished" else 0)
            name = f"SC {w[0]} {name}"
        self.event("i", CPUS, r.cpu, r.time, name, s="t", args=args)

    def leds(self, edges, names, offset):
        """From edge to edge: only what is inside the time of the trace."""
        first, last = self.start, self.trace.records[-1].time
        for number, name in names.items():
            self.track(LEDS, number, f"LED {number} {name}")
            since, state = first, 0
            for edge in [edge for edge in edges if edge.led == number] + [None]:
                ticks = round((edge.when - offset) * self.trace.hz) if edge else last
                at = min(max(ticks, first), last)
                if state and at > since:
                    self.event("X", LEDS, number, since, "on", dur=self.us(at) - self.us(since))
                if edge:
                    since, state = at, edge.state


def counted(said, leds):
    """The edges of LEDs by the board's own counter, as their programs tell of them (`said`, an
    edges.Log); a change came between two readings of it."""
    return [Edge((inside.first + inside.last) / 2e9, number, inside.level)
            for number, led in leds.items()
            for inside in said.changes(led.node) if inside]


def convert(trace, edges=(), leds=None, exact=False):
    """Chrome's trace format; `leds` are names by number, `edges` what was seen of them: by the host's
    clock, or if `exact` by the board's counter."""
    c = Converter(trace)
    c.process(CPUS, "CPUs")
    c.process(PRIORITIES, "priorities")
    c.process(IRQS, "interrupts")
    c.process(BUDGETS, "budgets")
    cpus = sorted({record.cpu for record in trace.records})
    for cpu in cpus:
        c.track(CPUS, cpu, f"CPU {cpu}")
        c.track(IRQS, cpu, f"CPU {cpu} interrupts")
    for record in trace.records:
        c.convert(record)
    for cpu in cpus:
        c.end(cpu, trace.records[-1].time)
    other = {"lost": {f"CPU {cpu}": lost for cpu, lost in trace.lost.items()}}
    offset, error = (0, 0) if exact else trace.offset(edges) if edges else (None, None)
    if offset is not None:
        c.process(LEDS, "LEDs")
        c.leds(edges, leds, offset)
        other["LEDs are placed to within, in s"] = error
    return {"traceEvents": c.events, "displayTimeUnit": "ns", "otherData": other}
