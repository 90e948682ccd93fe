"""What every rule has beside what it looks for: title, id, level, and our own `ocspwatch` group.

ocspwatch:
    note: OCSP::Revoked_In_Use             # default: Sigma:: and the title
    msg: '{id.orig_h} was told that {serial_number} is revoked'       # default: the title
    sub: '{cert_status}: {revocation_reason}'                         # default: the rule's title if msg is given
    identifier: [id.orig_h, serial_number]  # told once for each; default: id.orig_h and id.resp_h
    suppress_for: 1h                        # default: logs.suppress_for_s
    replaces_built_in: true                 # of a rule over leak: where it fires, OCSP::Privacy_Leak is not told, too
    matches: [../pcaps/a.pcap]              # `rules test`: must fire on each of these,
    ignores: [../pcaps/b.pcap]              # and on none of these; relative to this file
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sensor.rules.document import Items, Mapping, Mistakes, Node, Text
from sensor.rules.rule import Head, Level, NoticeForm
from sensor.rules.template import Template, TemplateError, parse_template

OWN: Final = "ocspwatch"
_OWN_KEYS: Final = ("note", "msg", "sub", "identifier", "suppress_for", "replaces_built_in", "matches", "ignores")
_KEYS: Final = (
    *("title", "id", "name", "taxonomy", "related", "status", "description", "license", "references", "author", "date"),
    *("modified", "logsource", "detection", "correlation", "fields", "falsepositives", "level", "tags", "scope"),
    *("generate", OWN),
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOTE: Final = re.compile(r"[A-Za-z0-9_]{1,64}::[A-Za-z0-9_]{1,128}")
_NAME: Final = re.compile(r"[^\s{}]{1,256}")
_SPAN: Final = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STATUSES: Final = ("stable", "test", "experimental", "deprecated", "unsupported")
_RELATIONS: Final = ("correlation", "derived", "merged", "obsolete", "renamed", "similar")
_DATE: Final = re.compile(r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})")  # with slashes before version 2
MAX_TITLE: Final = 256
_MAX_SPAN_S: Final = 366 * 86400


def parse_span(text: str) -> int:
    """A time span, `90s`, `5m`, `1h`, `2d`, in microseconds. Raises ValueError, saying what was expected."""
    found = _SPAN.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found is not None else -1
    if not 0 <= seconds <= _MAX_SPAN_S:
        raise ValueError(f"expected a number and s, m, h or d, at most a year, not {text}")
    return seconds * 1_000_000


class HeadReader:
    """Reads the head of one document. `names`: what a template may speak of, None if that is not known."""

    def __init__(self, file: Path, document: Mapping, mistakes: Mistakes) -> None:
        self._path = file
        self._file = str(file)
        self._document = document
        self._mistakes = mistakes

    def read(self, names: Collection[str] | None, identifier: tuple[str, ...]) -> Head | None:
        """None if there is a mistake; `identifier` is the default one."""
        before = self._mistakes.count
        title = self.text("title", required=True)
        if title is not None and len(title) > MAX_TITLE:
            self.wrong("title", f"expected a title of at most {MAX_TITLE} characters")
        name = self.text("name")
        if name is not None and not _NAME.fullmatch(name):
            self.wrong("name", "expected a name of one word")
        rule_id = self.text("id")
        if rule_id is not None and not _UUID.fullmatch(rule_id):
            self.wrong("id", f"expected a UUID, not {rule_id}")
        if rule_id is None and name is None:
            self._mistakes.add(self._file, self._document.line, "expected an id, a UUID, or at least a name")
        level = self._level()
        status = self.text("status")
        if status is not None and status not in _STATUSES:
            self.wrong("status", f"expected one of {', '.join(_STATUSES)}, not {status}")
        self._check_about()
        self._note_misspelt()
        own = self._own()
        form = self._form(own, title or "?", names, identifier)
        matches, ignores = self._list(own, "matches"), self._list(own, "ignores")
        if self._mistakes.count > before or form is None:
            return None
        return Head(
            id=(rule_id or name or "").lower() if rule_id else name or "",
            title=title or "",
            name=name,
            level=level,
            status=status,
            description=self.text("description") or "",
            tags=self._list(self._document, "tags"),
            file=self._path,
            line=self._document.line,
            notice=form,
            matches=matches,
            ignores=ignores,
            capture_lines=_lines_of(own.items.get("matches")) + _lines_of(own.items.get("ignores")),
        )

    def text(self, key: str, required: bool = False) -> str | None:
        """A value of the document as text."""
        node = self._document.items.get(key)
        if node is None or (isinstance(node, Text) and node.value is None):
            if required:
                self._mistakes.add(self._file, self._document.line, f"expected {key}")
            return None
        if not isinstance(node, Text):
            self.wrong(key, f"{key}: expected text")
            return None
        return node.text

    def wrong(self, key: str, what: str) -> None:
        self._mistakes.add(self._file, self._document.lines.get(key, self._document.line), what)

    def _check_about(self) -> None:
        """What says where a rule comes from. Nothing here depends on it, but other readers of Sigma refuse such rules,
        so that they could be neither converted nor shared."""
        for key in ("author", "license", "taxonomy"):
            self.text(key)
        for key in ("date", "modified"):
            word = self.text(key)
            if word is not None and not _is_date(word):
                self.wrong(key, f"{key}: expected a date, year-month-day, not {word}")
        for key in ("references", "falsepositives", "fields", "scope"):
            self._list(self._document, key)
        for tag in self._list(self._document, "tags"):
            if "." not in tag:
                self.wrong("tags", f"tags: expected a namespace, a dot and a name, not {tag}")
        self._check_related()

    def _check_related(self) -> None:
        node = self._document.items.get("related")
        if node is None or (isinstance(node, Text) and node.value is None):
            return
        for each in node.items if isinstance(node, Items) else (node,):
            told = each.items if isinstance(each, Mapping) else {}
            rule_id, kind = told.get("id"), told.get("type")
            if not isinstance(rule_id, Text) or not _UUID.fullmatch(rule_id.text):
                self._mistakes.add(self._file, each.line, "related: expected a list of maps with a UUID as id")
            if not isinstance(kind, Text) or kind.text not in _RELATIONS:
                self._mistakes.add(self._file, each.line, f"related: expected type, one of {', '.join(_RELATIONS)}")

    def _note_misspelt(self) -> None:
        """Sigma lets a rule have keys of anybody's; one that is nearly Sigma's is a slip."""
        for key, line in self._document.lines.items():
            near = get_close_matches(key, _KEYS, 1, 0.75) if key not in _KEYS else []
            if near and near[0] not in self._document.items:
                self._mistakes.note(self._file, line, f"{key} is no key of Sigma's, did you mean {near[0]}?")

    def _level(self) -> Level | None:
        word = self.text("level")
        if word is None:
            return None
        if word not in Level.__members__:
            self.wrong("level", f"expected one of {', '.join(Level.__members__)}, not {word}")
            return None
        return Level[word]

    def _own(self) -> Mapping:
        node = self._document.items.get(OWN, Mapping(self._document.line, {}, {}))
        if not isinstance(node, Mapping):
            self.wrong(OWN, f"{OWN}: expected a map")
            return Mapping(self._document.line, {}, {})
        for key, line in node.lines.items():
            if key not in _OWN_KEYS:
                self._mistakes.add(self._file, line, f"{OWN} has no {key}: expected one of {', '.join(_OWN_KEYS)}")
        return node

    def _form(
        self, own: Mapping, title: str, names: Collection[str] | None, identifier: tuple[str, ...]
    ) -> NoticeForm | None:
        note = self._word(own, "note") or "Sigma::" + ("_".join(re.findall(r"[A-Za-z0-9]+", title))[:128] or "Rule")
        if not _NOTE.fullmatch(note):
            self._mistakes.add(self._file, own.lines["note"], f"note: expected Group::Name, not {note}")
        msg = self._template(own, "msg", names)
        sub = self._template(own, "sub", names)
        if sub is None and msg is not None:
            sub = Template((title,))
        if "identifier" in own.items:
            identifier = self._list(own, "identifier")
            for name in identifier:
                if names is not None and name not in names:
                    self._mistakes.add(self._file, own.lines["identifier"], f"identifier: no field {name}")
        span = self._word(own, "suppress_for")
        suppress = None
        if span is not None:
            try:
                suppress = parse_span(span)
            except ValueError as error:
                self._mistakes.add(self._file, own.lines["suppress_for"], f"suppress_for: {error}")
        return NoticeForm(note, msg or Template((title,)), sub, identifier, suppress, self._replaces(own))

    def _replaces(self, own: Mapping) -> bool:
        node = own.items.get("replaces_built_in")
        if node is None:
            return False
        source = self._document.items.get("logsource")
        service = source.items.get("service") if isinstance(source, Mapping) else None
        is_about_leaks = isinstance(service, Text) and service.text == "leak"
        if not isinstance(node, Text) or not isinstance(node.value, bool) or not is_about_leaks:
            what = "replaces_built_in: expected true or false, in a rule over leak"
            self._mistakes.add(self._file, own.lines["replaces_built_in"], what)
            return False
        return node.value

    def _word(self, own: Mapping, key: str) -> str | None:
        node = own.items.get(key)
        if node is None:
            return None
        if not isinstance(node, Text) or node.value is None:
            self._mistakes.add(self._file, own.lines[key], f"{key}: expected text")
            return None
        return node.text

    def _template(self, own: Mapping, key: str, names: Collection[str] | None) -> Template | None:
        text = self._word(own, key)
        if text is None:
            return None
        try:
            return parse_template(text, names)
        except TemplateError as error:
            self._mistakes.add(self._file, own.lines[key], f"{key}: {error}")
            return None

    def _list(self, map_: Mapping, key: str) -> tuple[str, ...]:
        node: Node | None = map_.items.get(key)
        if node is None or (isinstance(node, Text) and node.value is None):
            return ()
        if isinstance(node, Items) and all(isinstance(item, Text) for item in node.items):
            return tuple(item.text for item in node.items if isinstance(item, Text))
        self._mistakes.add(self._file, map_.lines[key], f"{key}: expected a list of texts")
        return ()


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    try:
        date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return False
    return True


def _lines_of(node: Node | None) -> tuple[int, ...]:
    return tuple(item.line for item in node.items) if isinstance(node, Items) else ()
