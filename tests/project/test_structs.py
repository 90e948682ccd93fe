"""Compiled code reads the fields of records where structs.pxd says they lie: they have to lie there."""

import ctypes
import importlib
import re
from typing import NamedTuple

import msgspec
import pytest

from tests.project.conftest import REPOSITORY

_LAYOUT = re.compile(r"typedef struct \{ PyObject_HEAD PyObject ([^;]*); \}\s*(\w+);")
_CLASS = re.compile(
    r"ctypedef class ([\w.]+)\.(\w+) \[object (\w+), check_size error\]:\n((?: +cdef object .*\n)+)", re.MULTILINE
)


class Declared(NamedTuple):
    record: type[msgspec.Struct]
    in_memory: list[str]
    readable: set[str]


def _declared() -> list[Declared]:
    found = []
    for path in sorted((REPOSITORY / "sensor").glob("*/structs.pxd")):
        text = path.read_text()
        layouts = {
            name: [f.strip(" *\n").rstrip("_") for f in fields.split(",")] for fields, name in _LAYOUT.findall(text)
        }
        classes = _CLASS.findall(text)
        assert len(classes) == len(layouts) == text.count("ctypedef class"), path
        for module, name, layout, lines in classes:
            readable = set(re.findall(r"(\w+)(?: \"\w+\")?(?:,|\n)", lines.replace("cdef object ", "")))
            found.append(Declared(getattr(importlib.import_module(module), name), layouts[layout], readable))
    return found


DECLARED = _declared()


def test_there_are_some() -> None:
    assert {"HttpTransaction", "OcspExchange", "Leak"} <= {each.record.__name__ for each in DECLARED}


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.record.__name__)
def test_every_field_is_declared(declared: Declared) -> None:
    """A field added to a record moves those behind it."""
    fields = sorted(declared.record.__struct_fields__)
    assert declared.in_memory == fields
    assert declared.readable == set(fields)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.record.__name__)
def test_the_fields_lie_where_they_are_declared(declared: Declared) -> None:
    fields = declared.record.__struct_fields__
    values = {field: object() for field in fields}
    record = declared.record(*values.values())  # no Struct checks types when it is made
    head = object.__basicsize__
    size = ctypes.sizeof(ctypes.c_void_p)
    assert declared.record.__basicsize__ == head + size * len(fields)
    for place, field in enumerate(declared.in_memory):
        there = ctypes.c_void_p.from_address(id(record) + head + size * place).value
        assert there == id(values[field]), field
