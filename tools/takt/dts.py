# SPDX-License-Identifier: MIT
"""Device trees as sources: dtc's reading of a file, with the line of every node and property.

dtc does the work, after the C preprocessor as in tools/dtb; here its annotated output is read. What
that no longer tells, which cells were written as references, comes from the preprocessed text.
"""

import re
import subprocess

DEEPEST = 64            # as far as nodes go down
BROKEN = 0xffffffff     # dtc's phandle for a reference that leads nowhere

# Ours says what would be right.
DTC_QUIET = [f"-Wno-{name}" for name in (
    "gpios_property", "interrupts_property", "unit_address_vs_reg", "names_is_string_list",
    "compatible_is_string_list", "model_is_string", "status_is_string", "label_is_string")]


class Unreadable(Exception):
    """No tree could be made of it; the argument is a list of (file, line, text)."""


class Property:
    def __init__(self, name, file, line):
        self.name, self.file, self.line = name, file, line
        self.items = []         # ("cells", [numbers]), ("string", bytes) or ("bytes", bytes)
        self.data = b""
        self.text = ""          # as it was written, without name
        self.refs = None        # {index of a cell: "&label" or "&{/path}"}; None: not known

    def cells(self):
        """All values, where they are cells; None where there is something else."""
        if any(kind != "cells" for kind, _ in self.items):
            return None
        return [cell for _, cells in self.items for cell in cells]

    def strings(self):
        """The strings of which it consists; None where there is something else."""
        if not self.items or any(kind != "string" for kind, _ in self.items):
            return None
        return [part.decode(errors="replace") for part in self.data[:-1].split(b"\0")]


class Node:
    def __init__(self, name, parent, file, line):
        self.name, self.parent, self.file, self.line = name, parent, file, line
        self.labels = []
        self.properties = {}
        self.children = []

    @property
    def path(self):
        if not self.parent:
            return "/"
        return f"{self.parent.path.rstrip('/')}/{self.name}"

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def get(self, name):
        return self.properties.get(name)

    def strings(self, name):
        """A list of strings, whatever dtc takes the bytes for; empty where there is none."""
        prop = self.get(name)
        if not prop or not prop.data.endswith(b"\0"):
            return []
        return [part.decode(errors="replace") for part in prop.data[:-1].split(b"\0")]

    def numbers(self, name):
        """32-bit cells, whatever dtc takes the bytes for."""
        prop = self.get(name)
        data = prop.data if prop else b""
        return [int.from_bytes(data[i:i + 4], "big") for i in range(0, len(data) // 4 * 4, 4)]

    def child(self, name):
        return next((child for child in self.children if child.name == name), None)

    def at(self, path):
        """The node below this one that a path leads to; a unit address may be left out where that is
        not ambiguous."""
        node = self
        for part in path.strip("/").split("/"):
            if not part:
                continue
            found = [c for c in node.children if c.name == part]
            if not found and "@" not in part:
                found = [c for c in node.children if c.name.split("@")[0] == part]
            if not found:
                return None
            node = found[0]
        return node


class Tree:
    def __init__(self, root):
        self.root = root
        self.by_phandle = {BROKEN: None}
        self.labels = {}
        self.files = []         # that it was read from
        self.issues = []        # (file, line, text): what dtc says
        for node in root.walk():
            self.labels |= dict.fromkeys(node.labels, node)
            for number in node.numbers("phandle"):
                self.by_phandle[number] = node
        self._resolve()

    def _resolve(self):
        """dtc leaves all references open where it finds some errors; these are found here."""
        for node in self.root.walk():
            for prop in node.properties.values():
                at = 0
                for kind, cells in prop.items:
                    for i in range(len(cells) if kind == "cells" else 0):
                        if cells[i] == BROKEN:
                            cells[i] = self._phandle((prop.refs or {}).get(at))
                        at += 1

    def _phandle(self, ref):
        """Of the node that a reference means; one is made up where it has none."""
        if not ref:
            return BROKEN
        node = self.root.at(ref[2:-1]) if ref[1] == "{" else self.labels.get(ref[1:])
        if not node:
            return BROKEN
        number = next((n for n, other in self.by_phandle.items() if other == node), None)
        if number is None:
            number = max(n for n in self.by_phandle if n < BROKEN) + 1 if len(self.by_phandle) > 1 else 1
            self.by_phandle[number] = node
        return number


# --- The preprocessed text ---------------------------------------------------------------------

class Source:
    """Lines by the user's own file and number, from the preprocessor's output."""

    MARKER = re.compile(r'#(?:line)? +(\d+) +"((?:\\.|[^"\\])*)"')

    def __init__(self, text):
        self.lines = {}
        file, number = "", 1
        for line in text.split("\n"):
            if m := self.MARKER.match(line):
                file, number = re.sub(r"\\(.)", r"\1", m[2]), int(m[1])
            else:
                self.lines[file, number] = line
                number += 1

    def span(self, file, first, column, last, end):
        """The text between two places, inclusive; columns count from 1."""
        if not first <= last <= first + 10000:
            return ""
        lines = [self.lines.get((file, n), "") for n in range(first, last + 1)]
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][column - 1:]
        return "\n".join(lines)


TOKEN = re.compile(r"""
    (?P<string>"(?:\\.|[^"\\])*") | (?P<ref>&(?:\{[^}]*\}|[\w,.+-]+)) | (?P<label>[A-Za-z_]\w*:)
    | (?P<number>(?:0[xX])?[0-9a-fA-F]+[uUlL]*) | (?P<char>'(?:\\.|[^'\\])+') | (?P<mark>[<>()])
    | (?P<other>\S)""", re.X)


def references(text):
    """{index of the cell: "&label"} of a property as written, and how many cells it has. Where the
    text has cells of another size nothing is known: ({}, -1)."""
    refs, count, inside, depth = {}, 0, False, 0
    if "/bits/" in text or "/incbin/" in text:
        return {}, -1
    for m in TOKEN.finditer(text):
        kind, token = m.lastgroup, m[0]
        if kind == "mark" and depth == 0 and token in "<>":
            inside = token == "<"
        elif not inside:
            continue
        elif token == "(":
            count += depth == 0
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0 and kind in ("ref", "number", "char"):
            if kind == "ref":
                refs[count] = token
            count += 1
    return refs, count


# --- dtc's output -------------------------------------------------------------------------------

PLACE = re.compile(r"([^\n]*?):(\d+):(\d+)-(?:(\d+):)?(\d+)$")
OPENING = re.compile(r"\s*((?:\w+:\s*)*)([^\s=;]+|/) \{$")
PROPERTY = re.compile(r"\s*(?:\w+:\s*)*([\w,.+?#-]+)(?: = (.*))?;$", re.S)
VALUE = re.compile(r"""
    (?P<string>"(?:\\.|[^"\\])*") | /bits/\s*(?P<bits>\d+) | <(?P<cells>[^>]*)>
    | \[(?P<bytes>[^\]]*)\] | (?P<path>&(?:\{[^}]*\}|[\w,.+-]+)) | \w+: | [\s,]+ """, re.X)
ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def unescape(text):
    """The bytes of a C string's inside."""
    def byte(m):
        body = m[1]
        if body[0] == "x":
            return bytes([int(body[1:], 16) & 255]).decode("latin-1")
        if body[0] in "01234567":
            return bytes([int(body, 8) & 255]).decode("latin-1")
        return chr(ESCAPES.get(body, ord(body)))
    inside = text[1:-1].encode(errors="surrogateescape").decode("latin-1")
    return re.sub(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", byte, inside).encode("latin-1")


def _number(token):
    return int(token, 16 if token.lower().startswith("0x") else 10)


def read_value(prop, text):
    """Fills in items and data; whatever dtc may print that is not known here counts as bytes."""
    bits, at = 32, 0
    while at < len(text):
        m = VALUE.match(text, at)
        if not m:
            prop.items.append(("bytes", b""))
            return
        at = m.end()
        if m["bits"]:
            bits = int(m["bits"])
            continue
        if m["string"]:
            item = ("string", unescape(m["string"]))
            prop.data += item[1] + b"\0"
        elif m["cells"] is not None:
            cells = [_number(t) for t in m["cells"].replace(":", ": ").split()
                     if not t.endswith(":") and t[0] != "&"]
            item = ("cells" if bits == 32 else "bytes", cells)
            prop.data += b"".join((c % (1 << bits)).to_bytes(bits // 8, "big") for c in cells)
            bits = 32
        elif m["bytes"] is not None:
            item = ("bytes", bytes(int(t, 16) for t in m["bytes"].split() if t[-1] != ":"))
            prop.data += item[1]
        else:
            continue
        prop.items.append(item)


def _split_place(line):
    """A line of dtc's, and the first place in the comment behind it."""
    code, mark, comment = line.rpartition(" /* ")
    if not mark or not comment.endswith(" */"):
        return line, None
    return code, PLACE.match(comment[:-3].split(", ")[0])


def _add_text(prop, source, place):
    first, last = int(place[2]), int(place[4] or place[2])
    prop.text = source.span(place[1], first, int(place[3]), last, int(place[5]))
    prop.text = re.sub(r"\s+", " ", prop.text.partition("=")[2]).strip().removesuffix(";").strip()
    refs, count = references(prop.text)
    if count == len(prop.cells() or ()) and (refs or "<" in prop.text):
        prop.refs = refs


def parse(output, source=None):
    """The tree of what dtc printed."""
    node, root, depth = None, None, 0
    for line in output.split("\n"):
        code, place = _split_place(line)
        file, number = (place[1], int(place[2])) if place else ("", 0)
        if m := OPENING.match(code):
            child = Node("" if m[2] == "/" else m[2], node, file, number)
            child.labels = re.findall(r"\w+(?=:)", m[1])
            if node:
                node.children.append(child)
            node, root, depth = child, root or child, depth + 1
            if depth > DEEPEST:
                raise Unreadable([(file, number, f"nodes within nodes, more than {DEEPEST} deep")])
        elif code.strip() == "};":
            node, depth = node and node.parent, depth - 1
        elif node and (m := PROPERTY.match(code)):
            prop = node.properties[m[1]] = Property(m[1], file, number)
            read_value(prop, m[2] or "")
            if place and source:
                _add_text(prop, source, place)
    return root


# --- Running the tools ---------------------------------------------------------------------------

SAID = re.compile(r"(?:Error: )?(?P<file>[^:\n]+):(?P<line>\d+)[.:][\d.-]*:? *"
                  r"(?:fatal error|error|ERROR|warning|Warning)?:? *(?:\((?P<check>\w+)\):)? *"
                  r"(?P<text>.*)$")


def _said(stderr, path):
    """What a tool complains about: (file, line, text, name of dtc's check)."""
    issues = []
    for line in stderr.splitlines():
        line = line.strip()
        if (not line or line.startswith(("also defined at", "FATAL ERROR: Unable to parse", "|",
                                         "compilation terminated", "Warning: Input tree has"))):
            continue
        if re.match(r"\d* *\||In file included from", line):
            continue
        if m := SAID.match(line):
            file = path if m["file"] == "<stdin>" else m["file"]
            text = re.sub(r"^(/[^:\s]*):([^:\s]+): ", r"\1: \2: ", m["text"]) or "error"
            issues.append((file, int(m["line"]), text, m["check"]))
        else:
            issues.append((path, 0, line, None))
    return issues


def _quote(source, file, line, text, check):
    """dtc's bare "syntax error", with what it could not read."""
    if text == "syntax error":
        text += f" in or before `{source.lines.get((file, line), '').strip()}`"
    return file, line, text, check


def _run(line, path, text=None):
    try:
        done = subprocess.run(line, input=text, capture_output=True)
    except OSError as error:
        raise Unreadable([(path, 0, f"{line[0]}: {error.strerror}")]) from None
    return (done.returncode, done.stdout,
            done.stderr.decode(errors="replace"))


def load(path, defines=()):
    """The tree of a source file. Its `issues` are what dtc says beyond what is checked here."""
    folder = str(path).rpartition("/")[0] or "."
    status, text, stderr = _run(["cc", "-E", "-nostdinc", "-undef", "-x", "assembler-with-cpp", "-I",
                                 folder, *defines, str(path)], str(path))
    if status:
        raise Unreadable([issue[:3] for issue in _said(stderr, str(path))])
    source = Source(text.decode(errors="surrogateescape"))
    status, output, stderr = _run(["dtc", "-f", "-I", "dts", "-O", "dts", "-T", "-T", *DTC_QUIET, "-"],
                                  str(path), text)
    issues = [_quote(source, *issue) for issue in _said(stderr, str(path))]
    root = parse(output.decode(errors="surrogateescape"), source) if output else None
    if not root:
        raise Unreadable([issue[:3] for issue in issues] or [(str(path), 0, "no tree in it")])
    tree = Tree(root)
    tree.files = sorted({file for file, _ in source.lines if file and file[0] != "<"})
    known = any(BROKEN in (prop.cells() or ()) and prop.refs for node in root.walk()
                for prop in node.properties.values())
    tree.issues = [issue[:3] for issue in issues
                   if not (known and issue[3] == "phandle_references")]
    return tree


def load_blob(path):
    """The tree of a compiled file: without places."""
    status, output, stderr = _run(["dtc", "-q", "-I", "dtb", "-O", "dts", str(path)], str(path))
    root = parse(output.decode(errors="surrogateescape")) if not status else None
    if not root:
        said = " ".join(stderr.split()) or "no device tree"
        raise Unreadable([(str(path), 0, said)])
    return Tree(root)
