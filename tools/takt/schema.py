# SPDX-License-Identifier: MIT
"""The schema of system descriptions: what systems/schema.toml and the programs' own files say."""

import pathlib
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMON = TOP / "systems/schema.toml"
PLACES = ("servers/*/schema.toml", "vmm/schema.toml", "guests/schema.toml", "guests/*/schema.toml",
          "docs/examples/schema.toml", "tests/**/schema.toml")
TYPES = {
    "flag": "a flag has no value",
    "string": 'one string, as in "name"',
    "strings": 'strings, as in "one", "two"',
    "file": "the name of a file in the boot archive, as a string",
    "number": "a number of one or two cells, as in <10>",
    "size": "a size in bytes of one or two cells, as in <0x20000>",
    "cells": "a list of numbers, as in <1 2>",
    "paths": "paths in the board's device tree, as strings",
    "route": "references, as in <&server 0>",
}
PROPERTY_KEYS = {"nodes", "type", "doc", "min", "max", "unit", "values", "count", "default",
                 "required", "needs", "one-of", "no-more-than", "programs", "unique", "longest"}
PROGRAM_KEYS = {"programs", "doc", "devices", "compatible", "properties", "provides", "subnodes"}
CELL_KEYS = {"name", "min", "max", "below", "also", "exclusive"}


class Wrong(Exception):
    """A schema file that cannot be used."""


def _read(path):
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Wrong(f"{path}: {error}") from None


def _keys(path, what, table, known):
    for key in table:
        if key not in known:
            raise Wrong(f"{path}: {what}: unknown key '{key}', known are {', '.join(sorted(known))}")


class Program:
    """What a program's own file says."""

    def __init__(self, path, table):
        _keys(path, "file", table, PROGRAM_KEYS)
        self.path = path
        self.names = table.get("programs", [])
        self.doc = table.get("doc", "")
        self.devices = table.get("devices")
        self.compatible = table.get("compatible", [])
        self.properties = table.get("properties", {})
        self.provides = table.get("provides", {})
        self.subnodes = table.get("subnodes", False)
        for cells in self.provides.values():
            for cell in cells:
                _keys(path, "provides", cell, CELL_KEYS)


class Schema:
    def __init__(self, extra=()):
        common = _read(COMMON)
        self.limits = common["limits"]
        self.nodes = common["nodes"]
        self.routes = common["routes"]
        self.provides = common["provides"]      # of root's own node
        self.properties = common["properties"]
        self.files = [COMMON]
        self.programs = []
        self._by_name = {}
        self._check(COMMON, self.properties)
        found = [path for place in PLACES for path in sorted(TOP.glob(place))]
        for path in [*dict.fromkeys(found), *extra]:
            self._add(Program(path, _read(path)))
            self.files.append(pathlib.Path(path))

    def _check(self, path, properties):
        for name, rule in properties.items():
            _keys(path, name, rule, PROPERTY_KEYS)
            if rule.get("type") not in TYPES:
                raise Wrong(f"{path}: {name}: its type is none of {', '.join(TYPES)}")
            if isinstance(rule.get("max"), str):
                rule["max"] = self.limits[rule["max"]]

    def _add(self, program):
        self._check(program.path, program.properties)
        for name in program.names:
            if name in self._by_name:
                raise Wrong(f"{program.path}: '{name}' stands in {self._by_name[name].path}, too")
            self._by_name[name] = program
        self.programs.append(program)

    def program(self, name):
        return self._by_name.get(name)

    def rules(self, kind, program):
        """{name: rule} of the properties that such a node may have."""
        rules = {name: rule for name, rule in self.properties.items() if kind in rule["nodes"]}
        own = self.program(program)
        for name, rule in own.properties.items() if own else ():
            if program in rule.get("programs", own.names):
                rules[name] = rule
        return rules

    def route_kind(self, name):
        """The kind of route that a property of this name is, or None."""
        if name.startswith("#"):
            return None
        return self.routes.get(name.rpartition("-")[2] if "-" in name else name)

    def default(self, name):
        return self.properties[name]["default"]


# --- The manual's tables -------------------------------------------------------------------------

def _size(number):
    for shift, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if number and number % (1 << shift) == 0:
            return f"{number >> shift} {unit}"
    return str(number)


def _bounds(rule, show):
    least, most = rule.get("min", 0), rule.get("max")
    if most is None:
        return f" from {show(least)} on" if least else ""
    return f" {show(least)} to {show(most)}"


def _value(rule):
    kind = rule["type"]
    least, most = rule.get("count", [None, None])
    many = "" if least is None else str(most) if least == most else f"{least} to {most}"
    if "values" in rule:
        return ", ".join(f"`{value}`" for value in rule["values"])
    if kind == "number":
        return (_bounds(rule, str).strip() + " " + rule.get("unit", "")).strip() or "number"
    if kind == "size":
        if rule.get("max", 1 << 40) == 1 << 40:
            least = rule.get("min", 0)
            return f"bytes, from {_size(least)} on" if least else "bytes"
        return f"bytes,{_bounds(rule, _size)}"
    if kind == "cells":
        return f"{many} numbers".strip()
    if kind == "route":
        return "route" if (least, most) == (1, 1) else f"{many} routes".strip()
    if kind == "strings":
        return f"{many} strings".strip()
    return {"flag": "flag", "string": "string", "file": "file", "paths": "paths"}[kind]


def _default(rule):
    if rule.get("required"):
        return "required" if rule["required"] is True else "required for a VM"
    value = rule.get("default", "")
    if isinstance(value, int):
        text = _size(value) if rule["type"] == "size" else str(value)
        return text
    return value


def _rows(properties):
    lines = ["| property | value | default | meaning |", "|---|---|---|---|"]
    for name, rule in properties.items():
        only = f" (`{'`, `'.join(rule['programs'])}`)" if "programs" in rule else ""
        lines.append(f"| `{name}`{only} | {_value(rule)} | {_default(rule)} | {rule['doc']} |")
    return "\n".join(lines)


def _provided(program):
    lines = []
    for name, cells in program.provides.items():
        words = []
        for cell in cells:
            end = (f"less than there are `{cell['below']}`" if "below" in cell
                   else f"{cell.get('min', 0)} to {cell['max']}")
            end += "".join(f" or {value:#x}" for value in cell.get("also", ()))
            end += ", each for one client" if cell.get("exclusive") else ""
            words.append(f"{cell['name']}, {end}")
        lines.append(f"Routes to it say: {'; '.join(words)} (`{name} = <{len(cells)}>`).")
    return lines


def tables(schema):
    """{name: text} of the generated parts of docs/system-description.md."""
    machine = {n: r for n, r in schema.properties.items() if "vm" in r["nodes"]
               and (n == "ram" or n.startswith("on-"))}
    common = {n: r for n, r in schema.properties.items()
              if n not in machine and not n.startswith("#") and n not in ("compatible", "model")}
    routes = "\n".join(["| name | cells |", "|---|---|"]
                       + [f"| `{name}`, `...-{name}` | `{rule['cells']}`: {rule['doc']} |"
                          for name, rule in schema.routes.items()])
    parts = []
    for program in schema.programs:
        if program.path.is_relative_to(TOP / "tests"):
            continue
        parts.append(f"**{', '.join(f'`{name}`' for name in program.names)}.** {program.doc}")
        parts += _provided(program)
        if program.properties:
            parts.append(_rows(program.properties))
    return {"properties": _rows(common), "machines": _rows(machine), "routes": routes,
            "programs": "\n\n".join(parts)}


def rewrite(text, schema):
    """The manual's page with its generated parts written anew."""
    for name, table in tables(schema).items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->\n"
        head, mark, rest = text.partition(begin)
        if not mark or end not in rest:
            raise Wrong(f"docs/system-description.md: no place for '{name}'")
        text = f"{head}{begin}{table}\n{end}{rest.partition(end)[2]}"
    return text
