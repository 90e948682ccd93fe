"""A rule's condition, one line of text, into a tree over its search identifiers (Sigma specification 2.0, Condition).

From what binds least: or, and, not, `1 of` and `all of`, parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from sensor.rules.expression import Expression, Not, all_of, any_of

MAX_LENGTH: Final = 4096
MAX_DEPTH: Final = 32
_TOKEN = re.compile(r"\s*([()|]|[^\s()|]+)")
_WORDS = {"and", "or", "not", "of", "them", "all", "any", "1"}


class ConditionError(Exception):
    """What is wrong, and what was expected."""


def parse_condition(text: str, named: Mapping[str, Expression]) -> tuple[Expression, set[str]]:
    """The tree, and which of `named` are in it. Raises ConditionError."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"condition of more than {MAX_LENGTH} characters")
    parser = _Parser(_TOKEN.findall(text), named)
    tree = parser.either(0)
    if parser.here == "|":
        raise ConditionError(
            "aggregations behind a pipe were withdrawn from Sigma (version 2): expected a correlation rule"
        )
    if parser.here is not None:
        raise ConditionError(f"expected and, or, or the end, not {parser.here}")
    return tree, parser.used


class _Parser:
    def __init__(self, tokens: list[str], named: Mapping[str, Expression]) -> None:
        self._tokens = tokens
        self._at = 0
        self._named = named
        self.used: set[str] = set()

    @property
    def here(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    @property
    def _word(self) -> str | None:
        here = self.here
        return here.lower() if here is not None else None

    def either(self, depth: int) -> Expression:
        items = [self._both(depth)]
        while self._word == "or":
            self._at += 1
            items.append(self._both(depth))
        return any_of(tuple(items))

    def _both(self, depth: int) -> Expression:
        items = [self._single(depth)]
        while self._word == "and":
            self._at += 1
            items.append(self._single(depth))
        return all_of(tuple(items))

    def _single(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise ConditionError(f"nested deeper than {MAX_DEPTH}")
        here, word = self.here, self._word
        if here is None or word is None:
            raise ConditionError("expected a search identifier at the end")
        self._at += 1
        if word == "not":
            return Not(self._single(depth + 1))
        if here == "(":
            tree = self.either(depth + 1)
            if self.here != ")":
                raise ConditionError(f"expected a closing parenthesis, not {self.here or 'the end'}")
            self._at += 1
            return tree
        if word in {"1", "any", "all"} and self._word == "of":
            self._at += 1
            return self._several(word == "all")
        if here in self._named:
            self.used.add(here)
            return self._named[here]
        if word in _WORDS or here in "()|":
            raise ConditionError(f"expected a search identifier, not {here}")
        near = get_close_matches(here, list(self._named), 1)
        raise ConditionError(f"no search identifier {here}" + (f", did you mean {near[0]}?" if near else ""))

    def _several(self, every: bool) -> Expression:
        pattern = self.here
        if pattern is None or pattern in "()|":
            raise ConditionError("expected them, or a pattern of search identifiers, behind of")
        self._at += 1
        if pattern.lower() == "them":
            names = [name for name in self._named if not name.startswith("_")]
        elif "?" in pattern or "[" in pattern:
            raise ConditionError(f"expected no wildcard but * in {pattern}")
        else:
            hidden = pattern.startswith("_")  # those beginning with "_" want to be named so
            names = [name for name in self._named if fnmatchcase(name, pattern) and (hidden or name[:1] != "_")]
        if not names:
            raise ConditionError(f"no search identifier matches {pattern}")
        self.used.update(names)
        items = tuple(self._named[name] for name in names)
        return all_of(items) if every else any_of(items)
