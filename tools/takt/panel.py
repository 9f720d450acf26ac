# SPDX-License-Identifier: MIT
"""The demo's terminal view: the LEDs on top, the console below."""

import os
import signal
import subprocess
import time

import urwid

from takt import blink, machine, terminal

REDRAW = 0.1        # seconds; also what a column of an LED's strip stands for
NAME_WIDTH = 20
FIGURES_WIDTH = 18
CONSOLE_ROWS = 5    # at least
PREFIX = 0x01       # Ctrl-A
ANSI = {31: "dark red", 32: "dark green", 33: "brown", 34: "dark blue", 35: "dark magenta",
        36: "dark cyan", 37: "light gray", 91: "light red", 92: "light green", 93: "yellow",
        94: "light blue", 95: "light magenta", 96: "light cyan", 97: "white"}

urwid.set_encoding("utf-8")      # whatever the locale says: a bare system has none

PALETTE = [("title", "white", "dark blue"), ("hint", "black", "light gray"),
           ("off", "dark gray", "default")]
PALETTE += [(f"sgr{number}", name, "default") for number, name in ANSI.items()]


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class LedRow(urwid.Text):
    """LED, owner, the last seconds, figures."""

    def __init__(self, number, led):
        super().__init__("", wrap="clip")
        self.number, self.owner = number, led.owner
        self.colour = f"sgr{led.colour}" if led.colour in ANSI else "default"
        self.blink = blink.Blink()

    def update(self, now, columns):
        strip = max(0, columns - NAME_WIDTH - FIGURES_WIDTH - 2)
        lit = self.blink.state(now)
        name = f"{self.number} {self.owner}"[:NAME_WIDTH - 4].ljust(NAME_WIDTH - 3)
        text = [(self.colour if lit else "off", " ● "), (self.colour, name)]
        tick = int(now / REDRAW)        # so that the strip moves by whole columns
        for column in range(strip):
            then = (tick - strip + 1 + column) * REDRAW
            on = self.blink.state(then)
            text.append((self.colour, "█") if on else ("off", "▁"))
        text.append(f"  {self.blink.describe(now)}")
        self.set_text(text)


def hints(system):
    """What to try, and the keys, in two lines."""
    tries = []
    if system.linux:
        tries.append("crash Linux: echo c > /proc/sysrq-trigger")
    if system.monitor is not None:
        tries.append(f"monitor: ctrl-t {system.monitor:x}")
        if system.linux:
            tries[-1] = f"revive it: ctrl-t {system.monitor:x}, restart {system.linux}"
    keys = "ctrl-a pgup: scroll  ctrl-a q: quit"
    if system.console:
        keys = "ctrl-t n: next console  ctrl-t l: list  " + keys
    return [" " + line for line in ("   ".join(tries), keys) if line]


class Panel:
    def __init__(self, name, system, options):
        self.started = time.time()
        self.trace = machine.Leds()
        self.rows = [LedRow(number, led) for number, led in system.leds.items()]
        self.name = f" takt: {name}, {options['smp']} × {options['cpu']}, GICv{options['gic']}"
        if system.linux_session is not None:
            self.name += f"    type into Linux: ctrl-t {system.linux_session:x}"
        self.title = urwid.Text(self.name, wrap="clip")
        self.qemu = subprocess.Popen(
            machine.command(name, self.trace.path, **options)
            + ["-serial", "stdio", "-monitor", "none"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.qemu.stdout.fileno(), False)
        os.set_blocking(self.qemu.stdin.fileno(), False)
        self.console = terminal.Terminal(self.type)
        self.typed = b""        # for QEMU, not yet taken by it
        self.prefixed = False
        self.result = None      # QEMU's, if it ends first
        head = [urwid.AttrMap(self.title, "title")] + self.rows
        foot = [urwid.AttrMap(urwid.Text(line, wrap="clip"), "hint") for line in hints(system)]
        frame = urwid.Frame(self.console, header=urwid.Pile(head), footer=urwid.Pile(foot))
        self.loop = urwid.MainLoop(frame, PALETTE, handle_mouse=False, input_filter=self.keys)

    # What is typed goes to the console as it comes, whatever key it was; but for Ctrl-A.

    def keys(self, keys, raw):
        resized = [key for key in keys if key == "window resize"]
        keys = [key for key in keys if key != "window resize"]
        data = bytes(code for code in raw if 0 <= code < 256)
        if self.prefixed and data:
            self.prefixed = False
            self.command(keys[0], data)
        else:
            before, prefix, after = data.partition(bytes([PREFIX]))
            self.type(before)
            if prefix:
                self.prefixed = not after
                if after:
                    self.command(keys[-1], after)
        return resized

    def command(self, key, data):
        if key in ("q", "Q", "x"):
            raise urwid.ExitMainLoop()
        if key == "page up":
            self.console.scroll(-1)
        elif key == "page down":
            self.console.scroll(1)
        elif data[0] == PREFIX:
            self.type(data)

    def type(self, data):
        self.typed += data
        try:
            self.typed = self.typed[os.write(self.qemu.stdin.fileno(), self.typed):]
        except (BlockingIOError, BrokenPipeError):
            pass

    def output(self):
        """Takes what QEMU prints at once, lest its machine waits for a slow terminal."""
        try:
            data = os.read(self.qemu.stdout.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self.result = self.qemu.wait()
            raise urwid.ExitMainLoop()
        self.console.feed(data)

    def edges(self):
        for edge in self.trace.read():
            for row in self.rows:
                if row.number == edge.led:
                    row.blink.add(edge)

    def redraw(self, loop, _):
        columns, _ = loop.screen.get_cols_rows()
        now = time.time()
        passed = clock(now - self.started)
        self.title.set_text(self.name + passed.rjust(columns - len(self.name) - 1))
        for row in self.rows:
            row.update(now, columns)
        self.type(b"")
        self.console.work()
        loop.set_alarm_in(REDRAW, self.redraw)

    def run(self):
        def leave(*_):
            raise urwid.ExitMainLoop()

        signal.signal(signal.SIGHUP, leave)
        signal.signal(signal.SIGTERM, leave)
        self.loop.screen.tty_signal_keys(*["undefined"] * 5)
        self.loop.watch_file(self.trace.fileno(), self.edges)
        self.loop.watch_file(self.qemu.stdout.fileno(), self.output)
        self.loop.set_alarm_in(0, self.redraw)
        try:
            self.loop.run()
        finally:
            self.qemu.kill()
            self.qemu.wait()
            self.trace.close()
        if self.result is not None:
            print(self.console.text())
            print(f"QEMU ended, status {self.result}")
        return 1 if self.result else 0
