"""YAML that cannot fill the memory, with lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.document import MAX_DEPTH, MAX_VALUES, Items, Mapping, Mistakes, Text, load_documents, parse_documents


def parse(text: str) -> tuple[list[object], list[str]]:
    mistakes = Mistakes()
    return list(parse_documents(text, "f", mistakes)), mistakes.lines


def test_values_have_their_type_and_line() -> None:
    (found,), mistakes = parse("a: 1\nb: [x, 'y', ~, yes, 0x10, 1.5, 2021-01-01]\n")
    assert not mistakes and isinstance(found, Mapping)
    assert found.items["a"] == Text(1, "1", 1)
    items = found.items["b"]
    assert isinstance(items, Items)
    assert [item.value for item in items.items if isinstance(item, Text)] == [
        "x",
        "y",
        None,
        True,
        16,
        1.5,
        "2021-01-01",
    ]  # fmt: skip  (one row)
    assert items.line == 2


def test_several_documents_and_empty_ones() -> None:
    found, mistakes = parse("a: 1\n---\n---\nb: 2\n")
    assert len(found) == 2 and not mistakes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: x", "f:1: anchors and aliases are not allowed, write the values out"),
        ("b: *x", "f:1: anchors and aliases are not allowed, write the values out"),
        ("a: 1\n\na: 2", "f:3: a stands in line 1 already"),
        ("a: !!python/object:os.system x", "f:1: tags are not allowed"),
        ("a: [1\nb", "f:3: not YAML: did not find expected ',' or ']'"),
        ("[a, b]: 1", "f:1: expected text as a key"),
        ("[" * (MAX_DEPTH + 2), f"f:1: nested deeper than {MAX_DEPTH}"),
        ("- 1\n" * (MAX_VALUES + 1), f"f:{MAX_VALUES + 1}: more than {MAX_VALUES} values"),
        ("a: " + "1" * 65, "f:1: a number of more than 64 characters; text stands in quotes"),
    ],
    ids=range(9),
)
def test_what_is_refused(text: str, told: str) -> None:
    found, mistakes = parse(text)
    if "did not find" in told:  # libyaml's words, or PyYAML's where it is not there
        assert len(mistakes) == 1 and mistakes[0].startswith("f:")
    else:
        assert mistakes == [told]
    assert not any(isinstance(each, Mapping) and each.whole for each in found)


def test_what_stands_before_what_is_no_yaml_is_kept() -> None:
    found, mistakes = parse("a: 1\n---\nb: [\n")
    assert len(found) == 1 and len(mistakes) == 1


def test_all_is_told_of_a_file() -> None:
    found, mistakes = parse("a: 1\na: 2\nb: &x 3\nc: *x\n---\nd: 4\n---\ne: !t 5\n? [f]\n: 6\n")
    assert [each.whole for each in found if isinstance(each, Mapping)] == [False, True, False]
    assert [line.partition(": ")[0] for line in mistakes] == ["f:2", "f:3", "f:4", "f:8", "f:9"]


def test_mistakes_of_one_file_are_bounded() -> None:
    mistakes = Mistakes()
    for line in range(300):
        mistakes.add("f", line, "wrong")
    assert len(mistakes.lines) == 100 and mistakes.left_out == 200


def test_files(tmp_path: Path) -> None:
    mistakes = Mistakes()
    (tmp_path / "big.yml").write_text("a" * 101)
    (tmp_path / "latin.yml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_documents(tmp_path / "big.yml", 100, mistakes) == []
    assert load_documents(tmp_path / "latin.yml", 100, mistakes) == []
    assert load_documents(tmp_path / "none.yml", 100, mistakes) == []
    assert load_documents(tmp_path, 100, mistakes) == []
    assert len(load_documents(tmp_path / "bom.yml", 100, mistakes)) == 1
    assert [line.removeprefix(f"{tmp_path}/") for line in mistakes.lines[:3]] == [
        "big.yml:1: larger than 100 bytes (rules.max_file_bytes)",
        "latin.yml:2: not UTF-8",
        "none.yml:1: cannot be read: No such file or directory",
    ]


@given(st.text(alphabet=st.sampled_from("a1:-[]{}&*!|>'\"\n #?,~%@`\t\0\ud800é"), max_size=60))
def test_nothing_is_raised(text: str) -> None:
    mistakes = Mistakes()
    if "\ud800" not in text:  # a file is UTF-8
        parse_documents(text, "f", mistakes)
        assert all(line.startswith("f:") for line in mistakes.lines)


def test_a_mistake_is_one_line_that_can_be_shown() -> None:
    mistakes = Mistakes()
    mistakes.add("f", 1, "not a\nb\x1b[2J")
    mistakes.note("f", 1, "c\rd")
    mistakes.add("f", 2, "x" * 1_000_000)
    assert mistakes.lines[0] == r"f:1: not a\nb\x1b[2J"
    assert mistakes.notes == [r"f:1: note: c\rd"]
    assert mistakes.lines[1].endswith("xx ...") and len(mistakes.lines[1]) < 2100
