# SPDX-License-Identifier: MIT
"""The rules for a system description that stand in the schema: nodes, properties, routes."""

import difflib

from takt import dts
from takt.schema import TYPES

SHOWN = 40      # characters of a value in a message
IGNORED = ("phandle", "linux,phandle", "#address-cells", "#size-cells")


class Issues:
    """What is wrong, by place."""

    def __init__(self, path):
        self.path = str(path)
        self.found = []

    def at(self, file, line, text):
        self.found.append((file or self.path, line, text))

    def node(self, node, text):
        self.at(node.file, node.line, f"{node.path}: {text}")

    def prop(self, node, name, text):
        """Against a property; where the node has none of that name, against the node."""
        prop = node.get(name)
        place = prop if prop and prop.line else node
        self.at(place.file, place.line, f"{node.path}: {name}: {text}")

    def lines(self):
        ordered = sorted(set(self.found), key=lambda i: (i[0] != self.path, i[0], i[1]))
        return [f"{file}:{line}: {text}" if line else f"{file}: {text}"
                for file, line, text in ordered]


def near(word, words, form="'{}'"):
    """A proposal, as the end of a sentence."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"; did you mean {form.format(found[0])}?" if found else ""


def listed(words, most=8):
    words = [str(word) for word in words]
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")


def shown(prop):
    text = prop.text or " ".join(f"{cell:#x}" for cell in prop.cells() or ())
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


class Route:
    """A capability that a node gets: `index` is the place of its reference in the property."""

    def __init__(self, client, prop, index, server, cells):
        self.client, self.prop, self.index = client, prop, index
        self.server, self.cells = server, cells     # server: a node

    def text(self):
        ref = (self.prop.refs or {}).get(self.index) or f"&{self.server.name}"
        return "<" + " ".join([ref, *map(str, self.cells)]) + ">"


class Compartment:
    """A node that root makes a compartment of."""

    def __init__(self, node, kind, program, own):
        self.node, self.kind, self.program = node, kind, program
        self.own = own          # the program's own schema, or None
        self.rules = {}
        self.values = {}        # numbers and sizes that are right
        self.routes = []
        self.cpus = set()

    @property
    def vm(self):
        return self.kind == "vm"

    def has(self, name):
        return name in self.node.properties

    def number(self, name):
        """The value, or the default; what is wrong is reported elsewhere and counts as default."""
        if name in self.values:
            return self.values[name]
        default = self.rules.get(name, {}).get("default", 0)
        return default if isinstance(default, int) else 0


class Description:
    """Goes over a tree. Afterwards: `compartments`, in order, and `chosen`, root's own routes."""

    def __init__(self, tree, schema, issues, archive=None):
        self.tree, self.schema, self.issues = tree, schema, issues
        self.archive = archive          # names of files in the boot archive; None: not known
        self.compartments = []
        self.kinds = {}                 # node: kind
        self.chosen = []
        self.unjudged = {}              # program without a schema: properties
        self._by_node = {}
        for file, line, text in tree.issues:
            issues.at(file, line, text)
        self._classify()
        for node, kind in self.kinds.items():
            self._check_node(node, kind)
        for c in self.compartments:
            c.routes = self._check_routes(c.node, c.rules)
            self._check_caps(c)
        for node, kind in self.kinds.items():
            if kind == "chosen":
                self.chosen = self._check_routes(node, self.schema.rules(kind, None))
        self._check_exclusive()

    def compartment(self, node):
        return self._by_node.get(node)

    # --- Nodes ---

    def _classify(self):
        root = self.tree.root
        known = self.schema.nodes
        if known["system"] not in root.strings("compatible"):
            self.issues.prop(root, "compatible", f"is not \"{known['system']}\", as it must be for a "
                             "system description")
        self.kinds[root] = "system"
        for node in root.children:
            kind = self._kind(node)
            if not kind:
                continue
            self.kinds[node] = kind
            if kind in ("program", "vm"):
                self._add(node, kind)
        most = self.schema.limits["compartments"]
        if len(self.compartments) > most:
            self.issues.node(self.compartments[most].node, f"is one of {len(self.compartments)} "
                             f"programs and machines; root takes {most}")

    def _add(self, node, kind):
        program = (node.strings("program") or [None])[0]
        own = self.schema.program(program)
        c = Compartment(node, kind, program, own)
        c.rules = self.schema.rules(kind, program)
        self.compartments.append(c)
        self._by_node[node] = c

    def _kind(self, node):
        """The node's kind; None for what root leaves alone."""
        if node.name == "chosen":
            return "chosen"
        if node.name in ("aliases", "__symbols__"):
            return None
        names = {value: kind for kind, value in self.schema.nodes.items() if kind != "system"}
        said = node.strings("compatible")
        for word in said:
            if word in names:
                return names[word]
        wanted = listed(f'"{name}"' for name in names)
        if not node.get("compatible"):
            self.issues.node(node, f"compatible: is missing, so nothing comes of this node; right is "
                             f"one of {wanted}")
        elif not said or any(difflib.get_close_matches(w, names) or w.startswith("takt,")
                             for w in said):
            best = near(said[0], names, '"{}"') if said else ""
            self.issues.prop(node, "compatible", f"{shown(node.get('compatible'))} is no kind of node "
                             f"that root knows{best or '; right is one of ' + wanted}")
        return None

    def _check_node(self, node, kind):
        c = self._by_node.get(node)
        rules = c.rules if c else self.schema.rules(kind, None)
        for prop in node.properties.values():
            if prop.name not in IGNORED:
                self._check_property(node, kind, prop, rules, c)
        for name, rule in rules.items():
            wanted = rule.get("required", False)
            if (wanted is True or wanted and kind in wanted) and not node.get(name):
                self.issues.node(node, f"{name}: is missing; right is {TYPES[rule['type']]}: "
                                 f"{rule['doc']}")
        if c and _depth(node) > self.schema.limits["depth"]:
            self.issues.node(node, f"has nodes below its own {_depth(node)} deep; root takes "
                             f"{self.schema.limits['depth']}")
        if c and node.children and c.own and not c.own.subnodes:
            self.issues.node(node.children[0], f"'{c.program}' takes no nodes below its own"
                             " (`subnodes` in its schema)")

    # --- Properties ---

    def _check_property(self, node, kind, prop, rules, c):
        rule = rules.get(prop.name)
        if not rule:
            self._unknown(node, kind, prop, rules, c)
            return
        wrong = self._check_value(node, prop, rule, c)
        if wrong:
            self.issues.prop(node, prop.name, wrong)
        if rule.get("needs") and not node.get(rule["needs"]):
            self.issues.prop(node, prop.name, f"means nothing without `{rule['needs']}`")

    def _unknown(self, node, kind, prop, rules, c):
        others = [k for k, name in self.schema.nodes.items()
                  if k != kind and prop.name in self.schema.properties
                  and k in self.schema.properties[prop.name]["nodes"]]
        if c and c.program is not None and not c.own:
            self._unjudged(c, prop, rules)
            return
        if others:
            text = f"does not belong here but in a node of kind {listed(others)}"
        else:
            what = f"'{c.program}'" if c and c.program else f"a node of kind {kind}"
            text = f"{what} has no such property{near(prop.name, rules)}"
        self.issues.prop(node, prop.name, text)

    def _unjudged(self, c, prop, rules):
        """What a program takes that has no schema is not known; but a name that is nearly one of those
        for all programs is a slip."""
        taken = any(prop.name in program.properties for program in self.schema.programs)
        close = difflib.get_close_matches(prop.name, rules, n=1, cutoff=0.85)
        if close and not taken and not self.schema.route_kind(prop.name):
            self.issues.prop(c.node, prop.name, f"is no property of every program{near(prop.name, rules)}"
                             f" ('{c.program}' has no schema.toml to say that it is its own)")
        self.unjudged.setdefault(c.program, {})[prop.name] = True

    def _check_value(self, node, prop, rule, c):
        """What is wrong, or None."""
        check = getattr(self, f"_check_{rule['type']}")
        wrong = check(node, prop, rule, c)
        if wrong is TYPES:      # not of the type at all
            return f"{shown(prop) or 'no value'} is wrong here; right is {TYPES[rule['type']]}"
        return wrong

    def _check_flag(self, node, prop, rule, c):
        if prop.data:
            return f"is a flag, on by being there, whatever its value; right is `{prop.name};`"
        return None

    def _check_string(self, node, prop, rule, c):
        strings = prop.strings()
        if not strings or len(strings) != 1:
            return TYPES
        return self._words(node, strings, rule)

    def _check_strings(self, node, prop, rule, c):
        strings = prop.strings()
        if not strings:
            return TYPES
        return self._count(len(strings), rule, "strings") or self._words(node, strings, rule)

    def _words(self, node, strings, rule):
        values = rule.get("values")
        for string in strings:
            if values and string not in values:
                return (f'"{string}" is none of {listed(values, 20)}' + near(string, values, '"{}"'))
            if len(string) > rule.get("longest", len(string)):
                return f'"{string}" is longer than {rule["longest"]} characters'
            if rule.get("unique") and strings.count(string) > 1:
                return f'"{string}" is there twice'
        if "one-of" in rule:
            words = node.strings(rule["one-of"])
            if strings[0] not in words:
                return (f'"{strings[0]}" is none of `{rule["one-of"]}`: {listed(words, 20)}'
                        + near(strings[0], words, '"{}"'))
        if "no-more-than" in rule and len(strings) > len(node.strings(rule["no-more-than"])):
            return (f"are {len(strings)}, but there are {len(node.strings(rule['no-more-than']))} "
                    f"`{rule['no-more-than']}`")
        return None

    def _check_file(self, node, prop, rule, c):
        strings = prop.strings()
        if not strings or len(strings) != 1:
            return TYPES
        if not strings[0]:
            return 'an empty name; right is the name of a file in the boot archive'
        if self.archive is not None and strings[0] not in self.archive:
            return (f"'{strings[0]}' is not in the boot archive, which has {listed(self.archive, 20)}"
                    + near(strings[0], self.archive))
        return None

    def _check_number(self, node, prop, rule, c):
        cells = prop.cells()
        if not cells or len(cells) > 2:
            return TYPES
        value = cells[0] if len(cells) == 1 else cells[0] << 32 | cells[1]
        least, most = rule.get("min", 0), rule.get("max")
        if value < least or most is not None and value > most:
            return f"{value} is not in {least}..{most}{_unit(rule)}"
        if c:
            c.values[prop.name] = value
        return None

    def _check_size(self, node, prop, rule, c):
        wrong = self._check_number(node, prop, rule, c)
        if isinstance(wrong, str):
            return wrong.replace("..", " to ") + " bytes"
        return wrong

    def _check_cells(self, node, prop, rule, c):
        cells = prop.cells()
        if not cells:
            return TYPES
        wrong = self._count(len(cells), rule, "numbers")
        if wrong:
            return wrong
        for i, cell in enumerate(cells):
            least, most = _bound(rule, "min", i, 0), _bound(rule, "max", i, None)
            if cell < least or most is not None and cell > most:
                return f"{cell} is not in {least}..{'' if most is None else most}"
        return None

    def _check_paths(self, node, prop, rule, c):
        strings = prop.strings()
        if not strings or not all(strings):
            return TYPES
        return None

    def _check_route(self, node, prop, rule, c):
        return None         # see _check_routes

    @staticmethod
    def _count(number, rule, what):
        least, most = rule.get("count", [1, number])
        if least <= number <= most:
            return None
        return f"{number} where {least if least == most else f'{least} to {most}'} {what} belong"

    # --- Routes ---

    def _check_routes(self, node, rules):
        found = []
        for prop in node.properties.values():
            kind = self.schema.route_kind(prop.name)
            c = self._by_node.get(node)
            free = {"type": "route"} if c and not c.own else {}
            if not kind or rules.get(prop.name, free).get("type") != "route":
                continue
            routes = self._parse_routes(node, prop, kind)
            if routes is not None:
                wrong = self._count(len(routes), rules.get(prop.name, free), "routes")
                if wrong:
                    self.issues.prop(node, prop.name, wrong)
                found += routes
        return found

    def _parse_routes(self, node, prop, kind):
        """The property's routes; None where not all of them could be found."""
        cells, routes, at = prop.cells(), [], 0
        if not cells:
            self.issues.prop(node, prop.name, f"{shown(prop) or 'no value'} is wrong here; right is "
                             + TYPES["route"])
            return None
        while at < len(cells):
            server = self._server(node, prop, kind, cells, at, routes)
            if not server:
                return None
            taken = server.numbers(kind["cells"])[0]
            end = self._end(prop, cells, at) if prop.refs else min(len(cells), at + 1 + taken)
            if end - at - 1 != taken:
                ref = (prop.refs or {}).get(at, f"&{server.name}")
                self.issues.prop(node, prop.name, f"{ref} is followed by {_cells(end - at - 1)}, but "
                                 f"'{server.name}' wants {taken} ({kind['cells']}: {kind['doc']})")
                return None
            route = Route(node, prop, at, server, cells[at + 1:end])
            self._check_cells_of(node, route, kind)
            routes.append(route)
            at = end
        return routes

    @staticmethod
    def _end(prop, cells, at):
        """Where the route ends that begins at `at`: at the next reference."""
        return min((i for i in prop.refs or () if i > at), default=len(cells))

    def _server(self, node, prop, kind, cells, at, before):
        """The node that a reference leads to, if routes of this kind can lead there."""
        ref = (prop.refs or {}).get(at)
        able = [n for n in self.kinds if n.get(kind["cells"])]
        labels = {label: n for label, n in self.tree.labels.items() if n in able}
        such = f", such as &{next(iter(labels))}" if labels else ""
        server = self.tree.by_phandle.get(cells[at])
        if cells[at] == dts.BROKEN:
            wrong = self._dangling(ref)
        elif prop.refs is not None and not ref:
            wrong = (f"{shown(prop)} begins with a number; right is a reference to a node with "
                     f"{kind['cells']}{such}")
        elif not server or server not in self.kinds or self.kinds[server] in ("system", "chosen"):
            wrong = f"{ref or cells[at]} is no program; right is one with {kind['cells']}{such}"
        elif len(server.numbers(kind["cells"])) != 1:
            end = self._end(prop, cells, at)
            text = Route(node, prop, at, server, cells[at + 1:end]).text()
            wrong = (f"{text}: '{server.name}' has no {kind['cells']}; a route of this kind needs a "
                     f"node with it{such}")
        elif server.numbers(kind["cells"])[0] > self.schema.limits["cells"]:
            return None         # reported there
        else:
            return server
        self.issues.prop(node, prop.name, wrong)
        return None

    def _dangling(self, ref):
        if not ref:
            return "no node has the label that is referred to"
        if ref.startswith("&{"):
            return f"{ref}: there is no such node" + near(
                ref[2:-1], [node.path for node in self.tree.root.walk()], "&{{{}}}")
        return f"{ref}: no node has this label" + near(ref[1:], self.tree.labels, "&{}")

    def _provided(self, server, cells_name):
        """What the schema says of the cells; None where it says nothing."""
        if self.kinds[server] == "root":
            return self.schema.provides.get(cells_name)
        own = self._by_node[server].own
        return own and own.provides.get(cells_name)

    def _check_cells_of(self, node, route, kind):
        rules = self._provided(route.server, kind["cells"])
        if rules is None or len(rules) != len(route.cells):
            return
        for rule, value in zip(rules, route.cells):
            most = rule.get("max")
            prop = route.server.get(rule.get("below"))
            if prop and not prop.strings():
                continue        # reported there
            if "below" in rule:
                most = max(1, len(route.server.strings(rule["below"]))) - 1
            if value in rule.get("also", ()):
                continue
            if value < rule.get("min", 0) or most is not None and value > most:
                why = (f" (it has {most + 1} {rule['below']})" if "below" in rule else "")
                self.issues.prop(node, route.prop.name, f"{route.text()}: {rule['name']} {value} is "
                                 f"not in {rule.get('min', 0)}..{most} of '{route.server.name}'{why}")

    def _check_exclusive(self):
        """One line, one client."""
        taken = {}
        for c in self.compartments:
            for route in c.routes:
                kind = self.schema.route_kind(route.prop.name)
                rules = self._provided(route.server, kind["cells"]) or []
                if not any(rule.get("exclusive") for rule in rules):
                    continue
                key = (route.server, tuple(route.cells))
                if key in taken:
                    first = taken[key]
                    self.issues.prop(c.node, route.prop.name, f"{route.text()}: this {rules[0]['name']}"
                                     f" of '{route.server.name}' is given to {first.client.path} "
                                     f"already ({first.prop.file}:{first.prop.line})")
                taken.setdefault(key, route)

    def _check_caps(self, c):
        """What a server's node promises, and how many routes there are and how they are called."""
        for name in c.node.properties:
            if not name.endswith("-cells") or name in IGNORED or name not in c.rules:
                continue
            if c.own and name not in c.own.provides:
                serves = listed(c.own.provides) or "none"
                self.issues.prop(c.node, name, f"'{c.program}' serves no such routes; of its kind it "
                                 f"has: {serves}")
            elif c.own and c.node.numbers(name) != [len(c.own.provides[name])]:
                self.issues.prop(c.node, name, f"is not <{len(c.own.provides[name])}>, as "
                                 f"'{c.program}' understands it")
        most, longest = self.schema.limits["routes"], self.schema.limits["name"]
        if len(c.routes) > most:
            self.issues.node(c.node, f"has {len(c.routes)} routes; root takes {most}")
        counts = {}
        for route in c.routes:
            counts[route.prop.name] = counts.get(route.prop.name, -1) + 1
        for name, last in counts.items():
            name += f".{last}" if last else ""
            if len(name) > longest:
                self.issues.prop(c.node, name.partition(".")[0], f"the capability's name '{name}' is "
                                 f"longer than {longest} characters")


def _depth(node):
    """Of the nodes below: 1 where there are none."""
    return 1 + max(map(_depth, node.children), default=0)


def _cells(number):
    return f"{number} cell{'' if number == 1 else 's'}"


def _bound(rule, key, i, otherwise):
    """`min` or `max` of a list's cell: one for all of them, or a list."""
    bound = rule.get(key, otherwise)
    return bound[i] if isinstance(bound, list) else bound


def _unit(rule):
    return f" {rule['unit']}" if "unit" in rule else ""
