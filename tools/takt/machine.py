# SPDX-License-Identifier: MIT
"""QEMU as takt's machine, and what can be seen of it from outside: serial line and LEDs."""

import fcntl
import os
import pathlib
import re
import select
import tempfile
import time

import pexpect
import pexpect.popen_spawn

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build/aarch64"


def add_options(parser):
    """Command-line options for the keyword arguments of command()."""
    parser.add_argument("--smp", type=int, default=2, help="number of CPUs")
    parser.add_argument("--cpu", default="cortex-a57", help="QEMU's name of the CPU")
    parser.add_argument("--gic", type=int, default=2, choices=(2, 3), help="GIC version")
    parser.add_argument("--mem", type=int, default=512, help="RAM in MiB")
    parser.add_argument("--icount", action="store_true",
                        help="an instruction is a nanosecond: repeatable, for measuring")


def _trace_options(trace):
    return ["-d", "trace:pl061_set_output", "-D", str(trace), "-msg", "timestamp=on"]


def native_linux(trace):
    """QEMU's command line for the Linux guest without takt below it."""
    guest = BUILD / "guests/linux"
    return ["qemu-system-aarch64", "-M", "virt,gic-version=2", "-cpu", "cortex-a57", "-m", "128",
            "-nic", "none", "-display", "none", "-kernel", str(guest / "linux-Image"),
            "-initrd", str(guest / "linux-initrd"), "-dtb", str(guest / "native.dtb"),
            *_trace_options(trace)]


def command(system, trace, smp=2, cpu="cortex-a57", gic=2, mem=512, icount=False):
    """QEMU's command line; the serial line is its standard input and output, the LEDs go to the
    file `trace`."""
    machine = f"virt,virtualization=on,gic-version={gic}"
    line = ["qemu-system-aarch64", "-cpu", cpu, "-smp", str(smp), "-m", str(mem), "-nic", "none",
            "-display", "none", "-kernel", str(BUILD / "kernel/takt.img"),
            "-initrd", str(BUILD / f"systems/{system}.cpio"), *_trace_options(trace)]
    if icount:
        machine += ",dtb-randomness=off"
        line += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"]
    return line + ["-M", machine]


class Edge:
    """A change of an LED: host time in seconds, LED number, new state."""

    def __init__(self, when, led, state):
        self.when, self.led, self.state = when, led, state


class Leds:
    """QEMU's trace of its GPIO controller, read while it runs: `path` is a pipe for QEMU to write
    to, fileno() becomes readable when something happens."""

    PATTERN = re.compile(rb"@([\d.]+):pl061_set_output \S+ setting output (\d+) to (\d+)")
    PIPE_SIZE = 1 << 20     # QEMU must not wait for a reader that is busy elsewhere

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="takt-")
        self.path = os.path.join(self.folder.name, "leds")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, self.PIPE_SIZE)
        self.rest = b""
        self.edges = []     # all so far

    def fileno(self):
        return self.fd

    def read(self):
        """The edges since the last time."""
        new = []
        try:
            while data := os.read(self.fd, self.PIPE_SIZE):
                *lines, self.rest = (self.rest + data).split(b"\n")
                for line in lines:
                    if m := self.PATTERN.search(line):
                        new.append(Edge(float(m[1]), int(m[2]), int(m[3])))
        except BlockingIOError:
            pass
        self.edges += new
        return new

    def wait(self, done, timeout):
        """Reads on until done() is true; says whether it is before the time is over."""
        end = time.monotonic() + timeout
        self.read()
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            select.select([self.fd], [], [], left)
            self.read()
        return True

    def of(self, led, since=0):
        """The edges of one LED, from the since-th of all edges on."""
        return [edge for edge in self.edges[since:] if edge.led == led]

    def close(self):
        os.close(self.fd)
        self.folder.cleanup()


class Machine:
    """A running machine for tests: `serial` is a pexpect object, `leds` a Leds. Started by what
    `line` makes of the LED trace's path: Machine(lambda trace: command("demo", trace))."""

    def __init__(self, line):
        self.leds = Leds()
        self.serial = pexpect.popen_spawn.PopenSpawn(
            line(self.leds.path) + ["-serial", "stdio", "-monitor", "none"], timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.serial.proc.kill()
        self.serial.proc.wait()
        self.leds.close()

    def wait_exit(self, timeout):
        """Reads the serial line until QEMU has ended: what came, as text, and whether it did."""
        ended = self.serial.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=timeout) == 0
        if ended:
            ended = self.serial.proc.wait(10) == 0
        return self.serial.before.decode(errors="replace"), ended

