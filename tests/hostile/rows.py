"""The matrix of hostile input: which rows there are, where each is tested, and what takes its guard out.

A row is a fault, named by a letter or two and a number as in the project's reference on hostile input. Its test lies in
this folder and bears its name (`test_h3_...`); tests of the same name elsewhere belong to it, too. What there is to say
of a row stands in `ROWS` of the module that tests it. README.md is made from both:

    python -m tests.hostile.readme            # writes it
    python -m tests.hostile.guards [H3 ...]   # takes guards out, one by one, and demands red
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
SECTIONS = {
    "CF": "Capture files and the capture path",
    "L": "Link layer and tunnels",
    "I": "IP",
    "T": "TCP",
    "H": "HTTP",
    "O": "OCSP and ASN.1",
    "C": "Look-up and cache",
    "J": "Output",
    "D": "Exhaustion",
    "S": "Process",
    "P": "Privacy",
}
_ROWS = re.compile(r"test_((?:(?:cf|[lithocjdsp])[0-9]+_)+)")


@dataclass(frozen=True)
class Guard:
    """What makes the row's tests red: in `path`, the text `there`, which occurs once, becomes `instead`.

    `puts_in`: of a row that holds because of what is not done, the mistake that `instead` makes, in a few words; there
    is nothing then that could be taken out.
    """

    path: str
    there: str
    instead: str
    puts_in: str = ""


@dataclass(frozen=True)
class Row:
    """`limits`: settings keys. `counters`: weirds, fields of logs, outcomes by which it is told. `note`: what is
    otherwise than one might expect, and why. `tests`: of a row about running processes, those that start them, as
    path::name below tests/; they stand with what they start."""

    fault: str
    limits: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    note: str = ""
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotHere:
    """A row that does not apply, why, and what happens instead."""

    fault: str
    why: str


def order(row: str) -> tuple[int, int]:
    """CF1 before CF2 before CF10, sections as in SECTIONS."""
    letters = row.rstrip("0123456789")
    return list(SECTIONS).index(letters), int(row[len(letters) :])


def rows() -> dict[str, Row | NotHere]:
    """What the modules beside this one say of their rows."""
    sys.path[:0] = [] if str(REPOSITORY) in sys.path else [str(REPOSITORY)]
    found: dict[str, Row | NotHere] = {}
    for path in sorted(HERE.glob("test_*.py")):
        own = getattr(importlib.import_module(f"tests.hostile.{path.stem}"), "ROWS", {})
        twice = found.keys() & own.keys()
        if twice:
            raise ValueError(f"{path.name}: rows said twice: {sorted(twice)}")
        found.update(own)
    return dict(sorted(found.items(), key=lambda entry: order(entry[0])))


def cases_of_rows() -> dict[str, list[str]]:
    """Row: its tests, as path::name, those of this folder first."""
    found: dict[str, list[str]] = {}
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py"), key=lambda path: (path.parent != HERE, path)):
        for name in _functions(path):
            match = _ROWS.match(name)
            for row in match[1].upper().split("_")[:-1] if match else ():
                found.setdefault(row, []).append(f"{path.relative_to(REPOSITORY)}::{name}")
    for row, said in rows().items():
        if isinstance(said, Row):
            found.setdefault(row, []).extend(f"tests/{test}" for test in said.tests)
    return found


def _functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef):
            yield node.name
