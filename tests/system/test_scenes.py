#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo in good times and bad: whatever becomes of one of the three, the others keep their rhythm,
and the LED of a dead one stays as it left it. Each change of an LED is compared with what its program
says of it (takt/edges.py). On one CPU time is counted, and no change is more than BOUND late; on more
CPUs the host's scheduling is in the figures, and the number and order of changes are tested.

Without arguments: some scenes on one CPU. With the word all: all of them, on 1, 2 and 4 CPUs; with
names of courses and numbers of CPUs: these. A table, a picture and what was said on the serial line are
left in the build folder."""

import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import pexpect                                                               # noqa: E402
from takt import description, edges, machine, scenario, standstill, timeline # noqa: E402
from takt.tap import Failure, Steps, check                                   # noqa: E402

LINUX, RT_GUEST, NATIVE = 0, 1, 2
NAMES = {RT_GUEST: "rtos", NATIVE: "blinker"}       # in the programs' lines
SESSIONS = {"linux": 1, "rtos": 2, "blinker": 3, "monitor": 4}
# ns after the instants that the programs have in mind, at worst, by what is known of a change: their
# own way from the kernel's timer to the line takes 800 to 1300, the kernel keeps interrupts masked for
# 1500 at most.
BOUND = 2500
HALF_PERIODS = 8        # of the slowest LED, in each scene
PICTURED = 2.0          # seconds of each scene
STALLED = 240           # seconds of the host without a change that should come
ASKED = 20              # seconds for the monitor's answer then
LAST_WORDS = 3000       # bytes of what was said before
RESTARTS = 20
PIECE = 24              # characters that are typed at once
OUT = machine.BUILD / "scenes"


class Log(edges.Log):
    """Keeps all that is said in a file, too."""

    def __init__(self, path):
        super().__init__()
        self.file = open(path, "w+b")

    def write(self, data):
        super().write(data)
        self.file.write(data)

    def flush(self):
        self.file.flush()

    def tail(self, begin):
        """Lines, from a place in the file on."""
        self.file.seek(max(begin, 0))
        text = self.file.read().decode(errors="replace")
        return re.sub(r"\x1b\[[\d;]*\w|\r", "", text).split("\n")


class Stage:
    """A machine, what its programs say, and the scenes so far: rows of the table. `heard`: what a
    hostile guest has said of itself."""

    HOSTILE = re.compile(rb"hostile: ([a-z][^,\r\n]*)[,\r\n]")

    def __init__(self, m, cpus, log):
        self.m, self.cpus, self.exact = m, cpus, cpus == 1
        self.log = log
        m.serial.logfile_read = self.log
        self.half = {number: round(led.period * 5e8)
                     for number, led in description.leds(f"scenes-{cpus}").items() if led.period}
        self.rows, self.strips, self.typed, self.heard = [], [], 0, set()

    def pump(self):
        """Reads what there is, or a little time."""
        if self.m.serial.expect([r"edge \w+ \d+ [^\n]*\n", pexpect.TIMEOUT, pexpect.EOF], 0.5) == 2:
            raise Failure("QEMU has ended")
        self.heard |= {text.decode() for text in self.HOSTILE.findall(self.m.serial.before)}
        self.m.leds.read()

    def told(self, led):
        return len(self.log.changes(NAMES[led]))

    def wait(self, done, otherwise):
        """Until done(), as long as changes come at all."""
        seen, since = self.m.leds.count(), time.monotonic()
        while not done():
            self.pump()
            if len(self.m.leds.edges) != seen:
                seen, since = len(self.m.leds.edges), time.monotonic()
            if time.monotonic() > since + STALLED:
                raise Failure("\n# ".join([f"no LED changes any more: {otherwise}", *self.still()]))

    def still(self):
        """Where everything is, if nothing moves; the monitor's answer is in it, if there is one."""
        lines = standstill.describe(self.m)
        begin = self.log.file.tell()
        self.m.serial.send(f"\x14{SESSIONS['monitor']}\rlist\r")
        self.m.serial.expect([r"root: \d+ of [^\n]*\n", pexpect.TIMEOUT, pexpect.EOF], ASKED)
        return lines + ["the serial line's last words, and what the monitor says of it:",
                        *self.log.tail(begin - LAST_WORDS)]

    def changes(self, led):
        """Of an LED that is off at first; that its line becomes an output is none."""
        found, state = [], 0
        for edge in self.m.leds.of(led):
            if edge.state != state:
                found.append(edge)
            state = edge.state
        return found

    def counts(self):
        return {led: len(self.changes(led)) for led in (LINUX, RT_GUEST, NATIVE)}

    def pass_time(self, alive, half_periods=HALF_PERIODS):
        start = {led: self.told(led) for led in alive}
        for led in alive:
            count = half_periods * (2 if led == NATIVE else 1)
            self.wait(lambda: self.told(led) >= start[led] + count, f"waiting for LED {led}")

    def settle(self, alive):
        """Until the programs have told of all changes that were seen so far."""
        self.m.leds.read()
        end = self.counts()
        self.wait(lambda: all(self.told(led) >= end[led] for led in alive), "the programs' own words")
        return end

    def session(self, name):
        self.m.serial.send(f"\x14{SESSIONS[name]}")
        scenario.expect(self.m.serial, f"session {SESSIONS[name]}: {name}", 60,
                        f"no session of {name}")

    def monitor(self, line, answer):
        self.session("monitor")
        self.m.serial.send("\r")
        scenario.expect(self.m.serial, "takt> ", 60, "the monitor does not prompt")
        self.m.serial.send(line + "\r")
        scenario.expect(self.m.serial, rf"\n{re.escape(answer)}", 120, f"no '{answer}'")

    def boot(self):
        scenario.expect(self.m.serial, "takt-linux: ready", 400, "Linux did not get ready")
        scenario.expect(self.m.serial, scenario.PROMPT, 60, "no shell prompt")

    def type(self, line):
        """A line for Linux's shell, and what it says then. The prompt is no sign of its end: it is
        printed again wherever others' lines come in between."""
        self.typed += 1
        said = b""
        for text in (line, f'echo "="{self.typed}='):
            for i in range(0, len(text), PIECE):
                self.m.serial.send(text[i:i + PIECE])
                for char in text[i:i + PIECE]:      # others of Linux's may print in between
                    scenario.expect(self.m.serial, re.escape(char), 60,
                                    f"Linux's shell did not echo {line!r}")
                    said += self.m.serial.before + self.m.serial.after
            self.m.serial.send("\n")
        scenario.expect(self.m.serial, f"={self.typed}=", 120, f"no end of {line!r}")
        return (said + self.m.serial.before).decode(errors="replace")


class Cell:
    """What became of an LED in a scene; `frozen`: it should stand."""

    def __init__(self, count, good, worst=None, frozen=False):
        self.count, self.good, self.worst, self.frozen = count, good, worst, frozen

    def text(self, edges_called, us):
        what = "frozen" if self.frozen and not self.count else f"{self.count} {edges_called}"
        return what if self.worst is None else f"{what}, latest {self.worst / 1000:.2f} {us}"


def strip(stage, led, begin, end, spans, remark, still):
    """For the picture: the scene's last seconds."""
    pairs = [pair for span in spans.values() for pair in span.edges]
    start = max(inside.last for _, inside in pairs) - PICTURED * 1e9
    own = stage.changes(led)[:end]
    if led in spans:
        shown = [((x.last - start) / 1e9, x.level) for _, x in spans[led].edges]
    else:
        shown = edges.timeline(own[begin:], pairs, start)
    seen = shown[:1]
    for at, state in shown[1:]:                     # no finer than the picture
        if at - seen[-1][0] > PICTURED / 280 and state != seen[-1][1]:
            seen.append((at, state))
    before = own[:begin] + [e for e, (at, _) in zip(own[begin:], shown) if at < 0]
    return timeline.Strip(("Linux", "RTOS", "native")[led], before[-1].state if before else 0, seen,
                          remark, still)


def verdict(stage, name, begin, end, alive, linux):
    """Tests a scene's changes, and enters it in table and picture. `linux`: its LED blinks (True), is
    frozen (False), or may do either (None)."""
    problems, spans, row, strips = [], {}, {}, {}
    for led in (RT_GUEST, NATIVE):
        if led not in alive:
            row[led] = Cell(end[led] - begin[led], end[led] == begin[led], frozen=True)
            continue
        span = spans[led] = edges.Span(stage.changes(led), stage.log.changes(NAMES[led]),
                                       stage.half[led], begin[led] + 1, end[led])
        found = list(span.problems)
        if not span.edges:
            found.append("no change")
        # A host that lets all stand still for long lets programs catch up then, and lose lines.
        if span.untold and (stage.exact or len(span.untold) > stage.log.lost.get(NAMES[led], 0)):
            found.append(f"its program has not told of changes {span.untold[:8]}")
        if stage.exact and span.missed:
            found.append(f"{span.missed} changes missing")
        if stage.exact and span.worst > BOUND:
            found.append(f"{span.worst} ns late")
        if span.earliest < 0:
            found.append(f"{-span.earliest} ns early")
        row[led] = Cell(len(span.edges), not found, span.worst)
        problems += [f"LED {led}: {text}" for text in found]
    problems += edges.disorder(spans.values())
    changes = end[LINUX] - begin[LINUX]
    row[LINUX] = Cell(changes, linux is None or bool(changes) == linux, frozen=linux is False)
    for led in (LINUX, RT_GUEST, NATIVE):
        cell = row[led]
        if not cell.good and cell.worst is None:
            problems.append(f"LED {led} changed {cell.count} times")
        remark = cell.text("edges", "µs") if cell.count else "stays as it was left"
        strips[led] = strip(stage, led, begin[led], end[led], spans, remark, not cell.count)
    stage.rows.append((stage.cpus, name, row))
    stage.strips.append((name, list(strips.values())))
    check(not problems, f"{name}: " + "; ".join(problems[:8]))


def scene(steps, stage, name, act, alive=(RT_GUEST, NATIVE), linux=True, after=None):
    """`act` starts something; it is watched from its beginning, or where `alive` or Linux lose their
    lives by it, from its end."""
    dies = linux is False or len(alive) < 2
    stage.settle((RT_GUEST, NATIVE) if not dies else alive)
    begin = stage.counts()
    act(stage)
    if dies:
        stage.settle(alive)
        for led in (RT_GUEST, NATIVE):
            if led in alive:            # those that go on do so over the death, too
                continue
            begin[led] = stage.counts()[led]
        begin[LINUX] = begin[LINUX] if linux else stage.counts()[LINUX]
    stage.pass_time(alive)
    verdict(stage, name, begin, stage.settle(alive), alive, linux)
    if after:
        after(stage)
    steps.done(f"{stage.cpus} CPUs: {name}")


# --- What is done to Linux, and by it ---------------------------------------------------------------

def idle(_):
    pass


def compute(stage):
    stage.type('P=')
    stage.type('n() { while :; do :; done; }')
    for _ in range(stage.cpus):
        stage.type('n & P="$P $!"')


def io(stage):
    """Interrupts and exits: timers, the console, and an LED as fast as it can."""
    stage.type("P=; cd /sys/class/leds/*")
    stage.type("echo none > trigger")
    stage.type("t() { while :; do usleep 200; done; }")
    stage.type("l() { while :; do echo 1; echo 0; done; }")
    stage.type("o() { while sleep 0.02; do echo .; done; }")
    stage.type('t & P="$P $!"')
    stage.type('l > brightness & P="$P $!"')
    stage.type('o & P="$P $!"')


def memory(stage):
    stage.type("P=; m() { while :; do tail /dev/zero; done; }")
    stage.type('m 2>/dev/null & P="$P $!"')
    for _ in range(30):
        said = stage.type("sleep 0.3; echo killed: $(dmesg | grep -c 'Out of memory')")
        if re.search(r"killed: [1-9]", said):
            return
    raise Failure(f"Linux's memory was not exhausted: {said!r}")


def stop(stage):
    stage.type("kill $P")


def stop_io(stage):
    stop(stage)
    stage.type("echo heartbeat > trigger; cd")


def panic(stage):
    scenario.crash(stage.m.serial)
    # The last thing that Linux does is to turn its LED off, in a softirq. Where these have been left to
    # ksoftirqd before the crash, they do not come any more; then the LED stays as it is.
    began = stage.told(NATIVE)
    stage.wait(lambda: stage.changes(LINUX)[-1].state == 0
               or stage.told(NATIVE) > began + 2 * HALF_PERIODS, "Linux's crash")


def wild(stage):
    """Writes to where Linux's machine has nothing, or the board has devices and others' memory; then
    to its interrupt controller."""
    for address in ("0", "0x3f000000", "0x09040000", "0x50000000", "0x5ffff000", "0x0a000000",
                    "0x7ffffff000"):
        stage.type(f"devmem {address} 32 0xffffffff")
    stage.m.serial.sendline("devmem 0x08000000 32 0")


# --- What is done to Linux, and to the others -------------------------------------------------------

def kill(stage):
    stage.monitor("kill linux", "linux: stopped")


def restarts(stage):
    stage.monitor("start linux", "linux: running")
    for n in range(RESTARTS):
        stage.pass_time((NATIVE,), n % 4)           # it is somewhere else in its boot each time
        stage.monitor("restart linux", "linux: running")
    scenario.expect(stage.m.serial, "takt-linux: ready", 400, "Linux did not get ready")


def guest_asserts(stage):
    stage.session("rtos")
    stage.m.serial.send("assert\r")
    scenario.expect(stage.m.serial, "assertion failed", 60, "the guest goes on")
    scenario.expect(stage.m.serial, r"rtos: .*(ended|stopped)", 60, "root does not tell its end")


def native_faults(stage):
    stage.session("blinker")
    stage.m.serial.send("fault\r")
    scenario.expect(stage.m.serial, "a fault was asked for", 60, "the program goes on")
    scenario.expect(stage.m.serial, r"blinker: .*(fault|ended|stopped)", 60, "no word of its end")


# --- Another in Linux's place -----------------------------------------------------------------------

def attack(stage):
    """Each of its lives ends in a reset of its machine, the last one never."""
    stage.wait(lambda: "loops for ever" in stage.heard, "the hostile guest does not come to its end")
    lives = [re.fullmatch(r"life (\d+) of (\d+)", text) for text in stage.heard]
    lives = {int(m[1]): int(m[2]) for m in lives if m}
    check(lives and sorted(lives) == list(range(1, max(lives.values()) + 1)),
          f"of the hostile guest's lives ended: {lives}")


# --- Courses: what one machine goes through ---------------------------------------------------------

def load(steps, stage):
    scene(steps, stage, "Linux is idle", idle)
    scene(steps, stage, "Linux computes on all its CPUs", compute, after=stop)
    scene(steps, stage, "interrupt and I/O load", io, after=stop_io)
    scene(steps, stage, "Linux's memory is exhausted", memory, linux=None, after=stop)
    scene(steps, stage, "Linux panics (SysRq)", panic, linux=False)


def brief(steps, stage):
    scene(steps, stage, "Linux is idle", idle)
    scene(steps, stage, "Linux computes on all its CPUs", compute, after=stop)
    scene(steps, stage, "Linux panics (SysRq)", panic, linux=False)
    scene(steps, stage, "the native program faults", native_faults, (RT_GUEST,), linux=None)


def writes(steps, stage):
    scene(steps, stage, "Linux writes where it should not", wild, linux=None)


def power(steps, stage):
    scene(steps, stage, "the machine is killed", kill, linux=False)
    scene(steps, stage, f"the machine is restarted {RESTARTS} times", restarts)


def guest(steps, stage):
    scene(steps, stage, "the RTOS fails an assertion", guest_asserts, (NATIVE,))


def native(steps, stage):
    scene(steps, stage, "the native program faults", native_faults, (RT_GUEST,))


def hostile(steps, stage):
    scene(steps, stage, "a hostile guest in Linux's place", attack, linux=None)


COURSES = {"brief": brief, "load": load, "writes": writes, "power": power, "guest": guest,
           "native": native, "hostile": hostile}
ALL = [name for name in COURSES if name != "brief"]


# --- Results ----------------------------------------------------------------------------------------

def table(rows):
    text = [f"{'CPUs':4}  {'scene':36}{'Linux':>20}{'RTOS':>36}{'native':>36}"]
    for cpus, name, row in rows:
        cells = [f"{row[led].text('edges', 'us')}, {'ok' if row[led].good else 'FAILED'}"
                 for led in (LINUX, RT_GUEST, NATIVE)]
        text.append(f"{cpus:4}  {name:36}{cells[0]:>20}{cells[1]:>36}{cells[2]:>36}")
    return "\n".join(text) + "\n"


def markdown(rows):
    """The table of the README: one CPU."""
    text = ["| scene | Linux | RTOS | native |", "|---|---|---|---|"]
    for _, name, row in (row for row in rows if row[0] == 1):
        cells = [("" if row[led].good else "FAILED: ") + row[led].text("changes", "µs")
                 for led in (LINUX, RT_GUEST, NATIVE)]
        text.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def course(steps, name, cpus, rows, scenes):
    options = {"smp": cpus, "icount": cpus == 1}
    system = f"scenes-hostile-{cpus}" if name == "hostile" else f"scenes-{cpus}"
    with machine.Machine(lambda trace: machine.command(system, trace, **options)) as m:
        stage = Stage(m, cpus, Log(OUT / f"{name}-{cpus}.log"))
        try:
            if name != "hostile":
                stage.boot()
            stage.wait(lambda: stage.told(RT_GUEST) and stage.told(NATIVE), "their first words")
            stage.settle((RT_GUEST, NATIVE))
            COURSES[name](steps, stage)
        finally:
            rows += stage.rows
            if cpus == 1:
                scenes += stage.strips


def main():
    words = sys.argv[1:]
    cpus = [int(word) for word in words if word.isdigit()] or ([1, 2, 4] if words else [1])
    names = [word for word in words if word in COURSES] or (ALL if words else ["brief"])
    steps, rows, scenes = Steps(), [], []
    OUT.mkdir(exist_ok=True)
    for count in cpus:
        for name in names:
            steps.run(course, name, count, rows, scenes)
    steps.plan()
    text = table(rows)
    (OUT / "table.txt").write_text(text)
    (OUT / "table.md").write_text(markdown(rows))
    (OUT / "timeline.svg").write_text(timeline.picture(
        "LEDs on one CPU, the last seconds of each scene, in the board's own time", scenes, PICTURED))
    print("".join(f"# {line}\n" for line in text.splitlines()), end="")


if __name__ == "__main__":
    main()
