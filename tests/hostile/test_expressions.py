"""Row D5 of regular expressions: no expression of the sensor takes a time that grows with the square of its text."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.hostile.rows import REPOSITORY

SIZE = 20_000
SECONDS = 0.1
"""For SIZE octets: many times what a linear one takes, and less than one does that looks at each pair of them."""

WAYS: dict[str, Callable[[re.Pattern[bytes], bytes], object]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "finditer": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
    "findall": lambda pattern, text: pattern.findall(text),
    "split": lambda pattern, text: pattern.split(text),
    "sub": lambda pattern, text: pattern.sub(b"", text),
}
UNITS = b"a 0 9 \t \r \n \r\n \0 \x85 - + : ; , = / % & $ { } ( ) < > [ ] ' \" \\ # ? @ . _ ! a\r".split(b" ")


def module_patterns(path: str) -> dict[str, re.Pattern[bytes]]:
    """Those that stand at the top of a module, by name: read from its source, for compiled modules hide them."""
    known: dict[str, object] = {"re": re, "frozenset": frozenset}
    for node in ast.parse((REPOSITORY / path).read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, ast.expr):
            continue
        names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
        if names <= known.keys() and not any(isinstance(part, ast.Lambda) for part in ast.walk(value)):
            known[target.id] = eval(compile(ast.Expression(value), path, "eval"), dict(known))  # noqa: S307  # our own source
    return {name: value for name, value in known.items() if isinstance(value, re.Pattern)}


@cache
def used() -> dict[str, tuple[re.Pattern[bytes], tuple[str, ...]]]:
    """Every expression over bytes, and the ways in which its module uses it."""
    found = {}
    for path in sorted((REPOSITORY / "sensor").rglob("*.py")):
        text = path.read_text()
        if "re.compile(" not in text:
            continue
        for name, pattern in module_patterns(str(path)).items():
            ways = tuple(way for way in WAYS if re.search(rf"\b{name}\.{way}\b", text))
            if isinstance(pattern.pattern, bytes):
                found[f"{path.relative_to(REPOSITORY)}: {name}"] = (pattern, ways)
    return found


def attacks(pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """What its stars may feed on: an octet or a word of its own, again and again, then one that fits nothing."""
    words = [word for word in re.findall(rb"[A-Za-z0-9/_.:!<?%$&{-]{2,}", pattern.pattern) if len(word) < 20][:8]
    heads = [b"", *words]
    for unit in [b" ", *UNITS, *words]:
        for head in heads if unit in {b"a", b"0", b" ", b"\t", b"\r", b"\n"} else [b""]:
            yield head + unit * (SIZE // len(unit)) + b"\1"
            yield (head + unit) * (SIZE // len(head + unit)) + b"\1"


def is_quick(way: Callable[[re.Pattern[bytes], bytes], object], pattern: re.Pattern[bytes]) -> bool:
    """Whether each attack is over within SECONDS of this process, at one of three times."""
    return all(min(seconds(way, pattern, text)) < SECONDS for text in attacks(pattern))


def seconds(way: Callable[[re.Pattern[bytes], bytes], object], pattern: re.Pattern[bytes], text: bytes) -> list[float]:
    taken: list[float] = []
    while len(taken) < 3 and not (taken and taken[-1] < SECONDS):
        start = time.process_time()
        way(pattern, text)
        taken.append(time.process_time() - start)
    return taken


@pytest.mark.parametrize("name", used())
def test_d5_expressions(name: str) -> None:
    pattern, ways = used()[name]
    for way in ways or ("search",):  # one that is used by another name
        assert is_quick(WAYS[way], pattern), way


def test_d5_all_expressions_are_looked_at() -> None:
    assert len(used()) > 80


@pytest.mark.parametrize("bad", [rb"[ \t]*x", rb".*name", rb"name[ \t]*[ ]*="])
def test_d5_square_expressions_are_seen(bad: bytes) -> None:
    assert not is_quick(WAYS["search"], re.compile(bad))
