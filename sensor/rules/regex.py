"""Regular expressions whose time grows with the text and nothing else: RE2, loaded when a rule has one.

Python's own would let one value off the wire, or one rule, take exponential time. What RE2 lacks of PCRE (look-around,
back-references, possessive quantifiers) is refused by name; Sigma allows none of it (modifiers appendix 2.1.0).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

_MAX_BYTES: Final = 2 << 20
"""Memory one expression may take; above it RE2 goes on, slower, without its automaton."""
_REASONS: Final = (
    (re.compile(r"\(\?<?[=!]"), "look-around is not supported: linear time cannot have it"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive quantifiers are not supported"),
    (re.compile(r"\\[1-9]|\(\?P=|\\[gk]"), "back-references are not supported: linear time cannot have them"),
    (re.compile(r"\(\?\(|\(\?[R0-9&]"), "conditionals and recursion are not supported"),
)


_FLAGS: Final = re.compile(r"(?:\(\?[a-zA-Z]+\))*")
_LATE_FLAGS: Final = re.compile(r"(?<!\\)(?:\\\\)*\(\?[a-zA-Z]+\)")


class RegexError(Exception):
    """Why an expression cannot be used, in one line."""


def check_regex(source: str) -> None:
    """Raises RegexError. Flags inside are refused, too: RE2 would take them, the engines of others do not."""
    leading = _FLAGS.match(source)
    if _LATE_FLAGS.search(source, leading.end() if leading is not None else 0):
        raise RegexError("flags such as (?i) stand at the beginning, or as (?i:...) around what they are for")
    _compiled(source)


def compile_regex(source: str) -> Callable[[str], bool]:
    """A function that says whether the expression is found anywhere in a text. Raises RegexError."""
    search = _compiled(source).search

    def matches(text: str) -> bool:
        return search(text) is not None

    return matches


@cache
def _engine() -> tuple[Any, Any]:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_BYTES
    return re2, options


def _compiled(source: str) -> Any:
    re2, options = _engine()
    try:
        source.encode()
        return re2.compile(source, options)
    except UnicodeEncodeError:
        raise RegexError("expected text that Unicode can encode") from None
    except re2.error as error:
        for pattern, reason in _REASONS:
            if pattern.search(source):
                raise RegexError(reason) from None
        (told,) = error.args[:1] or ("",)
        text = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        raise RegexError(f"no regular expression: {' '.join(text.split())}") from None
