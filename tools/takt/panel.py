# SPDX-License-Identifier: MIT
"""The demo's terminal view: the LEDs on top, the console below."""

import time

import urwid

from takt import blink, machine

REDRAW = 0.1        # seconds; also what a column of an LED's strip stands for
COLOURS = ["yellow", "light green", "light cyan", "light magenta", "light red", "light blue"]
NAME_WIDTH = 20
FIGURES_WIDTH = 18

urwid.set_encoding("utf-8")      # whatever the locale says: a bare system has none

PALETTE = [("title", "white", "dark blue"), ("hint", "black", "light gray"),
           ("off", "dark gray", "default")]
PALETTE += [(f"led{n}", colour, "default") for n, colour in enumerate(COLOURS)]


class LedRow(urwid.Text):
    """LED, owner, the last seconds, figures."""

    def __init__(self, number, owner):
        super().__init__("", wrap="clip")
        self.number, self.owner = number, owner
        self.colour = f"led{number % len(COLOURS)}"
        self.blink = blink.Blink()

    def update(self, now, columns):
        strip = max(0, columns - NAME_WIDTH - FIGURES_WIDTH - 2)
        lit = self.blink.state(now)
        text = [(self.colour if lit else "off", " ● "),
                (self.colour, f"{self.number} {self.owner}"[:NAME_WIDTH - 4].ljust(NAME_WIDTH - 3))]
        tick = int(now / REDRAW)        # so that the strip moves by whole columns
        for column in range(strip):
            then = (tick - strip + 1 + column) * REDRAW
            on = self.blink.state(then)
            text.append((self.colour, "█") if on else ("off", "▁"))
        text.append(f"  {self.blink.describe(now)}")
        self.set_text(text)


class Panel:
    def __init__(self, system, leds, options):
        self.trace = machine.Leds()
        self.rows = [LedRow(number, led.owner) for number, led in leds.items()]
        title = f" takt: {system}, {options['smp']} × {options['cpu']}, GICv{options['gic']}"
        hint = " ctrl-t 0..3: console  ctrl-a pgup: scroll back   ctrl-a q: quit"
        command = machine.command(system, self.trace.path, **options)
        self.console = urwid.Terminal(command + ["-serial", "stdio", "-monitor", "none"],
                                      encoding="utf-8")
        self.console.keygrab = True
        head = [urwid.AttrMap(urwid.Text(title), "title")] + self.rows
        frame = urwid.Frame(self.console, header=urwid.Pile(head),
                            footer=urwid.AttrMap(urwid.Text(hint, wrap="clip"), "hint"))
        self.loop = urwid.MainLoop(frame, PALETTE, unhandled_input=self.key)
        self.console.main_loop = self.loop
        urwid.connect_signal(self.console, "closed", self.quit)

    def key(self, key):
        if key == "q":
            self.quit()
        elif isinstance(key, str) and key not in ("page up", "page down"):
            self.console.keygrab = True
        return True

    def quit(self, *_):
        raise urwid.ExitMainLoop()

    def edges(self):
        for edge in self.trace.read():
            for row in self.rows:
                if row.number == edge.led:
                    row.blink.add(edge)

    def redraw(self, loop, _):
        columns, _ = loop.screen.get_cols_rows()
        for row in self.rows:
            row.update(time.time(), columns)
        loop.set_alarm_in(REDRAW, self.redraw)

    def run(self):
        self.loop.screen.tty_signal_keys("undefined", "undefined", "undefined", "undefined",
                                         "undefined")
        self.loop.watch_file(self.trace.fileno(), self.edges)
        self.loop.set_alarm_in(0, self.redraw)
        try:
            self.loop.run()
        finally:
            if self.console.pid:
                self.console.terminate()
            self.trace.close()
