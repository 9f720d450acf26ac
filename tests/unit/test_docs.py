#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The documentation against the tree: what is generated is up to date and complete, and links lead
somewhere. The argument is the program that prints the reference."""

import difflib
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from takt import schema                                                      # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402


def reference(steps, program):
    made = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    kept = (TOP / "docs/reference.md").read_text()
    diff = "\n# ".join(difflib.unified_diff(kept.splitlines(), made.splitlines(), "docs/reference.md",
                                            "generated", lineterm="", n=0))
    check(made == kept, f"docs/reference.md is out of date, `make docs` writes it\n# {diff}")
    steps.done("docs/reference.md is up to date")

    header = (TOP / "abi/takt/objects.h").read_text()
    missing = [name for name in re.findall(r"#define TAKT_(R_\w+)", header)
               if name not in ("R_NONE", "R_ALL") and f"`{name}` |" not in made]
    check(not missing, f"docs/reference.c does not list {missing}")
    steps.done("the reference lists every right")


def descriptions(steps):
    page = TOP / "docs/system-description.md"
    made = schema.rewrite(page.read_text(), schema.Schema())
    check(made == page.read_text(), "docs/system-description.md is out of date, `make docs` writes it")
    steps.done("docs/system-description.md is up to date")


def links(steps):
    dead = []
    for page in [*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                dead.append(f"{page.relative_to(TOP)}: {target}")
    check(not dead, f"links that lead nowhere: {dead}")
    steps.done("links lead somewhere")


if __name__ == "__main__":
    steps = Steps()
    steps.run(reference, sys.argv[1])
    steps.run(descriptions)
    steps.run(links)
    steps.plan()
