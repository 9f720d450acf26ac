# SPDX-License-Identifier: MIT
"""Reading a system's compiled description."""

import struct

import libfdt

from takt.machine import BUILD


class Led:
    """An LED's owner, and the period in seconds that the description promises, or None."""

    def __init__(self, owner, period):
        self.owner, self.period = owner, period


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


def _number(fdt, node, name):
    value = fdt.getprop(node, name, libfdt.QUIET_NOTFOUND)
    return None if isinstance(value, int) else value.as_uint32()


def _text(fdt, node, name):
    value = fdt.getprop(node, name, libfdt.QUIET_NOTFOUND)
    return None if isinstance(value, int) else value.as_str()


def _owner(fdt, node):
    """A machine is known by its node's name, a program by its own."""
    if _text(fdt, node, "compatible") == "takt,vm":
        return fdt.get_name(node)
    return _text(fdt, node, "program") or fdt.get_name(node)


def leds(system):
    """{number: Led} of the lines that the description hands to programs and machines."""
    fdt = libfdt.Fdt((BUILD / f"systems/{system}.dtb").read_bytes())
    found = {}
    for node in _nodes(fdt, 0):
        for prop in _properties(fdt, node):
            if not prop.name.endswith("gpios"):
                continue
            cells = [value for value, in struct.iter_unpack(">I", prop)]
            while cells:
                controller = fdt.node_offset_by_phandle(cells.pop(0))
                line, *cells = cells
                cells = cells[_number(fdt, controller, "#gpio-cells") - 1:]
                period = _number(fdt, node, "period-ms")
                found[line] = Led(_owner(fdt, node), period and period / 1000)
    return dict(sorted(found.items()))
