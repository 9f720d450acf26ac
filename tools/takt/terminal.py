# SPDX-License-Identifier: MIT
"""A terminal as an urwid widget: pyte follows what is printed, urwid draws it."""

import pyte
import urwid

COLUMNS = 80        # what a guest takes for granted that has no other way to know
HISTORY = 1000      # lines to scroll back
CHUNK = 1 << 14     # bytes of output worked off in one go
BACKLOG = 1 << 18   # bytes of output waiting for that, at most

COLOURS = {"black": "black", "red": "dark red", "green": "dark green", "brown": "brown",
           "blue": "dark blue", "magenta": "dark magenta", "cyan": "dark cyan",
           "white": "light gray", "brightblack": "dark gray", "brightred": "light red",
           "brightgreen": "light green", "brightbrown": "yellow", "brightblue": "light blue",
           "brightmagenta": "light magenta", "brightcyan": "light cyan", "brightwhite": "white"}


class Screen(pyte.HistoryScreen):
    """Answers questions that the output asks its terminal."""

    def __init__(self, columns, lines, answer):
        super().__init__(columns, lines, history=HISTORY)
        self.answer = answer

    def write_process_input(self, data):
        self.answer(data.encode())

    def scrolled_back(self):
        return self.history.position < self.history.size

    def resize(self, lines=None, columns=None):
        """Lines that no longer fit go to the history, at the top, unless there are empty ones."""
        while self.scrolled_back():
            self.next_page()
        lines = lines or self.lines
        extra = self.cursor.y + 1 - lines
        if lines < self.lines and extra > 0:
            for y in range(extra):
                self.history.top.append(self.buffer[y])
        y = self.cursor.y - max(extra, 0)
        shift = max(extra, 0)
        if lines < self.lines:
            kept = {n: self.buffer[n + shift] for n in range(lines)}
            self.buffer.clear()
            self.buffer.update(kept)
            self.lines = lines
            self.set_margins()
        super().resize(lines, columns)
        self.cursor.y = y
        self.dirty.update(range(lines))


def attribute(char, cursor):
    settings = ["bold"] * char.bold + ["underline"] * char.underscore
    settings += ["standout"] * (char.reverse != cursor)
    foreground = COLOURS.get(char.fg, "default")
    return urwid.AttrSpec(",".join([foreground] + settings), COLOURS.get(char.bg, "default"))


class Terminal(urwid.Widget):
    _sizing = frozenset(["box"])
    _selectable = True

    def __init__(self, answer):
        super().__init__()
        self.screen = Screen(COLUMNS, 24, answer)
        self.stream = pyte.ByteStream(self.screen)
        self.backlog = b""
        self.attributes = {}    # by (character's look, cursor)
        self.cursor_at = None   # line in which it was drawn
        self.texts = [urwid.Text("", wrap="clip")]

    def feed(self, data):
        self.backlog += data
        if len(self.backlog) > BACKLOG:
            lost = len(self.backlog) - BACKLOG // 4
            self.backlog = (b"\r\n[%d bytes of output are not shown]\r\n" % lost
                            + self.backlog[lost:])
        self.work()

    def work(self):
        """Works off some of the backlog, not all, lest others wait."""
        if self.backlog:
            self.stream.feed(self.backlog[:CHUNK])
            self.backlog = self.backlog[CHUNK:]
            self._invalidate()

    def scroll(self, direction):
        if direction < 0:
            self.screen.prev_page()
        else:
            self.screen.next_page()
        self._invalidate()

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).strip()

    def look(self, char, cursor):
        key = char[1:], cursor
        if key not in self.attributes:
            self.attributes[key] = attribute(char, cursor)
        return self.attributes[key]

    def line(self, y):
        """Line y as urwid's markup."""
        runs, last = [], None
        buffer, cursor = self.screen.buffer[y], self.screen.cursor
        visible = not cursor.hidden and y == cursor.y and not self.screen.scrolled_back()
        for x in range(self.screen.columns):
            char = buffer[x]
            look = self.look(char, visible and x == cursor.x)
            if look is last:
                runs[-1][1].append(char.data)
            else:
                runs.append((look, [char.data]))
                last = look
        return [(look, "".join(data)) for look, data in runs]

    def render(self, size, focus=False):
        columns, lines = size
        if lines != self.screen.lines or min(columns, COLUMNS) != self.screen.columns:
            self.screen.resize(lines, min(columns, COLUMNS))
        if lines != len(self.texts):
            self.texts = [urwid.Text("", wrap="clip") for _ in range(lines)]
            self.screen.dirty.update(range(lines))
        dirty = self.screen.dirty | {self.cursor_at, self.screen.cursor.y}
        self.cursor_at = self.screen.cursor.y
        for y in dirty & set(range(lines)):
            self.texts[y].set_text(self.line(y))
        self.screen.dirty.clear()
        canvas = urwid.CanvasCombine([(row.render((columns,)), y, False)
                                      for y, row in enumerate(self.texts)])
        return urwid.CompositeCanvas(canvas)
