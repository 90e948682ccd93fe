"""A store in a temporary folder, and the two things done with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.lookup import Answer
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings

NOW = 1_795_000_000


class StoreBench:
    """A store in a temporary folder, and the two things done with it."""

    def __init__(self, settings: CtSettings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        assert settings.path is not None
        self.path = Path(settings.path)
        self._files = 0

    def put(self, *contents: bytes, suffix: str = "") -> list[str]:
        paths = []
        for content in contents:
            self._files += 1
            path = self.folder / f"input{self._files:04}{suffix}"
            path.write_bytes(content)
            paths.append(str(path))
        return paths

    def load(self, *contents: bytes, label: str | None = None) -> ImportReport:
        return self.load_paths(self.put(*contents), label)

    def load_paths(self, paths: list[str], label: str | None = None, feeds: Sequence[str] = ()) -> ImportReport:
        report = ImportReport()
        store = Store(self.path, self.settings.max_names)
        try:
            import_paths(store, paths, self.settings, NOW, report, label, feeds=feeds)
        finally:
            store.close()
        return report

    def ask(self, *ids: CertId) -> list[Answer]:
        lookup = StoreLookup(self.settings)
        try:
            return lookup.lookup(ids)
        finally:
            lookup.close()
