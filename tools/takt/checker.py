# SPDX-License-Identifier: MIT
"""Check a system description: against the schema, and against a board."""

import argparse
import os
import pathlib
import sys

from takt import board, cpio, dts, machine, rules, schema
from takt.booking import Booking, disabled

PAGE = 4096


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="check", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("source", nargs="?", help="the description, a .dts file")
    parser.add_argument("--description", dest="described", help="the same, as an option")
    parser.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME=VALUE",
                        help="for the preprocessor")
    parser.add_argument("--file", dest="files", action="append", default=[], metavar="NAME[=PATH]",
                        help="a file of the boot archive; its first is root. Without a path: one that is made "
                        "later, of a few pages")
    parser.add_argument("--kernel", help="the kernel's image")
    parser.add_argument("--board", help="the board's compiled device tree (default: QEMU's virt, by "
                        "the options below)")
    parser.add_argument("--schema", action="append", default=[], type=pathlib.Path,
                        help="schema of further programs")
    parser.add_argument("--output", help="write what is booked there, if all is well")
    parser.add_argument("--depfile", help="write there for ninja what was read")
    parser.add_argument("--docs", metavar="PAGE", type=pathlib.Path,
                        help="instead: write the generated parts of this page anew")
    machine.add_options(parser)
    args = parser.parse_args(argv)
    args.source = args.source or args.described
    args.source = args.source and os.path.relpath(args.source)
    if bool(args.source) == bool(args.docs):
        parser.error("give a description")
    return args


def read_files(names):
    """{name: bytes} of what is built, and all names."""
    found = {}
    for entry in names:
        name, _, path = entry.partition("=")
        if not path:
            found[name] = bytes(2 * PAGE)
            continue
        try:
            found[name] = pathlib.Path(path).read_bytes()
        except FileNotFoundError:
            found[name] = None
        except OSError as error:
            raise dts.Unreadable([(path, 0, error.strerror)]) from None
    return found


def read_kernel(path):
    try:
        return pathlib.Path(path).read_bytes() if path else None
    except FileNotFoundError:
        return None


def get_board(args):
    if args.board:
        return board.from_file(args.board)
    return board.from_qemu(smp=args.smp, cpu=args.cpu, gic=args.gic, mem=args.mem)


class Counter:
    """A file that is not written."""

    @staticmethod
    def write(data):
        pass


def archive_size(files):
    """As tools/mkboot packs it."""
    archive = cpio.Writer(Counter)
    for name, data in files.items():
        archive.file(name, data or b"", align=PAGE)
    archive.close()
    return archive.offset


def summary(args, booking, memory):
    """What is booked, for people."""
    lines = [f"{args.source}: good on {booking.board.name} with {booking.board.cpus} CPUs and "
             f"{memory.total >> 20} MiB"]
    for cpu, booked in booking.cpu.items():
        booked = [(c, share) for c, share in booked if share and not disabled(c)]
        parts = ", ".join(f"{c.node.name} {share}" for c, share in booked)
        lines.append(f"  CPU {cpu}: {sum(s for _, s in booked)} of 1000 ‰ booked"
                     + (f" ({parts})" if parts else ""))
    used = memory.at_start - memory.left()
    lines.append(f"  memory: {used >> 10} KiB of {memory.at_start >> 10} KiB taken, "
                 f"{memory.left() >> 10} KiB left")
    return lines


def report(args, issues):
    lines = issues.lines()
    lines.append(f"{args.source}: {len(lines)} {'error' if len(lines) == 1 else 'errors'}")
    print("\n".join(lines), file=sys.stderr)
    return 1


def check(args):
    """Prints what is wrong; returns the exit status."""
    rulebook = schema.Schema(args.schema)
    issues = rules.Issues(args.source)
    files = read_files(args.files)
    tree = dts.load(args.source, [f"-D{define}" for define in args.defines])
    description = rules.Description(tree, rulebook, issues, list(files) if files else None)
    booking = Booking(description, get_board(args), issues,
                      {name: data for name, data in files.items() if data is not None})
    root = next(iter(files.values()), None)
    memory = booking.check_memory(read_kernel(args.kernel), archive_size(files), root)
    if issues.found:
        return report(args, issues)
    lines = summary(args, booking, memory)
    for program, names in description.unjudged.items():
        lines.append(f"  '{program}' has no schema, so not checked: {rules.listed(names)}")
    missing = [name for name, data in files.items() if data is None]
    if not files or missing:
        what = rules.listed(missing) if missing else "the boot archive"
        lines.append(f"  not built yet, so not counted: {what}")
    if args.output:
        pathlib.Path(args.output).write_text("\n".join(lines) + "\n")
    else:
        print("\n".join(lines))
    if args.depfile:
        read = [str(path) for path in rulebook.files] + tree.files
        pathlib.Path(args.depfile).write_text(
            f"{args.output}: " + " ".join(p.replace(" ", "\\ ") for p in read) + "\n")
    return 0


def write_docs(page):
    page.write_text(schema.rewrite(page.read_text(), schema.Schema()))
    return 0


def main(argv=None):
    """Returns the exit status."""
    args = parse_args(argv)
    try:
        return write_docs(args.docs) if args.docs else check(args)
    except dts.Unreadable as error:
        issues = rules.Issues(args.source)
        for file, line, text in error.args[0]:
            issues.at(file, line, text)
        report(args, issues)
    except schema.Wrong as error:
        print(error, file=sys.stderr)
    except machine.NoTree as error:
        print(f"{args.source}: {error}", file=sys.stderr)
    return 1

