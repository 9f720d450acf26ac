# SPDX-License-Identifier: MIT
"""A program on a terminal of its own: what it shows, for tests and pictures."""

import time

import pexpect
import pyte


class OnScreen:
    def __init__(self, command, columns=80, lines=24):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(command[0], command[1:], dimensions=(lines, columns),
                                   env=None, timeout=None)
        self.child.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def type(self, keys):
        self.child.send(keys)

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def read(self):
        """What there is to read, or a little time; False when the program has ended."""
        try:
            self.stream.feed(self.child.read_nonblocking(1 << 16, 0.1))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return False
        return True

    def wait(self, done, timeout):
        """Reads on until done(lines) is true; says whether it is before the time is over."""
        end = time.monotonic() + timeout
        while not done(self.screen.display):
            if time.monotonic() > end or not self.read():
                return done(self.screen.display)
        return True

    def ended(self, timeout):
        """Its exit status, or None if it goes on."""
        end = time.monotonic() + timeout
        while self.read():
            if time.monotonic() > end:
                return None
        self.child.close()
        return self.child.exitstatus
