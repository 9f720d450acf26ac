# SPDX-License-Identifier: MIT
"""Reading a system's compiled description."""

import os
import re
import struct
import sys

import libfdt

from takt.machine import BUILD, TOP, add_options


# "Select Graphic Rendition" numbers; servers/console/main.c has the same.
PALETTE = [36, 33, 32, 35, 94, 96, 93, 92, 95, 34]
COLOURS = {"default": 0, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35,
           "cyan": 36, "white": 37}
COLOURS |= {f"bright-{name}": number + 60 for name, number in COLOURS.items() if number}


class Led:
    """An LED's owner and its node's name, the period in seconds that the description promises, or
    None, and the colour of the owner's console session."""

    def __init__(self, owner, node, period, colour):
        self.owner, self.node, self.period, self.colour = owner, node, period, colour


def _nodes(fdt, parent):
    node = fdt.first_subnode(parent, libfdt.QUIET_NOTFOUND)
    while node >= 0:
        yield node
        yield from _nodes(fdt, node)
        node = fdt.next_subnode(node, libfdt.QUIET_NOTFOUND)


def _properties(fdt, node):
    offset = fdt.first_property_offset(node, libfdt.QUIET_NOTFOUND)
    while offset >= 0:
        yield fdt.get_property_by_offset(offset)
        offset = fdt.next_property_offset(offset, libfdt.QUIET_NOTFOUND)


def _get(fdt, node, name):
    """A property, or None. (Fdt.getprop takes a reference to None away for each that is missing;
    Python ends when there are none left.)"""
    return next((prop for prop in _properties(fdt, node) if prop.name == name), None)


def _number(fdt, node, name):
    value = _get(fdt, node, name)
    return value and value.as_uint32()


def _text(fdt, node, name):
    value = _get(fdt, node, name)
    return value and value.as_str()


def _owner(fdt, node):
    """A machine is known by its node's name, a program by its own."""
    if _text(fdt, node, "compatible") == "takt,vm":
        return fdt.get_name(node)
    return _text(fdt, node, "program") or fdt.get_name(node)


def strings(fdt, node, name):
    """A list of strings; empty where there is no such property."""
    value = _get(fdt, node, name)
    return bytes(value or b"").decode().split("\0")[:-1]


def _session(fdt, node):
    """Number of a node's console session, and its colour; or None, and 0."""
    value = _get(fdt, node, "console")
    if not value:
        return None, 0
    phandle, session = struct.unpack(">II", value[:8])
    colours = strings(fdt, fdt.node_offset_by_phandle(phandle), "session-colours")
    if session < len(colours):
        return session, COLOURS.get(colours[session], 0)
    return session, PALETTE[session % len(PALETTE)]


def console_of(fdt):
    """Path and phandle of the console's node, and the names of its sessions; or None."""
    for node in _nodes(fdt, 0):
        if _text(fdt, node, "program") == "console" and fdt.get_phandle(node):
            return "/" + fdt.get_name(node), fdt.get_phandle(node), strings(fdt, node,
                                                                            "session-names")
    return None


def systems():
    """Names of the systems for users that are built; tests have further ones."""
    own = [str(TOP / folder) + os.sep for folder in ("systems", "docs/examples")]
    found = []
    for path in sorted(BUILD.glob("systems/*.args"), key=lambda path: path.stem):
        source = re.search(r"^--description=(.*)$", path.read_text(), re.MULTILINE)
        if source and any(os.path.normpath(source[1]).startswith(folder) for folder in own):
            found.append(path.stem)
    return found


def built(name, kind):
    """The file of this kind (cpio, dtb) of a system; ends the program where there is none."""
    path = BUILD / f"systems/{name}.{kind}"
    if not path.exists():
        what = ("has no description" if path.with_suffix(".cpio").exists() else "is not there")
        sys.exit(f"system '{name}' {what}; there are: {', '.join(systems()) or 'none, run make'}")
    return path


def parse_args(parser):
    """The command line of a tool that runs a system: what the system wants of its board, if that is
    not said there, is as its meson.build has it."""
    add_options(parser)
    path = BUILD / f"systems/{parser.parse_args().system}.args"
    lines = path.read_text().splitlines() if path.exists() else []
    return parser.parse_args([line for line in lines if re.match("--(smp|cpu|gic|mem)=", line)]
                             + sys.argv[1:])


class System:
    """What is of interest for somebody who watches a system:
    leds      {number: Led} of the lines that it hands to programs and machines
    linux     name of the first machine, or None; linux_session, number of its console session
    monitor   number of the console session of the program "monitor", or None
    console   whether there is a console server"""

    def __init__(self, name):
        fdt = libfdt.Fdt(built(name, "dtb").read_bytes())
        self.linux, self.linux_session, self.monitor, leds = None, None, None, {}
        for node in _nodes(fdt, 0):
            if not self.linux and _text(fdt, node, "compatible") == "takt,vm":
                self.linux = fdt.get_name(node)
                self.linux_session = _session(fdt, node)[0]
            if _text(fdt, node, "program") == "monitor":
                self.monitor = _session(fdt, node)[0]
            leds |= self._leds(fdt, node)
        self.leds = dict(sorted(leds.items()))
        self.console = console_of(fdt) is not None

    @staticmethod
    def _leds(fdt, node):
        found = {}
        for prop in _properties(fdt, node):
            if not prop.name.endswith("gpios"):
                continue
            cells = [value for value, in struct.iter_unpack(">I", prop)]
            while cells:
                controller = fdt.node_offset_by_phandle(cells.pop(0))
                line, *cells = cells
                cells = cells[_number(fdt, controller, "#gpio-cells") - 1:]
                period = _number(fdt, node, "period-ms")
                found[line] = Led(_owner(fdt, node), fdt.get_name(node), period and period / 1000,
                                  _session(fdt, node)[1])
        return found


def leds(system):
    return System(system).leds
