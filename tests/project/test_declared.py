"""What a compiled class keeps is declared in its .pxd: an attribute that is not is missed by the compiled form only."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DECLARATIONS = sorted(path for path in REPOSITORY.glob("sensor/**/*.pxd") if path.with_suffix(".py").exists())

_CLASS = re.compile(r"^cdef class (\w+)(?:\((\w+)\))?:\n((?:(?: .*)?\n)+)", re.MULTILINE)
_FIELDS = re.compile(r"^    cdef ([^(:\n]+)$", re.MULTILINE)


def _declared(text: str) -> dict[str, tuple[str, set[str]]]:
    """Class: its base ("" without one), and the names of its fields."""
    found = {}
    for match in _CLASS.finditer(re.sub(r"\[[^\]\n]*\]", "", text) + "\n"):  # long long[::1] is a long long here
        lines = _FIELDS.findall(match[3])
        names = {part.split()[-1] for line in lines for part in line.split(",")}
        found[match[1]] = (match[2] or "", {name.lstrip("*") for name in names})
    return found


def _assigned(node: ast.ClassDef) -> set[str]:
    properties = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    assigned = {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.value, ast.Name)
        and part.value.id == "self"
    }
    return assigned - properties


def _undeclared(text: str, source: str) -> set[str]:
    classes = _declared(text)
    missing = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in classes and not classes[node.name][0]:
            missing |= {f"{node.name}.{name}" for name in _assigned(node) - classes[node.name][1]}
    return missing


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_attribute_is_declared(path: Path) -> None:
    assert not _undeclared(path.read_text(), path.with_suffix(".py").read_text())


def test_one_that_is_not_is_found() -> None:
    text = "cdef class A:\n    cdef object _a, _b\n    cdef public long long[::1] c\n\n    cpdef f(self, int x)\n"
    source = "class A:\n    def f(self, x: int) -> None:\n        self._a = self._b = self.c = x\n"
    assert not _undeclared(text, source)
    assert _undeclared(text, source + "        self.d = 1\n") == {"A.d"}
