# SPDX-License-Identifier: MIT
"""The Test Anything Protocol: counting what tests print, and printing it."""

import re
import sys
import traceback


class Tally:
    """Sums up TAP streams and shows them in short."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def fail(self, what):
        self.failed += 1
        print(f"  FAILED {what}")

    def feed(self, name, text, ended=True):
        """One stream: the text of a test that ended by itself, or did not."""
        print(f"{name}:")
        plan, seen, failures = None, 0, self.failed
        for line in text.replace("\r", "").splitlines():
            if m := re.match(r"1\.\.(\d+)", line):
                plan = int(m[1])
            elif m := re.match(r"(not )?ok\b\s*\d*\s*(?:- )?(.*)", line):
                seen += 1
                if m[1]:
                    self.fail(m[2])
                else:
                    self.passed += 1
            elif line.startswith("Bail out!"):
                self.fail(line)
        if not ended:
            self.fail("did not end as it should")
        elif plan != seen or not seen:
            self.fail(f"{seen} results, planned were {plan}")
        if self.failed > failures:
            print("    | " + "\n    | ".join(text.replace("\r", "").splitlines()[-80:]))
        else:
            print(f"  {seen} passed")

    def report(self):
        """Prints the result; the exit status that goes with it."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def failed(text):
    """The tests that did not pass, of a stream."""
    return re.findall(r"^not ok\b\s*\d*\s*(?:- )?([^\r\n]*)", text, flags=re.MULTILINE)


class Failure(Exception):
    """What a check found, in a sentence."""


class Steps:
    """Tests in steps that build on each other: the first step that fails ends its test."""

    def __init__(self):
        self.count = 0

    def done(self, what):
        self.count += 1
        print(f"ok {self.count} - {what}", flush=True)

    def run(self, body, *args):
        try:
            body(self, *args)
        except Failure as failure:
            self._failed(str(failure))
        except Exception:                           # a test that breaks is a test that fails
            traceback.print_exc(file=sys.stdout)
            self._failed("the test itself broke")

    def plan(self):
        """Says how many there were, and that this is all."""
        print(f"1..{self.count}")

    def _failed(self, why):
        self.count += 1
        print(f"not ok {self.count} - {why}", flush=True)


def check(condition, otherwise):
    if not condition:
        raise Failure(otherwise)
