# SPDX-License-Identifier: MIT
"""What system tests do with a machine: talk to the Linux guest's shell, watch LEDs."""

import re

import pexpect

from takt.tap import Failure, check

BOOT_TIMEOUT = 120
PROMPT = "linux# "


def expect(serial, what, timeout, otherwise):
    """Waits for `what` on the serial line; else fails, with its last words."""
    if serial.expect([what, pexpect.EOF, pexpect.TIMEOUT], timeout=timeout):
        tail = (serial.before or b"").decode(errors="replace")[-1500:]
        raise Failure(f"{otherwise}; the serial line's last words:\n# "
                      + tail.replace("\r", "").replace("\n", "\n# "))


def boot(serial):
    expect(serial, "takt-linux: ready", BOOT_TIMEOUT, "Linux did not get ready")
    expect(serial, PROMPT, 20, "Linux is ready, but no shell prompt came")


def answer(serial):
    serial.sendline("echo $((6*7))")
    expect(serial, r"\r?\n42\r", 20, "Linux's shell did not answer 6*7")
    expect(serial, PROMPT, 20, "no new prompt from Linux's shell")


def command(serial, line, timeout=40):
    """What a command prints in Linux's shell. Its end is told by a word that the shell makes: a
    prompt comes again whenever another session prints beside an unfinished line."""
    mark = "echo end$((6*7))"
    serial.sendline(f"{line}; {mark}")
    expect(serial, r"end42\r", timeout, f"no end from Linux's shell of {line!r}")
    text = re.sub(r"\x1b\[[\d;]*\w", "", serial.before.decode(errors="replace"))
    expect(serial, PROMPT, 20, f"no new prompt from Linux's shell after {line!r}")
    text = without_echo(text.replace("\r", ""), f"{line}; {mark}")
    others = ("[", PROMPT.strip())
    return "\n".join(t for t in text.split("\n") if not t.startswith(others)).strip()


def without_echo(text, typed):
    """What follows the line that the shell has echoed, the last time if that was shown again; it is
    broken at the terminal's edge perhaps."""
    if typed in text:
        return text.rpartition(typed)[2]
    rest = typed.replace(" ", "")
    for i, c in enumerate(text):
        if c in " \n":
            continue
        if not rest.startswith(c):
            break
        rest = rest[1:]
        if not rest:
            return text[i + 1:]
    return text


def crash(serial):
    serial.sendline("echo c > /proc/sysrq-trigger")
    expect(serial, "end Kernel panic", 30, "Linux did not crash when asked to")


def blinks(leds, led, count, timeout, since, name):
    """`count` changes of an LED from the since-th of all on, each to the other state."""
    if not leds.wait(lambda: len(leds.of(led, since)) >= count, timeout):
        raise Failure(f"LED {led} ({name}) changed {len(leds.of(led, since))} times in "
                      f"{timeout} s, expected {count}")
    edges = leds.of(led, since)
    for before, after in zip(edges, edges[1:]):
        check(before.state != after.state, f"LED {led} ({name}): twice the same state")
