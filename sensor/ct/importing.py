"""Files into the store, in batches that are kept as a whole or not at all, and an account of what became of them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from sensor.ct.authorities import ClaimedKey, RefusedError, is_authority
from sensor.ct.sources import ClaimedItem, DerItem, Form, GivenItem, Origin, Refusal, WordsItem
from sensor.ct.sources.files import Input, Skipped, find_inputs, read_input
from sensor.ct.store import Outcome, Store
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.settings import CtSettings

BATCH = 10_000  # certificates; a killed import loses at most so many, and each batch rewrites most of a small store
_MAX_REASONS = 64
_OTHER = "other reasons"
_MAX_REMEMBERED = 16384  # issuers that feeds repeat with every certificate
_MAX_ROUNDS = 16  # certificates of a chain, when each comes before the one that vouches for it
_MAX_NAMED = 3  # files of one form
_Addable = DerItem | WordsItem | ClaimedItem | GivenItem
NO_ROOT = "of a feed, or seen in traffic, and no CA that is known here leads to it: import its root"
TOO_MANY = "beyond what is kept until its issuer is known: import the roots first"


class Refused(msgspec.Struct):
    """How many were refused for one reason, and the first of them."""

    count: int
    example: str


class Read(msgspec.Struct):
    """How many files were read in one form, and the first of them."""

    count: int = 0
    paths: list[str] = msgspec.field(default_factory=list)


class ImportReport(msgspec.Struct):
    """What became of everything that was read. `files` and `skipped` count files, `forms` tells as what they were
    read, the others count certificates.

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
    forms: dict[Form, Read] = msgspec.field(default_factory=dict)

    @property
    def refused_total(self) -> int:
        """Certificates, or files, that should have got in and did not."""
        return sum(refused.count for refused in self.refused.values())

    def note_form(self, form: Form, source: Input) -> None:
        """Counts a file."""
        read = self.forms.setdefault(form, Read())
        read.count += 1
        if len(read.paths) < _MAX_NAMED:
            read.paths.append(source.path)

    def forms_told(self) -> list[str]:
        """A line for each form, with some of the files."""
        return [
            f"as {form.value}: {', '.join(read.paths)}"
            + (f" and {read.count - len(read.paths):,} more" if read.count > len(read.paths) else "")
            for form, read in self.forms.items()
        ]

    def refuse(self, reason: str, source: Input, place: str, count: int = 1) -> None:
        """Counts refusals. Reasons may quote a library: beyond some number they are not told apart."""
        if reason not in self.refused and len(self.refused) >= _MAX_REASONS:
            reason = _OTHER
        if reason in self.refused:
            self.refused[reason].count += count
        else:
            self.refused[reason] = Refused(count, f"{source.path}: {place}" if place else source.path)


def import_paths(
    store: Store,
    paths: list[str],
    settings: CtSettings,
    now: int,
    report: ImportReport,
    label: str | None = None,
    on_batch: Callable[[ImportReport], None] | None = None,
    feeds: Sequence[str] = (),
) -> None:
    """Imports files and folders; `now` is written down as when they were learnt (seconds), `label` as their source.
    After them come `feeds`, which somebody else wrote: what they seem to be makes none of it the operator's word.

    What becomes of them is counted in `report`; `on_batch` sees it after each batch. Raises StoreError; batches done by
    then are kept.
    """
    work = _work(itertools.chain(find_inputs(paths), find_inputs(feeds, feed=True)), settings, report)
    importer = _Importer(store, settings, report, now, label)
    more = True
    while more:
        more = False
        with store.batch():
            for count, (source, item) in enumerate(work, 1):
                importer.add(source, item)
                if count == BATCH:
                    more = True
                    break
            if not more:
                importer.settle()
        report.resolved, report.dropped = store.resolved, store.dropped
        if on_batch is not None:
            on_batch(report)
    report.missing = store.missing_issuers()


def _work(
    sources: Iterable[Input | Skipped], settings: CtSettings, report: ImportReport
) -> Iterator[tuple[Input, _Addable]]:
    """What can be added; everything else is counted here."""
    for source in sources:
        if isinstance(source, Skipped):
            report.skipped += 1
            continue
        report.files += 1
        for item in read_input(source, settings):
            if isinstance(item, Skipped):
                report.skipped += 1
                report.files -= 1
            elif isinstance(item, Form):
                report.note_form(item, source)
            elif isinstance(item, Refusal):
                report.refuse(item.reason, source, item.place)
            else:
                yield source, item


class _Kept(msgspec.Struct):
    """A certificate that came `count` times, and for which nobody has vouched yet."""

    source: Input
    item: DerItem
    certificate: SignedCertificate
    count: int = 1


class _Importer:
    """Items into the store; what is not the operator's own word waits in memory until a known CA vouches for it."""

    def __init__(self, store: Store, settings: CtSettings, report: ImportReport, now: int, label: str | None) -> None:
        self._store = store
        self._settings = settings
        self._report = report
        self._now = now
        self._label = label
        self._known: set[bytes] = set()  # digests of issuers' certificates
        self._kept: dict[bytes, _Kept] = {}
        self._kept_bytes = 0

    def add(self, source: Input, item: _Addable) -> None:
        """Within the store's batch. Raises StoreError."""
        try:
            outcome = self._added(source, item)
        except CertificateError as error:
            self._report.refuse(f"not a certificate that can be read: {error}", source, item.place)
        except RefusedError as error:
            self._report.refuse(str(error), source, item.place)
        else:
            self._count(outcome)

    def settle(self) -> None:
        """The end: those whose issuers have come since are added, the others refused. Raises StoreError."""
        for _ in range(_MAX_ROUNDS):
            before = len(self._kept)
            for digest, kept in list(self._kept.items()):
                try:
                    vouched = self._store.is_vouched_for(kept.certificate)
                    outcome = self._put(kept.item, kept.certificate) if vouched else None
                except RefusedError as error:
                    self._report.refuse(str(error), kept.source, kept.item.place, kept.count)
                    del self._kept[digest]
                    continue
                if outcome is not None:
                    self._count(outcome)
                    self._report.known += kept.count - 1
                    del self._kept[digest]
            if len(self._kept) == before:
                break
        for kept in self._kept.values():
            self._report.refuse(NO_ROOT, kept.source, kept.item.place, kept.count)
        self._kept.clear()
        self._kept_bytes = 0

    def _added(self, source: Input, item: _Addable) -> Outcome | None:
        """None: it is counted elsewhere, or nothing to be counted. Raises CertificateError and RefusedError."""
        learned_at = item.learned_at or self._now
        if isinstance(item, WordsItem):
            found_in = self._label or item.source or "crt.sh"
            return self._store.add_in_words(item.facts, item.display, item.ca_id, found_in, learned_at)
        if isinstance(item, GivenItem):
            self._store.trust(item.issuer, item.name_hashes)
            if item.facts is None:
                return None
            found_in = self._label or item.source or "file"
            return self._store.add_given(item.facts, item.issuer, item.issuer.subject_der, found_in, learned_at)
        if isinstance(item, ClaimedItem):
            found_in = self._label or item.source or "file"
            certificate = decode_certificate(item.der, self._settings.max_names)
            return self._store.add_waiting(certificate, ClaimedKey(item.key_id, item.hashes), found_in, learned_at)
        if item.origin is Origin.file:
            return self._put(item, decode_certificate(item.der, self._settings.max_names))
        return self._added_from_elsewhere(source, item)

    def _added_from_elsewhere(self, source: Input, item: DerItem) -> Outcome | None:
        digest = hashlib.sha256(item.der).digest()
        if digest in self._known:
            return Outcome.known
        if digest in self._kept:
            self._kept[digest].count += 1
            return None
        if len(item.der) > self._settings.max_certificate_bytes:
            raise RefusedError("too long")
        certificate = decode_certificate(item.der, self._settings.max_names)
        authority = is_authority(certificate)
        if authority and self._store.is_known_authority(certificate):
            outcome = Outcome.known
        elif (item.origin is Origin.feed and not authority) or self._store.is_vouched_for(certificate):
            outcome = self._put(item, certificate)
        elif self._kept_bytes + len(item.der) > self._settings.max_document_bytes:
            raise RefusedError(TOO_MANY)
        else:
            self._kept[digest] = _Kept(source, item, certificate)
            self._kept_bytes += len(item.der)
            return None
        if authority:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known.add(digest)
        return outcome

    def _put(self, item: DerItem, certificate: SignedCertificate) -> Outcome:
        return self._store.add(certificate, self._label or item.source or "file", item.learned_at or self._now)

    def _count(self, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._report.new += outcome is not Outcome.known
            self._report.waiting += outcome is Outcome.waiting
            self._report.known += outcome is Outcome.known
