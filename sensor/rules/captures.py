"""The captures that rules name under `matches` and `ignores`: where they are, and which are not there."""

from __future__ import annotations

import os
from pathlib import Path

from sensor.rules.document import Mistakes
from sensor.rules.rule import Head, RuleSet


def capture_path(head: Head, name: str) -> Path:
    """Names are relative to the rule's file."""
    return Path(os.path.normpath(head.file.parent / name))


def missing_captures(rules: RuleSet, mistakes: Mistakes) -> None:
    """Notes every capture that a rule names and that is not there.

    Of a file's folder without any, as where rules are installed and their captures are not, that is said once.
    """
    by_folder: dict[Path, list[tuple[Head, str, int]]] = {}
    for rule in rules.rules:
        head = rule.head
        named = (*head.matches, *head.ignores)
        for name, line in zip(named, head.capture_lines, strict=True):
            by_folder.setdefault(head.file.parent, []).append((head, name, line))
    for folder, named_there in by_folder.items():
        missing = [(head, name, line) for head, name, line in named_there if not capture_path(head, name).is_file()]
        if len(missing) == len(named_there) and len({head.id for head, _, _ in missing}) > 1:
            mistakes.note(str(folder), 1, f"none of the {len(missing)} captures that its rules name is there")
            continue
        for head, name, line in missing:
            mistakes.note(str(head.file), line, f"there is no capture {name}")
