"""Files into the store, in batches that are kept as a whole or not at all, and an account of what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from sensor.ct.authorities import RefusedError
from sensor.ct.sources import DerItem, GivenItem, Refusal, WordsItem
from sensor.ct.sources.files import Input, Skipped, find_inputs, read_input
from sensor.ct.store import Outcome, Store
from sensor.pki.certificates import CertificateError, decode_certificate
from sensor.settings import CtSettings

BATCH = 10_000  # certificates; a killed import loses at most so many, and each batch rewrites most of a small store
_MAX_REASONS = 64
_OTHER = "other reasons"


class Refused(msgspec.Struct):
    """How many were refused for one reason, and the first of them."""

    count: int
    example: str


class ImportReport(msgspec.Struct):
    """What became of everything that was read. `files` and `skipped` count files, the others certificates.

    `waiting` is the part of `new` that came before its issuer's certificate, `resolved` those, of any import, that have
    it now, `dropped` those it did not sign. `missing`: issuers (RFC 4514 text) still waited for.
    """

    files: int = 0
    new: int = 0
    waiting: int = 0
    known: int = 0
    skipped: int = 0
    resolved: int = 0
    dropped: int = 0
    missing: tuple[str, ...] = ()
    refused: dict[str, Refused] = msgspec.field(default_factory=dict)

    @property
    def refused_total(self) -> int:
        """Certificates, or files, that should have got in and did not."""
        return sum(refused.count for refused in self.refused.values())

    def refuse(self, reason: str, source: Input, place: str) -> None:
        """Counts one refusal. Reasons may quote a library: beyond some number they are not told apart."""
        if reason not in self.refused and len(self.refused) >= _MAX_REASONS:
            reason = _OTHER
        if reason in self.refused:
            self.refused[reason].count += 1
        else:
            self.refused[reason] = Refused(1, f"{source.path}: {place}" if place else source.path)


def import_paths(
    store: Store,
    paths: list[str],
    settings: CtSettings,
    now: int,
    report: ImportReport,
    label: str | None = None,
    on_batch: Callable[[ImportReport], None] | None = None,
) -> None:
    """Imports files and folders; `now` is written down as when they were learnt (seconds), `label` as their source.

    What becomes of them is counted in `report`; `on_batch` sees it after each batch. Raises StoreError; batches done by
    then are kept.
    """
    work = _work(paths, settings, report)
    more = True
    while more:
        more = False
        with store.batch():
            for count, (source, item) in enumerate(work, 1):
                _add(store, source, item, settings, report, now, label)
                if count == BATCH:
                    more = True
                    break
        report.resolved, report.dropped = store.resolved, store.dropped
        if on_batch is not None:
            on_batch(report)
    report.missing = store.missing_issuers()


def _work(
    paths: list[str], settings: CtSettings, report: ImportReport
) -> Iterator[tuple[Input, DerItem | WordsItem | GivenItem]]:
    """What can be added; everything else is counted here."""
    for source in find_inputs(paths):
        if isinstance(source, Skipped):
            report.skipped += 1
            continue
        report.files += 1
        for item in read_input(source, settings):
            if isinstance(item, Skipped):
                report.skipped += 1
                report.files -= 1
            elif isinstance(item, Refusal):
                report.refuse(item.reason, source, item.place)
            else:
                yield source, item


def _add(
    store: Store,
    source: Input,
    item: DerItem | WordsItem | GivenItem,
    settings: CtSettings,
    report: ImportReport,
    now: int,
    label: str | None,
) -> None:
    try:
        if isinstance(item, WordsItem):
            found_in = label or item.source or "crt.sh"
            outcome = store.add_in_words(item.facts, item.display, item.ca_id, found_in, item.learned_at or now)
        elif isinstance(item, GivenItem):
            store.trust(item.issuer, item.name_hashes)
            if item.facts is None:
                return
            found_in = label or item.source or "file"
            name = item.issuer.subject_der
            outcome = store.add_given(item.facts, item.issuer, name, found_in, item.learned_at or now)
        else:
            certificate = decode_certificate(item.der, settings.max_names)
            outcome = store.add(certificate, label or item.source or "file", item.learned_at or now)
    except CertificateError as error:
        report.refuse(f"not a certificate that can be read: {error}", source, item.place)
    except RefusedError as error:
        report.refuse(str(error), source, item.place)
    else:
        report.new += outcome is not Outcome.known
        report.waiting += outcome is Outcome.waiting
        report.known += outcome is Outcome.known
