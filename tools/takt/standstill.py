# SPDX-License-Identifier: MIT
"""What can be seen from outside of a machine that does nothing any more: whether QEMU runs, waits or
is blocked, what it has not got rid of, and where its CPUs are."""

import fcntl
import json
import pathlib
import re
import socket
import struct
import termios
import time

PATIENCE = 5            # seconds for an answer of QEMU's
INTERESTING = re.compile(r"CPU#\d+|\bPC=\w+|\bX30=\w+|\bSP=\w+|\bPSTATE=.*")


def _waiting(fd):
    """Bytes in a pipe that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


def _threads(pid):
    """{thread: (name, state, CPU time in ticks of the host, where it waits in the host's kernel)}"""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            fields = rest.split()
            where = (task / "wchan").read_text()
        except OSError:                             # it has ended
            continue
        found[task.name] = name, fields[0], int(fields[11]) + int(fields[12]), where
    return found


class _Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        self.file.readline()                        # a greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:                                 # events come in between
            answer = json.loads(self.file.readline() or '{"return": "no answer"}')
            if "return" in answer or "error" in answer:
                return answer.get("return", answer)


def _machine(path):
    """Lines about the machine, by QEMU's monitor."""
    qmp = _Qmp(path)
    lines = [f"QEMU says that it is {qmp.execute('query-status').get('status')}"]
    for _ in range(2):                              # do they move?
        text = str(qmp.execute("human-monitor-command",
                               **{"command-line": "info registers -a"}))
        lines.append("  " + " ".join(INTERESTING.findall(text)))
        time.sleep(0.5)
    return lines


def describe(m):
    """Lines about a machine.Machine."""
    pid, ended = m.serial.proc.pid, m.serial.proc.poll()
    if ended is not None:
        return [f"QEMU has ended, status {ended}"]
    lines = [f"nobody has read {_waiting(m.leds.fileno())} bytes of the LEDs' trace, "
             f"{_waiting(m.serial.proc.stdout.fileno())} bytes of the serial line"]
    before = _threads(pid)
    time.sleep(1)
    for thread, (name, state, used, where) in sorted(_threads(pid).items()):
        used -= before.get(thread, (0, 0, 0))[2]
        lines.append(f"QEMU's thread {name}: state {state}, {used} ticks of CPU time in a second, "
                     f"waits in {where}")
    try:
        lines += _machine(m.state_path)
    except OSError as error:
        lines.append(f"QEMU's monitor does not answer: {error}")
    return lines
