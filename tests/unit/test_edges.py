#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Changes of LEDs matched inside and outside: what is as it should be has no problems, and each thing
that may be wrong is found, at the change where it is."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from takt import edges, machine                                              # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HALF = 250_000_000          # ns
START = 1_000_000_000
WAY, WIDTH = 700, 300       # ns from the instant to the bracket's beginning, and to its end from there
COUNT = 12


def line(program, number, level, due, before=WAY, after=WAY + WIDTH):
    return f"edge {program} {number} {level} due {due} set {before}..{after} ns"


def good_lines(program="rtos", half=HALF, count=COUNT):
    return [line(program, n + 1, (n + 1) % 2, START + n * half) for n in range(count)]


def log_of(lines, cut=None):
    """Of lines as they come on the serial line; `cut`: so many bytes at a time."""
    log, data = edges.Log(), "".join(f"[who] {text}\r\n" for text in lines).encode()
    for i in range(0, len(data), cut or len(data)):
        log.write(data[i:i + (cut or len(data))])
    return log


def said_of(lines, program="rtos"):
    return log_of(lines).changes(program)


def outside(count=COUNT, led=1, half=HALF, order=0, step=1):
    """What is seen of an LED that does as good_lines() say."""
    return [machine.Edge(100 + n * half / 1e9, led, (n + 1) % 2, order + n * step)
            for n in range(count)]


def span(seen=None, lines=None, first=1, last=None, half=HALF):
    seen = outside() if seen is None else seen
    return edges.Span(seen, said_of(good_lines() if lines is None else lines), half, first,
                      len(seen) if last is None else last)


def found(problems, what):
    check(any(what in problem for problem in problems), f"no '{what}' in {problems}")


def words(steps):
    log = log_of(good_lines() + good_lines("blinker"))
    check(len(log.changes("rtos")) == COUNT == len(log.changes("blinker")), "lines are missing")
    one = log.changes("rtos")[2]
    check((one.level, one.due, one.first, one.last, one.late)
          == (1, START + 2 * HALF, START + 2 * HALF + WAY, START + 2 * HALF + WAY + WIDTH,
              WAY + WIDTH), f"the third change is read as {vars(one)}")
    check(log.changes("nobody") == [], "a program that says nothing has made changes")
    for cut in (1, 7, 64):
        check(len(log_of(good_lines(), cut).changes("rtos")) == COUNT,
              f"in pieces of {cut} bytes lines get lost")
    steps.done("lines of several programs, in pieces of any length")

    torn = ["edge rtos 3 1 due 15", "00000000 set 700..1000 ns", line("rtos", 4, 0, START)[:-3]]
    log = log_of(good_lines()[:2] + torn)
    check(len(log.changes("rtos")) == 2, "half a line is taken for a change")
    early = said_of([line("rtos", 1, 1, START, -32, 16)])[0]
    check(early.first == START - 32 and early.last == START + 16, "negative offsets")
    steps.done("no half a line counts")

    log = edges.Log()
    log.write(b"\x1b[32m[rtos] [3 lines lost]\x1b[0m\n[rtos] (1 messages dropped)\n"
              b"[blinker] [1 line lost]\nlinux# [7 lines lost]\n")
    check(log.lost == {"rtos": 4, "blinker": 1}, f"lost: {log.lost}")
    steps.done("lines that got lost are counted")


def as_it_should_be(steps):
    whole = span()
    check(not whole.problems and not whole.missed and not whole.untold, f"{vars(whole)}")
    check(len(whole.edges) == COUNT and whole.worst == WAY + WIDTH and whole.earliest == 0,
          f"{len(whole.edges)} changes, worst {whole.worst}, earliest {whole.earliest}")
    part = span(first=4, last=9)
    check(not part.problems and [inside.level for _, inside in part.edges] == [0, 1, 0, 1, 0, 1],
          f"a part: {part.problems}")
    check(not span(first=COUNT + 1).edges, "an LED that stands has changed")
    steps.done("what is as it should be has no problems")


def lateness(steps):
    lines = good_lines()
    lines[5] = line("rtos", 6, 0, START + 5 * HALF, 2000, 2608)
    check(span(lines=lines).worst == 2608, "the latest change is not found")
    check(span(lines=lines, first=7).worst == WAY + WIDTH, "it is found in a span that it is not in")
    lines[5] = line("rtos", 6, 0, START + 5 * HALF, -48, 200)
    check(span(lines=lines).earliest == -48, "a change before its time is not found")
    lines[5] = line("rtos", 6, 0, START + 5 * HALF, -3000, -2000)
    check(span(lines=lines).earliest == -3000, "a change long before its time is not found")
    steps.done("late by the bracket's end, early by its beginning")

    lines[5] = line("rtos", 6, 0, START + 5 * HALF, 900, 800)
    found(span(lines=lines).problems, "change 6 ended before it began")
    steps.done("a bracket is a bracket")


def one_too_few(steps):
    """The program tells of changes that did not reach the line, which then stands for twice as long."""
    seen = outside(COUNT - 2)
    problems = span(seen=seen).problems
    found(problems, f"told of {COUNT} changes, {COUNT - 2} were seen")
    found(span(seen=[]).problems, "0 were seen")
    steps.done("changes that are told of and not seen")

    lines = good_lines()
    del lines[6]
    check(span(lines=lines).untold == [7], f"{span(lines=lines).untold}")
    check(not span(lines=lines).problems, f"{span(lines=lines).problems}")
    check(len(span(lines=lines).edges) == COUNT - 1, "what follows it is given up")
    steps.done("a change that the program has not told of")


def one_too_many(steps):
    seen = outside()
    seen.insert(4, machine.Edge(seen[4].when - 0.1, 1, 1 - seen[4].state, 0))
    found(span(seen=seen).problems, "change 5 was to 0 outside, to 1 inside")
    check(span(seen=seen).untold == [COUNT + 1], f"{span(seen=seen).untold}")
    steps.done("a change that nobody asked for")
    seen = outside(COUNT + 2)           # a pair, so that levels agree
    check(span(seen=seen).untold == [COUNT + 1, COUNT + 2], f"{span(seen=seen).untold}")
    steps.done("two of them")


def instants(steps):
    # A change that is skipped: the next instant sets what is set already, and is no change.
    lines = good_lines()
    lines[6:8] = [line("rtos", 7, 0, START + 7 * HALF)]
    lines[7:] = [line("rtos", n + 8, (n + 1) % 2, START + (n + 8) * HALF) for n in range(4)]
    seen = outside(10)
    missing = span(seen=seen, lines=lines)
    check(missing.missed == 2 and not missing.problems, f"missed {missing.missed}, "
          f"{missing.problems}")
    steps.done("instants without a change are counted")

    lines = [line("rtos", n + 1, (n + 1) % 2, START + n * HALF + (n > 5) * 1000)
             for n in range(COUNT)]
    found(span(lines=lines).problems, "change 7 is out of phase")
    check(not span(lines=lines, first=8).problems, "out of phase for ever")
    steps.done("a rhythm that shifts")

    lines = good_lines()
    lines[5] = line("rtos", 6, 0, START + 4 * HALF)
    problems = span(lines=lines)
    found(problems.problems, "change 6 is not due after the one before")
    check(problems.missed >= 1, f"missed {problems.missed}: an instant before makes up for one after")
    lines[5] = line("rtos", 6, 0, START)
    found(span(lines=lines).problems, "change 6 is not due after the one before")
    steps.done("instants that do not go on")


def order(steps):
    """LED 2 changes twice as fast, a quarter of its half period after LED 1."""
    def spans(swap=None, lost=False):
        fast = [line("blinker", n + 1, (n + 1) % 2, START + HALF // 8 + n * HALF // 2)
                for n in range(2 * COUNT)]
        slow_seen, fast_seen = outside(), outside(2 * COUNT, 2, HALF // 2)
        for n, edge in enumerate(slow_seen):
            edge.order = 3 * n
            fast_seen[2 * n].order, fast_seen[2 * n + 1].order = 3 * n + 1, 3 * n + 2
        if swap is not None:
            a, b = slow_seen[swap], fast_seen[2 * swap]
            a.order, b.order = b.order, a.order
        if lost:
            del slow_seen[4:6]
            for n, edge in enumerate(slow_seen):
                edge.state = (n + 1) % 2
        return [span(seen=slow_seen), edges.Span(fast_seen, said_of(fast, "blinker"), HALF // 2, 1,
                                                 len(fast_seen))]

    check(not edges.disorder(spans()), f"{edges.disorder(spans())}")
    steps.done("an order that both tell")
    wrong = edges.disorder(spans(swap=5))
    check(len(wrong) == 1 and wrong[0].startswith("LED 1 changed after LED 2 outside, "), f"{wrong}")
    check(edges.disorder(spans(lost=True)), "changes that are lost do not disturb the order")
    steps.done("an order that only one of them tells")


def brackets(steps):
    """LEDs that change at the same time, by all that is known."""
    def pair(led, when, first, last):
        return machine.Edge(0, led, 1, when), edges.Inside(1, 0, first, last)

    class Some:
        def __init__(self, *pairs):
            self.edges = pairs

    for x, y in (((1, 0, 100, 300), (2, 1, 200, 400)), ((1, 0, 200, 400), (2, 1, 100, 300)),
                 ((1, 0, 200, 400), (2, 1, 100, 200))):
        check(not edges.disorder([Some(pair(*x)), Some(pair(*y))]), f"{x}, {y}")
    check(edges.disorder([Some(pair(1, 0, 201, 400)), Some(pair(2, 1, 100, 200))]), "1 ns in between")
    steps.done("brackets that overlap leave the order open")
    wide = [Some(pair(1, 0, 500, 600)), Some(pair(2, 1, 0, 1000)), Some(pair(3, 2, 100, 200))]
    check(edges.disorder(wide), "a wide bracket in between hides it")
    steps.done("an order is looked at beyond neighbours")


def picture(steps):
    known = [(edge, inside) for edge, inside in zip(outside(), said_of(good_lines()))]
    free = [machine.Edge(100 + 0.375, 0, 1), machine.Edge(100 + 50, 0, 0)]
    at = edges.timeline(free, known, START)
    check(len(at) == 1 and abs(at[0][0] - 0.375) < 1e-5 and at[0][1] == 1, f"{at}")
    steps.done("what is known outside alone is put between what is known inside")


if __name__ == "__main__":
    steps = Steps()
    for body in (words, as_it_should_be, lateness, one_too_few, one_too_many, instants, order, brackets,
                 picture):
        steps.run(body)
    steps.plan()
