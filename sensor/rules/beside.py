"""Rules that a correlation refers to and that were not named with it, out of the files beside its own.

So that one file of a pack can be checked, tried, converted and used by itself. Nothing else of those files is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sensor.rules.document import Items, Mapping, Mistakes, Text, load_documents
from sensor.settings import RuleSettings

ENDINGS: Final = (".yml", ".yaml")

Documents = list[tuple[Path, Mapping]]


def beside(documents: Sequence[tuple[Path, Mapping]], settings: RuleSettings, mistakes: Mistakes) -> Documents:
    """The documents that the correlations among `documents` refer to and that are not among them."""
    found: Documents = []
    known = {word for _, document in documents for word in own_names(document)}
    read = {path.resolve() for path, _ in documents}
    fresh = list(documents)
    while fresh:
        missing: dict[Path, set[str]] = {}
        for path, document in fresh:
            missing.setdefault(path.parent, set()).update(references(document) - known)
        fresh = []
        for folder, words in missing.items():
            if words:
                fresh += _look(folder, words, read, settings, mistakes)
        for _, document in fresh:
            known.update(own_names(document))
        found += fresh
    return found


def _look(folder: Path, words: set[str], read: set[Path], settings: RuleSettings, mistakes: Mistakes) -> Documents:
    """The documents of one folder's files, but for those `read`, that have one of these names."""
    found: Documents = []
    files = sorted(each for each in folder.iterdir() if each.suffix in ENDINGS and each.is_file())
    for path in files[: settings.max_rules]:
        if path.resolve() in read or not _may_have(path, words, settings.max_file_bytes):
            continue
        for node in load_documents(path, settings.max_file_bytes, mistakes):
            if isinstance(node, Mapping) and words & set(own_names(node)):
                found.append((path, node))
    return found


def _may_have(path: Path, words: set[str], max_bytes: int) -> bool:
    """Whether one of the words stands anywhere in the file; what cannot be read has none."""
    try:
        with path.open("rb") as file:
            text = file.read(max_bytes).decode(errors="replace").lower()
    except OSError:
        return False
    return any(word.lower() in text for word in words)


def references(document: Mapping) -> set[str]:
    """The ids and names that a correlation refers to; of other documents none."""
    section = document.items.get("correlation")
    node = section.items.get("rules") if isinstance(section, Mapping) else None
    items = node.items if isinstance(node, Items) else (node,) if isinstance(node, Text) else ()
    return {key_of(item.text) for item in items if isinstance(item, Text)}


def own_names(document: Mapping) -> list[str]:
    """What others may refer to the document by: its id and its name."""
    return [key_of(node.text) for key in ("id", "name") if isinstance(node := document.items.get(key), Text)]


def key_of(word: str) -> str:
    """Ids are told apart by their hex digits, names by every letter."""
    return word.lower() if len(word) == 36 and word.count("-") == 4 else word
