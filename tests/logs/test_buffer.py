"""sensor.logs.buffer: the same bytes compiled and not, whole lines only, and a block that grows."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.logs import buffer
from sensor.logs.encode import FORMS, encode_micros

NUMBERS = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
MOMENTS = st.integers(-(1 << 61), 1 << 61)
TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_characters='"\\', exclude_categories=("Cs",)), max_size=30)
NAMES = st.sampled_from(["a", "id.orig_h", "x" * 40])
FIELDS = st.one_of(
    st.tuples(st.just("string"), NAMES, TEXTS),
    st.tuples(st.just("value"), NAMES, st.just("1.0")),
    st.tuples(st.just("number"), NAMES, NUMBERS),
    st.tuples(st.just("flag"), NAMES, st.booleans()),
    st.tuples(st.just("seconds"), NAMES, MOMENTS),
    st.tuples(st.just("list"), NAMES, st.lists(TEXTS, max_size=3)),
    st.tuples(st.just("raw"), st.just('"k":[],')),
)
LINES = st.lists(st.tuples(MOMENTS, st.sampled_from(list(FORMS.values())), st.lists(FIELDS, max_size=6), st.booleans()))


@pytest.fixture(scope="module")
def uncompiled() -> ModuleType:
    """The same source, run as Python whatever has been built."""
    path = Path(buffer.__file__).parent / "buffer.py"
    spec = importlib.util.spec_from_file_location("uncompiled_buffer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(out: Any, lines: list[Any]) -> None:
    for us, form, fields, finished in lines:
        out.begin('{"ts":')
        out.moment(us, form)
        for kind, *rest in fields:
            if kind == "list":
                out.open_list(rest[0])
                for text in rest[1]:
                    out.item(text)
                out.close_list()
            else:
                getattr(out, kind)(*rest)
        if finished:
            out.end()


@settings(deadline=None)
@given(LINES)
def test_compiled_and_uncompiled_agree(uncompiled: ModuleType, lines: list[Any]) -> None:
    out, plain = buffer.LineBuffer(), uncompiled.LineBuffer()
    for one in (out, plain):
        write(one, lines)
    data = out.take()
    assert data == plain.take()
    kept = [line for line in lines if line[3]]
    decoded = [json.loads(line) for line in data.splitlines()] if data.isascii() else None
    assert data.count(b"\n") == len(kept)
    if decoded is not None:
        for (_, _, fields, _), record in zip(kept, decoded, strict=True):
            for kind, *rest in fields:
                if kind in ("number", "string", "flag", "list") and [f[1] for f in fields].count(rest[0]) == 1:
                    assert record[rest[0]] == rest[1]


def test_an_unfinished_line_is_forgotten() -> None:
    out = buffer.LineBuffer()
    out.begin('{"ts":1,')
    out.end()
    out.begin('{"ts":2,')
    out.string("half", "x" * 200_000)
    assert out.take() == b'{"ts":1}\n'
    out.begin('{"ts":3,')
    out.end()
    assert out.size == len(b'{"ts":3}\n')
    assert out.take() == b'{"ts":3}\n'
    assert out.take() == b""


def test_fields_taken_out_are_as_good_in_another_line() -> None:
    out, other = buffer.LineBuffer(), buffer.LineBuffer()
    for one in (out, other):
        one.begin('{"ts":1,')
        one.end()
    other.begin("")
    other.string("text", "ü" * 70_000)
    other.number("n", -12)
    fields = other.take_fields()
    assert fields == '"text":"' + "ü" * 70_000 + '","n":-12,'
    assert other.take() == b'{"ts":1}\n'
    out.begin('{"ts":2,')
    out.raw(fields)
    out.end()
    assert json.loads(out.take().splitlines()[1]) == {"ts": 2, "text": "ü" * 70_000, "n": -12}


@pytest.mark.parametrize("us", [0, 1, 100_000, 999_999, 1_000_000, 999_999_999, 1_000_000_000, 1_713_186_228_890_400])
def test_seconds_short_and_long(us: int) -> None:
    out = buffer.LineBuffer()
    out.begin("{")
    for sign in (1, -1):
        out.seconds("s", sign * us)
        out.seconds("again", us)
    out.end()
    text = encode_micros(us)
    assert out.take().decode() == f'{{"s":{text},"again":{text},"s":{encode_micros(-us)},"again":{text}}}\n'


@pytest.mark.parametrize("length", [*range(65_300, 65_560), 1_000_000])
def test_texts_of_any_length_around_the_size_of_the_block(length: int) -> None:
    out = buffer.LineBuffer()
    for _ in range(2):
        out.begin('{"a":1,')
        out.string("text", "ü" * (length // 2) + "x" * (length % 2))
        out.number("least", -(1 << 63) + 1)
        out.seconds("long", -(1 << 62))
        out.open_list("none")
        out.close_list()
        out.end()
    first, second = out.take().splitlines()
    assert first == second
    assert len(json.loads(first)["text"].encode()) == length


def test_what_cannot_be_written_leaves_no_trace() -> None:
    """The compiled form looks at types and ranges; the other writes what it is given, but only if the line is ended."""
    out = buffer.LineBuffer()
    refused = 0
    for name, value in (("string", None), ("number", 1 << 63), ("number", "1")):
        out.begin('{"ts":1,')
        try:
            getattr(out, name)("field", value)
        except (TypeError, OverflowError):
            refused += 1
    assert refused == (0 if buffer.__file__.endswith(".py") else 3)
    assert out.take() == b""
