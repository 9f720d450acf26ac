# SPDX-License-Identifier: MIT
"""Each change of an LED twice: as its program printed it (lib/include/takt/edge.h), with exact times
by the board's counter, and as it was seen from outside; and whether the two tell the same."""

import re


class Inside:
    """What a program said of one change; times in nanoseconds of the board's counter. The change came
    not before `first` and not after `last`."""

    def __init__(self, level, due, before, after):
        self.level, self.due = level, due
        self.first, self.last = due + before, due + after

    @property
    def late(self):
        return self.last - self.due


class Log:
    """Takes what the serial line prints, as a file would; {program: {number: Inside}}, and how many
    lines of a session got lost because they came faster than they went out: {session: number}."""

    PATTERN = re.compile(rb"edge (\w+) (\d+) ([01]) due (\d+) set (-?\d+)\.\.(-?\d+) ns")
    LOST = re.compile(rb"\[(\w+)\] [\[(](\d+) (?:lines? lost|messages? dropped)[\])]")

    def __init__(self):
        self.rest = b""
        self.said, self.lost = {}, {}

    def write(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for m in filter(None, map(self.PATTERN.search, lines)):
            level, due, before, after = map(int, m.groups()[2:])
            self.said.setdefault(m[1].decode(), {})[int(m[2])] = Inside(level, due, before, after)
        for m in filter(None, map(self.LOST.search, lines)):
            name = m[1].decode()
            self.lost[name] = self.lost.get(name, 0) + int(m[2])

    def flush(self):
        pass

    def changes(self, program):
        """[Inside], in order, of what can be seen: an LED that is set to what it was, because an
        instant was missed, does not change. None for what it has not told."""
        said, found, level = self.said.get(program, {0: None}), [], 0
        for number in range(1, max(said) + 1):
            inside = said.get(number)
            if not inside or inside.level != level:
                found.append(inside)
            level = inside.level if inside else 1 - level
        return found


class Span:
    """What became of one LED between two of its changes, counted from 1 on. `problems` are of what was
    seen and said; `untold` are changes that its program says nothing of, though it tells of later ones
    perhaps; `missed` instants without a change. worst: the latest change, earliest: the earliest,
    in nanoseconds after the instant."""

    def __init__(self, seen, said, half, first, last):
        """`seen`: the LED's changes from outside, all of them; `said`: the same from inside."""
        self.edges, self.worst, self.earliest, self.missed = [], 0, 0, 0
        self.problems, self.untold = [], []
        # A program tells of a change when it was made, so it was seen before; levels cannot show that
        # two of them are missing outside.
        if len(said) > len(seen):
            self.problems.append(f"its program told of {len(said)} changes, {len(seen)} were seen")
        for number in range(first, last + 1):
            inside = said[number - 1] if number <= len(said) else None
            if not inside:
                self.untold.append(number)
                continue
            if seen[number - 1].state != inside.level:
                self.problems.append(f"change {number} was to {seen[number - 1].state} outside, to "
                                     f"{inside.level} inside")
            if inside.first > inside.last:
                self.problems.append(f"change {number} ended before it began")
            if number > 1 and said[number - 2]:
                self._step(number, inside.due - said[number - 2].due, half)
            self.edges.append((seen[number - 1], inside))
            self.worst = max(self.worst, inside.late)
            self.earliest = min(self.earliest, inside.first - inside.due)

    def _step(self, number, step, half):
        """From the change before to this one."""
        if step <= 0:
            self.problems.append(f"change {number} is not due after the one before")
        elif step % half:
            self.problems.append(f"change {number} is out of phase")
        self.missed += max(step // half - 1, 0)


def disorder(spans):
    """Changes of several LEDs whose order outside is not the one that their programs tell; where the
    programs leave it open, either will do."""
    merged = sorted((pair for span in spans for pair in span.edges), key=lambda pair: pair[0].order)
    problems, latest = [], None         # the change so far that began last
    for b, y in merged:
        if latest and latest[1].first > y.last:
            a, x = latest
            problems.append(f"LED {b.led} changed after LED {a.led} outside, {x.first - y.last} ns "
                            "before it inside")
        if not latest or y.first > latest[1].first:
            latest = b, y
    return problems


def timeline(edges, known, begin):
    """[(seconds, state)] of an LED of which only the outside is known: between two changes that are
    known by the board's counter, [(seen, Inside)], the host's clock tells where."""
    points = sorted((seen.when, inside.last) for seen, inside in known)
    found = []
    for edge in edges:
        for (w0, t0), (w1, t1) in zip(points, points[1:]):
            if w0 <= edge.when <= w1:
                at = t0 + (t1 - t0) * ((edge.when - w0) / (w1 - w0) if w1 > w0 else 0)
                found.append(((at - begin) / 1e9, edge.state))
                break
    return found
