"""The text of a notice: words with `{field}` in them, filled from the event that fired. `{{` and `}}` are braces.

Compiled where a compiler is found (template.pxd).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, Final, Protocol

from sensor.rules.matching import text_of

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([{}])|([^{}]+)")
_ABSENT: Final = "-"
MAX_LENGTH: Final = 1024


class TemplateError(Exception):
    """What is wrong, and what was expected."""


class Values(Protocol):
    """An event, or a map."""

    def get(self, name: str, /) -> Any:
        """None if it is not there."""
        ...


class Template:
    """`parts` alternate between text and a field's name: text first."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts

    def fill(self, values: Values, most: int) -> str:
        """At most `most` characters; a value that is not there is "-", a list has commas."""
        parts = self.parts
        found = [parts[0]]
        for place in range(1, len(parts), 2):
            value = values.get(parts[place])
            found.append(value if type(value) is str else _shown(value))
            found.append(parts[place + 1])
        return "".join(found)[:most]


def _shown(value: Any) -> str:
    if value is None:
        return _ABSENT
    return ", ".join(map(text_of, value)) if isinstance(value, list) else text_of(value)


def parse_template(text: str, names: Collection[str] | None) -> Template:
    """`names`: what may stand in braces, None if nothing is known of it. Raises TemplateError."""
    if len(text) > MAX_LENGTH:
        raise TemplateError(f"more than {MAX_LENGTH} characters")
    parts = [""]
    for found in _PIECE.finditer(text):
        name, brace, words = found.groups()
        if name is not None:
            if names is not None and name not in names:
                near = get_close_matches(name, list(names), 1)
                raise TemplateError(f"no field {name}" + (f", did you mean {near[0]}?" if near else ""))
            parts += [name, ""]
        elif brace is not None:
            raise TemplateError(f"a brace without its other: expected {brace}{brace} for one in the text")
        else:
            parts[-1] += words if words is not None else found[0][0]
    return Template(tuple(parts))
