"""The text of a rule file into its YAML documents, each value with its line; nothing of Sigma is known here.

Plain YAML only, read event by event so that nothing is built that a limit forbids: no anchors and aliases (a few lines
of which can fill the memory), no tags, bounded size, depth and number of values, and no key twice.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import yaml

MAX_DEPTH: Final = 16
"""Nested maps and lists; the deepest that Sigma defines are five."""
MAX_VALUES: Final = 50_000
"""Scalars of one file."""
_MAX_MISTAKES: Final = 100  # told of one file
_MAX_SHOWN: Final = 2000  # characters of what is said of one
_MAX_NOTES: Final = 1000
_SAFE = "tag:yaml.org,2002:"


class Text(msgspec.Struct, frozen=True):
    """A single value. `text` is as written, without quotes; `value` what YAML 1.1 makes of it."""

    line: int
    text: str
    value: str | int | float | bool | None


class Items(msgspec.Struct, frozen=True):
    """A list."""

    line: int
    items: tuple[Node, ...]


class Mapping(msgspec.Struct, frozen=True):
    """A map: its keys as text, in order, none twice. `lines` says where each key stands.

    A document that is not `whole` has a mistake that was told; it is there so that its others are told, too.
    """

    line: int
    items: dict[str, Node]
    lines: dict[str, int]
    whole: bool = True


Node = Text | Items | Mapping


class Mistakes:
    """What is wrong with rules, each one line, `file:line: ...`; collected, so that all are told at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.left_out = 0
        self.notes: list[str] = []
        """What is odd and no mistake, in the same form."""

    @property
    def count(self) -> int:
        """How many there were, those left out counted: what grew in between had a mistake."""
        return len(self.lines) + self.left_out

    def note(self, file: str, line: int, what: str) -> None:
        text = f"{file}:{line}: note: {_one_line(what)}"
        if len(self.notes) < _MAX_NOTES and text not in self.notes:
            self.notes.append(text)

    def add(self, file: str, line: int, what: str) -> None:
        text = f"{file}:{line}: {_one_line(what)}"
        if sum(each.startswith(f"{file}:") for each in self.lines[-_MAX_MISTAKES:]) >= _MAX_MISTAKES:
            self.left_out += 1
        elif text not in self.lines[-_MAX_MISTAKES:]:
            self.lines.append(text)


def _one_line(what: str) -> str:
    """As it can be shown: what a rule says may have line ends and what moves a terminal's cursor, and be long."""
    shown = what if what.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in what)
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]} ..."


class _RefusedError(Exception):
    """No more is read of the file."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


def load_documents(path: Path, max_bytes: int, mistakes: Mistakes) -> list[Node]:
    """The documents of a file, those before what is no YAML; empty documents are left out."""
    name = str(path)
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                mistakes.add(name, 1, "expected a file")
                return []
            data = file.read(max_bytes + 1)
    except OSError as error:
        mistakes.add(name, 1, f"cannot be read: {error.strerror}")
        return []
    if len(data) > max_bytes:
        mistakes.add(name, 1, f"larger than {max_bytes} bytes (rules.max_file_bytes)")
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mistakes.add(name, data.count(b"\n", 0, error.start) + 1, "not UTF-8")
        return []
    return parse_documents(text, name, mistakes)


def parse_documents(text: str, name: str, mistakes: Mistakes) -> list[Node]:
    """The documents in `text`; `name` is what mistakes are told under."""
    found: list[Node] = []
    try:
        reader = _Reader(text, lambda line, what: mistakes.add(name, line, what))
        while True:
            document = reader.document()
            if document is None:
                return found
            if not (isinstance(document, Text) and document.value is None):
                found.append(document)
    except _RefusedError as refused:
        mistakes.add(name, refused.line, refused.what)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add(name, mark.line + 1 if mark is not None else 1, f"not YAML: {error.problem}")
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML does not allow; a number that is none
        mistakes.add(name, 1, f"not YAML: {' '.join(str(error).split())}")
    return found


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it is there


class _Reader:
    """Builds nodes out of YAML's events."""

    def __init__(self, text: str, tell: Callable[[int, str], None]) -> None:
        self._tell = tell
        self._is_whole = True
        self._events = iter(yaml.parse(text, Loader=_Loader))
        self._resolver = yaml.SafeLoader("")
        self._values = 0

    def document(self) -> Node | None:
        """The next one, None at the end."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._is_whole = True
                found = self._node(next(self._events), 0)
                if isinstance(found, Mapping) and not self._is_whole:
                    return Mapping(found.line, found.items, found.lines, whole=False)
                return found
            if isinstance(event, yaml.StreamEndEvent):
                return None
        return None

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._wrong(line, "anchors and aliases are not allowed, write the values out")
        if isinstance(event, yaml.AliasEvent):
            return Text(line, "", "")
        if getattr(event, "tag", None) not in (None, "!"):
            self._wrong(line, "tags are not allowed")
        if depth > MAX_DEPTH:
            raise _RefusedError(line, f"nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(event, depth + 1))
            return Items(line, tuple(items))
        found: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = _line(event)
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Text):
                self._wrong(at, "expected text as a key")
            elif key.text in found:
                self._wrong(at, f"{key.text} stands in line {lines[key.text]} already")
            else:
                found[key.text] = value
                lines[key.text] = at
        return Mapping(line, found, lines)

    def _wrong(self, line: int, what: str) -> None:
        self._is_whole = False
        self._tell(line, what)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Text:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _RefusedError(line, f"more than {MAX_VALUES} values")
        text = event.value
        if not event.implicit[0]:
            return Text(line, text, text)
        tag: str = self._resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # its stubs leave it out
        kind = tag.removeprefix(_SAFE)
        if kind not in ("null", "bool", "int", "float"):
            return Text(line, text, text)
        if len(text) > 64:
            self._wrong(line, "a number of more than 64 characters; text stands in quotes")
            return Text(line, text, text)
        node = yaml.ScalarNode(tag, text)
        return Text(line, text, self._resolver.construct_object(node))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
