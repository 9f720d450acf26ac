#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tools/check: one description for each rule, wrong in that alone. Behind a line stands what is to be
said about it, `// error: TEXT`; `// error@FILE:LINE: TEXT` is about another place. `// options: ...`
are for the checker. In the end, descriptions that are damaged at random: there is always an answer.
"""

import contextlib
import io
import os
import pathlib
import random
import re
import shlex
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tools"))

from takt import checker, dts, machine, schema                              # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

DAMAGED = 150       # descriptions
# What programs are given, not told by their description
GIVEN = {"takt,name", "archive-offset", "archive-size", "device", "irq", "root", "fault", "thread",
         "ram", "archive", "gicv"}
LIMITS = {
    "compartments": ("servers/root/root.h", "MAX_COMPARTMENTS"),
    "routes": ("servers/root/root.h", "MAX_ROUTES"),
    "cpus": ("abi/takt/types.h", "TAKT_MAX_CPUS"),
    "environment": ("servers/root/image.c", "ENV_SIZE"),
    "depth": ("servers/root/image.c", "MAX_DEPTH"),
}


def elf(memory):
    """A program of one segment that has so much memory."""
    header = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 183, 1, 0x400000, 64, 0, 0,
                         64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0, 120, memory, 0x1000)


def image(memory):
    """A kernel image."""
    return struct.pack("<8xQQQ24x4s4x", 0, memory, 0xa, b"ARM\x64")


def write_files(folder):
    (folder / "elf").write_bytes(elf(0x8000))
    (folder / "huge").write_bytes(elf(0x40000000))
    (folder / "text").write_bytes(b"#!/bin/sh\n")
    (folder / "image").write_bytes(image(0x400000))
    (folder / "virt.dtb").write_bytes(machine.board_tree())
    (folder / "one.dtb").write_bytes(machine.board_tree(smp=1))
    subprocess.run([TOP / "tools/dtb", HERE / "board.dtsi", folder / "board.dtb"], check=True)


def run(*args):
    """The checker's status and what it says."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            status = checker.main([str(arg) for arg in args])
        except SystemExit as end:
            status = end.code
    return status, out.getvalue()


def expected(path):
    """Lines that the checker is to print about a file."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for m in re.finditer(r"// error(?:@([\w.-]+):(\d+))?: (.*?)(?= // error|$)", line):
            file, at = (HERE / m[1], m[2]) if m[1] else (path, number)
            found.append(f"{file.relative_to(HERE)}:{at}: {m[3]}")
    return sorted(found)


def one(steps, path, files):
    options = re.findall(r"^// options: (.*)", path.read_text(), re.M)
    args = shlex.split(options[0].format(files=files)) if options else []
    if "--board" not in args:
        args += ["--board", files / "virt.dtb"]
    status, said = run(path, *args)
    wanted = expected(path)
    shown = path.relative_to(HERE)
    lines = [re.sub(r"(^|\()[^ (]*/(?=[\w.-]+\.dtsi?:)", r"\1", line) for line in said.splitlines()]
    if wanted:
        check(status == 1, f"{shown}: status {status}\n# {said}")
        *lines, last = lines
        check(re.search(rf": {len(wanted)} errors?$", last), f"{shown}: says at the end: {last}")
        check(sorted(lines) == wanted, f"{shown}:\n# is:     " + "\n#         ".join(sorted(lines))
              + "\n# wanted: " + "\n#         ".join(wanted))
    else:
        check(status == 0, f"{shown}: is good, but\n# " + said.replace("\n", "\n# "))
    steps.done(f"{path.stem}: {len(wanted)} wrong" if wanted else f"{path.stem}: good")


def unreadable(steps, files):
    for name, board in (("no such board", "nowhere.dtb"), ("no tree", files / "text"),
                        ("half a tree", files / "half.dtb")):
        (files / "half.dtb").write_bytes((files / "virt.dtb").read_bytes()[:3000])
        status, said = run(HERE / "good.dts", "--board", board)
        check(status == 1 and said.startswith(f"{board}: "), f"{name}: {status} {said}")
    status, said = run(HERE / "good.dts", "--board", files / "virt.dtb", "--file", f"root={files}/huge")
    check(status == 1 and "and root alone do not fit into virt.dtb's 512 MiB" in said, said)
    status, said = run(HERE / "nowhere.dts", "--board", files / "virt.dtb")
    check(status == 1 and "nowhere.dts" in said, f"no such source: {said}")
    deep = files / "deep.dts"
    deep.write_text("/dts-v1/;\n/ {\n" + "n {\n" * 2000 + "};\n" * 2001)
    status, said = run(deep, "--board", files / "virt.dtb")
    check(status == 1 and re.search(r"deep.dts:\d+: nodes within nodes", said), f"too deep: {said}")
    status, said = run(HERE / "good.dts", "--smp", "99")
    check(status == 1 and "no board from QEMU" in said, f"no such board of QEMU's: {said}")
    steps.done("sources and boards that cannot be read are errors")


def program(steps, files):
    """As users start it: QEMU's board, what is booked, the depfile."""
    line = [TOP / "tools/check", HERE / "good.dts", "--output", files / "booked", "--depfile",
            files / "d"]
    done = subprocess.run(line, capture_output=True, text=True)
    check(done.returncode == 0 and not done.stdout and not done.stderr, done.stdout + done.stderr)
    booked, read = (files / "booked").read_text(), (files / "d").read_text()
    check("good on QEMU's virt with 2 CPUs and 512 MiB" in booked, booked)
    check("CPU 0: 450 of 1000 ‰ booked (console 200, gpio 50, blinker 200)" in booked, booked)
    check("CPU 1: 430 of 1000 ‰ booked (rtos 180, linux 250)" in booked, booked)
    check("good.dts" in read and "base.dtsi" in read and "servers/gpio/schema.toml" in read, read)
    strange = files / "strange.dts"
    strange.write_bytes((HERE / "good.dts").read_bytes().replace(b'"base', str(HERE).encode() + b"/base")
                        .replace(str(HERE).encode(), b'"' + str(HERE).encode())
                        .replace(b'"one=heartbeat"', b'"\xff\\n\xe2"').replace(b'"idle"', b'"\xff\xfe"'))
    for environment in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}):
        done = subprocess.run([TOP / "tools/check", strange], capture_output=True, text=True,
                              env=os.environ | environment)
        check(done.returncode == 1 and "is none of eoi, idle" in done.stderr
              and "Traceback" not in done.stderr, done.stderr)
    done = subprocess.run([*line[:2], "--output", files / "no/where"], capture_output=True, text=True)
    check(done.returncode == 1 and done.stderr.startswith("check: ") and "no/where" in done.stderr,
          done.stderr)
    steps.done("tools/check says what is booked, and what it has read, whatever that is")


def schemas(steps, files):
    """Wrong schemas have errors, too; and a program can bring one."""
    mine = files / "schema.toml"
    for text, says in (('programs = ["x"]\nproperty = 1\n', "unknown key 'property'"),
                       ('programs = ["x"\n', "Unclosed array"), ('programs = ["gpio"]\n', "servers/gpio"),
                       ('[properties.x]\ntype = "nubmer"\n', "its type is none of")):
        mine.write_text(text)
        status, said = run(HERE / "good.dts", "--board", files / "virt.dtb", "--schema", mine)
        check(status == 1 and says in said and str(mine) in said, f"{text}: {said}")
    mine.write_text('programs = ["newcomer"]\n' + "".join(
        f'[properties.{name}]\ntype = "{kind}"\ndoc = ""\n' for name, kind in
        (("period-ms", "size"), ("anything", "number"), ("kernel-memry", "number"))))
    status, said = run(HERE / "property-no-schema.dts", "--board", files / "virt.dtb",
                       "--schema", mine)
    check(status == 1 and "anything: \"goes\" is wrong here" in said
          and "'newcomer' has no such property" in said and said.endswith(": 3 errors\n"), said)
    steps.done("schemas can be wrong and can be brought along")


def sources(steps):
    """What the sources read and what they are limited to stands in the schema."""
    book = schema.Schema()
    known = set(book.properties) | {n for p in book.programs for n in p.properties}
    missing = []
    for path in [*TOP.glob("servers/**/*.c"), *TOP.glob("vmm/**/*.c"), *TOP.glob("guests/**/*.c"),
                 *TOP.glob("lib/**/*.c"), *TOP.glob("docs/examples/*.c")]:
        for name in re.findall(r'\benv_(?:string|number|cap|count|cell)\("([^"]+)"', path.read_text()):
            if name not in known | GIVEN and re.sub(r"\.\d+$", "", name) not in known | GIVEN:
                missing.append(f"{path.relative_to(TOP)}: {name}")
    root = "".join((TOP / f"servers/root/{name}.c").read_text() for name in ("desc", "devices"))
    read = re.findall(r'\b(?:get_number|get_unsigned|has)\(d, "([^"]+)"', root)
    read += re.findall(r'system_fdt, [\w>.-]+node, "([^"]+)"', root)
    check(len(read) > 15, f"few properties that root reads: {read}")
    missing += [f"servers/root: {name}" for name in read if name not in known]
    check(not missing, "no schema has what the sources read: " + ", ".join(missing))
    for key, (file, name) in LIMITS.items():
        m = re.search(rf"#define {name} (\w+)", (TOP / file).read_text())
        check(m and int(m[1], 0) == book.limits[key], f"{key} is {book.limits[key]}, {name} {m and m[1]}")
    names = int(re.search(r"#define NAME_SIZE (\d+)", (TOP / "servers/root/root.h").read_text())[1])
    check(names == book.limits["name"] + 1, "length of names")
    steps.done("the schema has what the sources read, with their limits")


def damage(random_, text):
    """The text with something wrong in it."""
    words = re.findall(r"[\w,-]+|\S", text)
    kind = random_.randrange(5)
    at = random_.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + text[at + random_.randrange(1, 20):]
    if kind == 2:
        return text[:at] + random_.choice("<>\"{};&/[]()\0\xff\\\n#") + text[at:]
    if kind == 3:
        values = ('"a"', "<>", "<(-1)>", "[]", '""', "<&gpio>", "<&gpio &gpio>", "/bits/ 64 <1>", "[00 ff]",
                  '"a\\0\\xff", <1>', "<0xffffffff>", "<0xffffffff 0xffffffff>", "<&{/}>", '"\\"/* "')
        return re.sub(r"= [^;]*;", lambda m: f"= {random_.choice(values)};"
                      if random_.random() < 0.15 else m[0], text)
    for _ in range(random_.randrange(1, 6)):
        word = random_.choice(words)
        text = text.replace(word, random_.choice(words), 1)
    return text


def damaged(steps, files):
    random_ = random.Random(1)
    good = (HERE / "base.dtsi").read_text() + (HERE / "good.dts").read_text().replace(
        '#include "base.dtsi"', "")
    wrong = 0
    for n in range(DAMAGED):
        path = files / f"damaged{n}.dts"
        path.write_text(damage(random_, good), encoding="latin-1")
        status, said = run(path, "--board", files / "virt.dtb")
        check(status in (0, 1), f"{path}: status {status}")
        check(status == 0 or re.match(r"\S+\.dtsi?(:\d+)?: ", said), f"{path}: {said}")
        wrong += status
    check(wrong > DAMAGED / 2, f"only {wrong} of {DAMAGED} are wrong")
    steps.done(f"{DAMAGED} damaged descriptions: an answer for each")


def values(steps):
    """What dtc prints of a property's value, and that anything else is no traceback."""
    for text, items, data in (
            ('"a\\n\\"b\\x41\\101"', [("string", b'a\n"bAA')], b'a\n"bAA\0'),
            ("<0x01 l:0x02>, \"s\"", [("cells", [1, 2]), ("string", b"s")], b"\0\0\0\1\0\0\0\2s\0"),
            ("[0a ff]", [("bytes", b"\n\xff")], b"\n\xff"),
            ("/bits/ 64 <0x01>", [("bytes", [1])], bytes(7) + b"\1"),
            ("?", [("bytes", b"")], b"")):
        prop = dts.Property("p", "f", 1)
        dts.read_value(prop, text)
        check(prop.items == items and prop.data == data, f"{text}: {prop.items} {prop.data}")
    for text, refs, count in (("<&a 1>, <&{/b/c} (1 + (2 * 3)) 'x'>", {0: "&a", 2: "&{/b/c}"}, 5),
                              ("<1 l: 2>", {}, 2), ('"<&a>"', {}, 0), ("/bits/ 8 <1>", {}, -1)):
        check(dts.references(text) == (refs, count), f"{text}: {dts.references(text)}")
    steps.done("values and references are read as dtc does")


if __name__ == "__main__":
    steps = Steps()
    steps.run(values)
    steps.run(sources)
    with tempfile.TemporaryDirectory(prefix="takt-") as name:
        folder = pathlib.Path(name)
        write_files(folder)
        for file in sorted(HERE.glob("*.dts")):
            steps.run(one, file, folder)
        for test in (unreadable, program, schemas, damaged):
            steps.run(test, folder)
    steps.plan()
