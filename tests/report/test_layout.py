"""Cutting, padding, columns."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.report import layout


@pytest.mark.parametrize(("value", "width"), [("", 0), ("abc", 3), ("ü", 1), ("株", 2), ("\uff21", 2)])
def test_width(value: str, width: int) -> None:
    assert layout.width_of(value) == width


@pytest.mark.parametrize(
    ("value", "width", "cut"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab…ef"),
        ("abcdefg", 4, "ab…g"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("株式会社", 5, "株…社"),
        ("株式会社", 4, "株…"),
    ],
)
def test_fit(value: str, width: int, cut: str) -> None:
    assert layout.fit(value, width) == cut


@given(st.text(), st.integers(0, 40))
def test_fit_never_exceeds(value: str, width: int) -> None:
    assert layout.width_of(layout.fit(value, width)) <= width


@given(st.text(alphabet="ab 株", max_size=80), st.integers(4, 30))
def test_wrap_keeps_every_word_and_the_width(words: str, width: int) -> None:
    lines = layout.wrap(words.split(), width)
    assert all(layout.width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


def test_wrap_breaks_between_pieces_where_it_can() -> None:
    assert layout.wrap(["12 apples,", "3 pears"], 12) == ["12 apples,", "3 pears"]
    assert layout.wrap(["12 apples,", "3 pears"], 18) == ["12 apples, 3 pears"]
    assert layout.wrap([], 5) == [""]


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=12)), st.integers(6, 30))
def test_wrap_spans_keeps_the_width(words: list[str], width: int) -> None:
    lines = layout.wrap_spans([(word, "") for word in words], width)
    assert all(layout.line_width(line) <= width for line in lines)
    assert sum(len([s for s in line if s[0] not in (", ", ",")]) for line in lines) == len(words)


@pytest.mark.parametrize(
    ("name", "note", "width", "line"),
    [
        ("Top", "", 10, "Top ──────"),
        ("Top", "12", 10, "Top ─── 12"),
        ("Top", "123456", 10, "Top ──────"),
        ("Top", "12345", 10, "Top ──────"),
        ("Top", "1234", 10, "Top ─ 1234"),
    ],
)
def test_title_fills_its_width(name: str, note: str, width: int, line: str) -> None:
    assert "".join(s for s, _ in layout.title(name, note, width)) == line


def test_beside() -> None:
    left = [[("a", "")], [("bb", "")]]
    assert layout.beside(left, [[("X", "")]], 5) == [[("a", ""), ("    ", ""), ("X", "")], [("bb", "")]]
    assert layout.beside([], [[("X", "")]], 3) == [[("   ", ""), ("X", "")]]


def test_paint() -> None:
    line = [("a ", "exact"), ("b  ", ""), ("  ", "dim")]
    assert layout.paint(line, colour=False) == "a b"
    assert layout.paint(line, colour=True) == "\x1b[1;31ma \x1b[0mb"


@pytest.mark.parametrize(
    ("told", "columns"),
    [(None, 77), ("132", 132), ("", 77), ("0", 77), ("-5", 77), ("99999", 77), ("x", 77), ("\u0663", 77)],
)
def test_columns_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, told: str | None, columns: int) -> None:
    if told is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", told)
    assert layout.columns_of(io.StringIO(), 77) == columns
