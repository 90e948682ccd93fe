"""Replays captures to see which rules fire on them; each capture once, whatever number of rules name it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor.capture.inputs import open_inputs
from sensor.capture.source import CaptureError
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.null import NullSink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.rules.captures import capture_path
from sensor.rules.engine import RuleEngine
from sensor.rules.rule import Rule, RuleSet
from sensor.settings import CtSettings, Settings


class TrialError(Exception):
    """A capture cannot be replayed: which, and why."""


class Trial:
    """All of `rules` on one capture after the other. Certificates in `certs` beside a capture are known."""

    def __init__(self, rules: RuleSet, settings: Settings) -> None:
        self._rules = rules
        self._settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="ocspwatch-rules-")
        self._stores: dict[Path, CtSettings] = {}
        self._fired: dict[Path, frozenset[str]] = {}

    def close(self) -> None:
        self._folder.cleanup()

    def captures(self, rule: Rule) -> Iterator[tuple[str, bool, Path]]:
        """Of each capture that the rule names: its name, whether the rule should fire there, and where it is."""
        for should, names in ((True, rule.head.matches), (False, rule.head.ignores)):
            for name in names:
                yield name, should, capture_path(rule.head, name)

    def outcomes(self, rule: Rule) -> Iterator[tuple[str, bool, bool]]:
        """Of each capture that the rule names: its name, whether it should fire there, whether it does.

        Raises TrialError.
        """
        for name, should, path in self.captures(rule):
            yield name, should, rule.head.id in self.fired(path)

    def fired(self, capture: Path) -> frozenset[str]:
        """The ids of the rules that fire on a capture. Raises TrialError."""
        if capture not in self._fired:
            self._fired[capture] = self._replay(capture)
        return self._fired[capture]

    def _replay(self, capture: Path) -> frozenset[str]:
        settings = msgspec.structs.replace(self._settings, ct=self._store(capture.parent / "certs"))
        try:
            source = open_inputs([str(capture)], settings.capture)
        except CaptureError as error:
            raise TrialError(str(error)) from None
        lookup = StoreLookup(settings.ct)
        writer = LogWriter(settings.logs, settings.flow.local_nets, NullSink())
        engine = RuleEngine(self._rules, settings, writer.notice, writer.weird)
        writer.observe(engine)
        try:
            Pipeline(settings, lookup, writer, None).run(source)
            writer.close()
        finally:
            source.close()
            lookup.close()
        return frozenset(engine.hits)

    def _store(self, certificates: Path) -> CtSettings:
        """Settings whose cache knows what is in the folder; an empty one if there is none."""
        known = self._stores.get(certificates)
        if known is None:
            path = Path(self._folder.name) / f"{len(self._stores)}.sqlite"
            known = self._stores[certificates] = msgspec.structs.replace(self._settings.ct, path=str(path))
            store = Store(path, known.max_names)
            try:
                if certificates.is_dir():
                    import_paths(store, [str(certificates)], known, 0, ImportReport())
            finally:
                store.close()
        return known
