# SPDX-License-Identifier: MIT
"""QEMU as takt's machine, and what can be seen of it from outside: serial line and LEDs."""

import fcntl
import json
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import tempfile
import time

import pexpect
import pexpect.popen_spawn

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build/aarch64"
BUILD_CLANG = TOP / "build/aarch64-clang"

# Where loaders put things: clear of each other, of the firmware's tree at the start of RAM and of
# U-Boot at its end, even in 128 MiB.
KERNEL_AT = 0x40200000
TREE_AT = 0x41000000
START_AT = 0x41200000
ARCHIVE_AT = 0x41400000
UBOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"


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




def _board(smp=2, cpu="cortex-a57", gic=2, mem=512, icount=False, el2=True):
    """The board alone. With icount an instruction takes 1 ns; 2 ns with 2, 4 with 3 and so on, which
    is for what shall get through a long time."""
    machine = f"virt,virtualization={'on' if el2 else 'off'},gic-version={gic}"
    if cpu == "max":
        cpu += ",pauth-impdef=on"       # the architected algorithm takes most of QEMU's time
    line = ["qemu-system-aarch64", "-cpu", cpu, "-smp", str(smp), "-m", str(mem), "-nic", "none",
            "-display", "none"]
    if icount:
        machine += ",dtb-randomness=off"
        line += ["-icount", f"shift={int(icount) - 1},sleep=off", "-rtc", "clock=vm"]
    return line + ["-M", machine]


def _kernel(build=BUILD, name="takt"):
    return str(build / f"kernel/{name}.img")


def _archive(system, build=BUILD):
    """Of a system by its name, or an archive's own path."""
    if isinstance(system, pathlib.Path):
        return str(system)
    return str(build / f"systems/{system}.cpio")


def pack(path, description, files, **defines):
    """Makes the boot archive `path` of a description with such definitions; `files`, the first task's
    program first, says which file has which name in it."""
    tree = path.with_suffix(".dtb")
    subprocess.run([TOP / "tools/dtb", description, tree,
                    *(f"-D{name}={value}" for name, value in defines.items())], check=True)
    names, contents = list(files), list(files.values())
    names.insert(1, "system.dtb")
    contents.insert(1, tree)
    subprocess.run([TOP / "tools/mkboot", path, "--names", *names, "--files", *contents],
                   check=True)
    return path


def native_linux(trace, initrd=None, tree=None, **board):
    """QEMU's command line for the Linux guest without takt below it, with its own initramfs and tree
    or others."""
    guest = BUILD / "guests/linux"
    return _board(**{"smp": 1, "mem": 128, "el2": False} | board) + [
        "-kernel", str(guest / "linux-Image"), "-initrd", str(initrd or guest / "linux-initrd"),
        "-dtb", str(tree or guest / "native.dtb"), *_trace_options(trace)]


def _load(path, address):
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def command(system, trace, dtb=None, append=None, build=BUILD, kernel="takt", archive=None,
            **board):
    """QEMU's command line; the serial line is its standard input and output, the LEDs go to the
    file `trace`. `dtb` takes the place of the tree that QEMU makes, `append` is the kernel's command
    line; kernel and system are from the folder `build`, or the system is the file `archive`."""
    line = _board(**board) + ["-kernel", _kernel(build, kernel),
                              "-initrd", str(archive or _archive(system, build))]
    if append:
        line += ["-append", append]
    if dtb:
        line += ["-dtb", str(dtb)]
    return line + _trace_options(trace)


def uboot(system, trace, **board):
    """The same with U-Boot, which has the files in memory: boot_command() boots them."""
    return (_board(**board) + ["-bios", UBOOT] + _load(_kernel(), KERNEL_AT)
            + _load(_archive(system), ARCHIVE_AT) + _trace_options(trace))


def boot_command(system):
    size = os.path.getsize(_archive(system))
    return f"booti {KERNEL_AT:#x} {ARCHIVE_AT:#x}:{size:x} $fdt_addr"


def bare(trace, folder, tree, **board):
    """The kernel with x0 pointing to `tree`, bytes that need not be a device tree; None: x0 = 0.
    Files are left in `folder`."""
    start, blob = pathlib.Path(folder) / "start", pathlib.Path(folder) / "tree"
    tree_at = 0 if tree is None else TREE_AT
    code = (0xd2a00000 | tree_at >> 16 << 5,            # movz x0, tree_at
            0xd2a00001 | KERNEL_AT >> 16 << 5,          # movz x1, KERNEL_AT
            0xd61f0020)                                 # br x1
    start.write_bytes(struct.pack("<3I", *code))
    blob.write_bytes(tree or b"\0")
    return (_board(**board) + _load(_kernel(), KERNEL_AT) + _load(blob, TREE_AT)
            + ["-device", f"loader,file={start},addr={START_AT:#x},force-raw=on,cpu-num=0"]
            + _trace_options(trace))


class NoTree(Exception):
    """QEMU made no device tree; the argument says why."""


def board_tree(**board):
    """The device tree that QEMU makes for the board."""
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        path = pathlib.Path(folder) / "dtb"
        line = _board(**board)
        line[-1] += f",dumpdtb={path}"
        try:
            subprocess.run(line, check=True, timeout=30, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True)
            return path.read_bytes()
        except subprocess.CalledProcessError as error:
            said = (error.stderr or "").strip() or f"it ended with {error.returncode}"
            raise NoTree(f"no board from QEMU: {said}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoTree(f"no board from QEMU: {error}") from None


class Edge:
    """A change of an LED: host time in seconds, LED number, new state, its number among all."""

    def __init__(self, when, led, state, order=0):
        self.when, self.led, self.state, self.order = when, led, state, order


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
                        new.append(Edge(float(m[1]), int(m[2]), int(m[3]),
                                        len(self.edges) + len(new)))
        except BlockingIOError:
            pass
        self.edges += new
        return new

    def count(self):
        """How many edges there are up to now: `since` for what comes."""
        self.read()
        return len(self.edges)

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


class Inputs:
    """The input lines of a machine's GPIO controller, driven from outside by way of two sockets to
    QEMU: `options` are for its command line, connect() is called when it runs."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="takt-")
        self.listeners = [self._listen(name) for name in ("qmp", "qtest")]
        self.options = ["-qmp", f"unix:{self.folder.name}/qmp",
                        "-qtest", f"unix:{self.folder.name}/qtest", "-qtest-log", "none"]

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.folder.name}/{name}")
        listener.listen(1)
        listener.settimeout(60)
        return listener

    def connect(self):
        connections = [listener.accept()[0] for listener in self.listeners]
        for connection in connections:
            connection.settimeout(60)
        self.qmp, self.qtest = (connection.makefile("rw") for connection in connections)
        self.qmp.readline()                                         # a greeting
        self._execute("qmp_capabilities")
        devices = self._execute("qom-list", path="/machine/unattached")
        self.path = next(device["name"] for device in devices if device["type"] == "child<pl061>")

    def _execute(self, command, **arguments):
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:                                                 # events come in between
            answer = json.loads(self.qmp.readline())
            if "error" in answer:
                raise RuntimeError(f"QEMU: {command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def set(self, line, level):
        self.qtest.write(f"set_irq_in /machine/unattached/{self.path} unnamed-gpio-in {line} "
                         f"{level}\n")
        self.qtest.flush()
        answer = self.qtest.readline()
        if not answer.startswith("OK"):
            raise RuntimeError(f"QEMU: set_irq_in: {answer}")

    def power_key(self):
        """Line 3: up, and down again after a tenth of a second."""
        self._execute("system_powerdown")

    def close(self):
        for listener in self.listeners:
            listener.close()
        self.folder.cleanup()


class Machine:
    """A running machine for tests: `serial` is a pexpect object, `leds` a Leds, `inputs` an Inputs
    if wanted. Started by what `line` makes of the LED trace's path:
    Machine(lambda trace: command("demo", trace)). At `state_path` QEMU can be asked (standstill.py)."""

    def __init__(self, line, inputs=False):
        self.leds = Leds()
        self.inputs = Inputs() if inputs else None
        self.state_path = os.path.join(self.leds.folder.name, "state")
        self.serial = pexpect.popen_spawn.PopenSpawn(
            line(self.leds.path) + ["-serial", "stdio", "-monitor", "none"]
            + ["-qmp", f"unix:{self.state_path},server=on,wait=off"]
            + (self.inputs.options if inputs else []), timeout=60)
        if inputs:
            self.inputs.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.serial.proc.kill()
        self.serial.proc.wait()
        self.leds.close()
        if self.inputs:
            self.inputs.close()

    def wait_exit(self, timeout):
        """Reads the serial line until QEMU has ended: what came, as text, and whether it did."""
        ended = self.serial.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=timeout) == 0
        if ended:
            ended = self.serial.proc.wait(10) == 0
        return self.serial.before.decode(errors="replace"), ended

