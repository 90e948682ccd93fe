"""Settings out of a YAML file and off the command line: every mistake is found, each told with its line.

Apart from the tree itself (`settings.py`), because every stage needs that, and only the command line this.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from sensor.settings import Settings

_MAX_FILE_BYTES = 65536
_MAX_DEPTH = 4  # of YAML nodes: the file, a section, a list, its item


class SettingsError(Exception):
    """The caller's settings cannot be used: `lines` says of every mistake where it is and what, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def default_path() -> Path:
    """Where settings are looked for if no file is named: ocspwatch/ocspwatch.yaml in XDG_CONFIG_HOME or ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if home.startswith("/") else Path(os.environ.get("HOME") or "/") / ".config"
    return folder / "ocspwatch" / "ocspwatch.yaml"


def load_settings(path: str | Path | None = None) -> Settings:
    """The defaults with what the file says on top; without a path, that of `default_path` if it is there.

    Raises SettingsError with all mistakes that the file has.
    """
    return load_origins(path)[0]


def load_origins(path: str | Path | None = None) -> tuple[Settings, dict[str, str]]:
    """As `load_settings`; with it, for each key that the file sets (`section.key`), where: `file:line`."""
    if path is None:
        path = default_path()
        if not os.access(path, os.F_OK):
            return Settings(), {}
    found: dict[str, tuple[Any, str]] = {}
    mistakes: list[str] = []
    for key, value, line in _read_yaml(Path(path), mistakes):
        if key in found:
            mistakes.append(f"{path}:{line}: {key} is set again")
        found[key] = (value, f"{path}:{line}")
    return _apply(Settings(), found, mistakes), {key: where for key, (_, where) in found.items()}


def override(settings: Settings, values: Mapping[str, object]) -> Settings:
    """`settings` with some keys (`section.key`) replaced, by values of their type or by text that says one.

    Raises SettingsError.
    """
    return _apply(settings, {key: (value, "command line") for key, value in values.items()}, [], from_text=True)


def _apply(
    settings: Settings, values: Mapping[str, tuple[Any, str]], mistakes: list[str], from_text: bool = False
) -> Settings:
    """`settings` with `values`, each with where it comes from. Raises SettingsError if there is any mistake."""
    sections: dict[str, dict[str, object]] = {}
    for key, (value, where) in values.items():
        section, _, name = key.partition(".")
        known = section in settings.__struct_fields__
        fields = {f.name: f.type for f in msgspec.structs.fields(getattr(settings, section))} if known else {}
        if name not in fields:
            mistakes.append(f"{where}: unknown key {key}{_near(key)}")
            continue
        try:
            sections.setdefault(section, {})[name] = _convert(key, value, fields[name], from_text)
        except ValueError as error:
            mistakes.append(f"{where}: {key}: {_expected(error, fields[name])}")
    if mistakes:
        raise SettingsError(sorted(mistakes, key=_line))
    changed = {
        section: msgspec.structs.replace(getattr(settings, section), **fields) for section, fields in sections.items()
    }
    return msgspec.structs.replace(settings, **changed)


def _convert(key: str, value: object, kind: Any, from_text: bool) -> object:
    """`value` as the type of the field `key`. Raises ValueError saying what is expected."""
    if value is None and key != "ct.path":
        raise ValueError("no value")
    if from_text and isinstance(value, str):
        listed = isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.VarTupleType)
        converted = msgspec.convert(value.split(",") if listed else value, kind, strict=False)
    else:
        converted = msgspec.convert(value, kind)
    if key == "flow.local_nets":
        from ipaddress import ip_network

        for net in converted:
            ip_network(net, strict=False)
    return converted


def _line(mistake: str) -> int:
    """For sorting: the line in `file:line: ...`, 0 without one."""
    found = re.search(r":(\d+): ", mistake)
    return int(found[1]) if found else 0


def _expected(error: ValueError, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"expected one of {', '.join(get_args(kind))}"
    text = str(error).replace("`", "")
    return text[:1].lower() + text[1:]


def _near(key: str) -> str:
    from difflib import get_close_matches

    keys = [f"{s}.{f}" for s in Settings.__struct_fields__ for f in getattr(Settings(), s).__struct_fields__]
    near = get_close_matches(key, keys, 1)
    return f", did you mean {near[0]}?" if near else ""


def _read_yaml(path: Path, mistakes: list[str]) -> list[tuple[str, Any, int]]:
    """Key (`section.key`), value and line of what a file sets; adds to `mistakes` what is wrong with it as a whole.

    Plain YAML only: no tags but the standard ones, no anchors and aliases (a few lines of which can fill the memory),
    no deep nesting. Raises SettingsError if the file cannot be read at all.
    """
    import yaml

    class PlainLoader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it out
            if event.anchor is not None:
                raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
            if self.depth >= _MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=event.start_mark)
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    name = str(path)
    found: list[tuple[str, Any, int]] = []
    try:
        loader = PlainLoader(_read_text(path, name))
        for section, fields in _pairs(loader.get_single_node(), name, mistakes, "sections"):
            for key, node in _pairs(fields, name, mistakes, f"keys of {section}"):
                line = node.start_mark.line + 1
                try:
                    found.append((f"{section}.{key}", loader.construct_object(node, deep=True), line))
                except (yaml.YAMLError, ValueError) as error:  # a tag; a date that is none
                    mistakes.append(f"{name}:{line}: {getattr(error, 'problem', error)}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.append(f"{name}:{mark.line + 1 if mark is not None else 1}: {error.problem}")
    except yaml.YAMLError as error:  # a character that YAML does not allow
        mistakes.append(f"{name}: {' '.join(str(error).split())}")
    return found


def _pairs(node: Any, name: str, mistakes: list[str], what: str) -> list[tuple[str, Any]]:
    """Keys and value nodes of a mapping; nothing for an empty value."""
    if node is None or (node.id == "scalar" and node.tag == "tag:yaml.org,2002:null"):
        return []
    if node.id != "mapping" or node.tag != "tag:yaml.org,2002:map":
        mistakes.append(f"{name}:{node.start_mark.line + 1}: expected {what}, each with a colon behind it")
        return []
    return [(key.value if key.id == "scalar" else "?", value) for key, value in node.value]


def _read_text(path: Path, name: str) -> str:
    """Raises SettingsError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError([f"{name}: {error.strerror}"]) from None
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise SettingsError([f"{name}: everybody may write to it (chmod o-w)"])
    if len(data) > _MAX_FILE_BYTES:
        raise SettingsError([f"{name}: larger than {_MAX_FILE_BYTES} bytes"])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError([f"{name}:{line}: not UTF-8"]) from None
