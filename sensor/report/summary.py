"""Observations in, the counts of a summary out; how they look is report.render's.

Whatever the traffic, memory stays within the limits below, and what they cut off is added up, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from sensor.audit.findings import GRAVE, Audit, Finding
from sensor.flow.conn import Connection
from sensor.http.transaction import HttpTransaction
from sensor.ocsp.model import CertStatus, Evidence, OcspExchange, ResponseStatus
from sensor.privacy.leak import Grade, Leak
from sensor.report.tally import Sample, Tally
from sensor.report.text import common_name
from sensor.weird import Weird

MAX_KEYS = 1024  # ports, MIME types, weird names, unlisted serials
MAX_RESPONDERS = 256
MAX_ANSWERS = 16  # kinds of answers of one responder
MAX_TOLD = 8192  # lines about clients
MAX_DAMAGE = 64  # places in captures that are told one by one
MAX_DISTINCT = 65536  # clients, sites and certificates told apart

# What a line about a client is about: so many sites, or one of these.
CA, UNLISTED, MANY = -1, -2, -3
GRAVITY = {CA: 0, UNLISTED: 1, MANY: 2, 1: 4}
"""How much it gives away, more is worse; 3 for a few sites."""

NO_REPLY = "(no reply)"
NO_BODY = "(no body)"
NO_TYPE = "(type unknown)"

# In locals of this module: an enum's attribute costs more than the comparison.
_MANY, _CA, _UNLISTED = Grade.many, Grade.ca, Grade.unlisted
_REVOKED, _RESPONSE = CertStatus.revoked, Evidence.response


class FileRead(msgspec.Struct, frozen=True):
    """One input. Times in nanoseconds, None of an input without packets; `damage` says what could not be read."""

    name: str
    frames: int
    octets: int
    first_ts: int | None = None
    last_ts: int | None = None
    damage: tuple[str, ...] = ()


class Responder:
    """What became of the questions to one responder; times in nanoseconds."""

    __slots__ = ("answers", "asked", "delay", "validity")

    def __init__(self) -> None:
        self.asked = 0
        self.answers: Tally[str] = Tally(MAX_ANSWERS)
        self.validity = Sample()
        self.delay = Sample()

    def merge(self, other: Responder) -> None:
        """Adds the counts of `other`; of its times nothing, which is of one responder only."""
        self.asked += other.asked
        for answer, times in other.answers.counts.items():
            self.answers.add(answer, times)


class Told:
    """What one client told with one program, once: a site, a CA, or serials of one issuer (`label`, "" if unknown).

    `sites_total` is what the certificates name at most; `asked` is False where only replies were seen; `is_crl`: a CRL
    told it, too.
    """

    __slots__ = ("asked", "certificates", "grade", "is_crl", "label", "revoked", "sites_total", "times")

    def __init__(self, grade: Grade, label: str) -> None:
        self.grade = grade
        self.label = label
        self.sites_total = 0
        self.times = 0
        self.certificates = 0
        self.asked = False
        self.revoked = False
        self.is_crl = False


class Unsound:
    """How many answers had one grave finding, and the first of them: whom it was asked of, and about which serial."""

    __slots__ = ("host", "serial_number", "times")

    def __init__(self, host: bytes, serial_number: str) -> None:
        self.host = host
        self.serial_number = serial_number
        self.times = 0


class Distinct:
    """How many different values were seen, counted up to MAX_DISTINCT."""

    __slots__ = ("_seen", "is_full")

    def __init__(self) -> None:
        self._seen: set[object] = set()
        self.is_full = False

    def add(self, value: object) -> None:
        if len(self._seen) < MAX_DISTINCT:
            self._seen.add(value)
        elif value not in self._seen:
            self.is_full = True

    def __len__(self) -> int:
        return len(self._seen)


Observation = Connection | HttpTransaction | OcspExchange | Leak | Weird | FileRead


class Summary:
    """Takes every observation, in any order, and keeps the counts that `report.render` shows.

    What comes from no observation is set from outside: `files`, `other_frames` (frames without TCP, by what they
    were), `lookups_failed` and `pairs_forgotten` (LeakStage's `unavailable` and `forgotten`).
    """

    def __init__(self) -> None:
        self.files: list[FileRead] = []
        self.connections = 0
        self.gapped_connections = 0
        self.missed_bytes = 0
        self.ports: Tally[tuple[int, str | None]] = Tally(MAX_KEYS)
        self.mime_types: Tally[str] = Tally(MAX_KEYS)
        self.responders: dict[bytes, Responder] = {}
        self.other_responders = Responder()
        self.audited = 0
        self.unsound: dict[Finding, Unsound] = {}
        self.told: dict[tuple[str, str, int, str], Told] = {}
        self.told_besides = 0
        self.clients_total = Distinct()
        self.sites_total = Distinct()
        self.certificates_total = Distinct()
        self.leaks = 0
        self.unlisted: Tally[tuple[str | None, str]] = Tally(MAX_KEYS)
        self.weirds: Tally[str] = Tally(MAX_KEYS)
        self.weird_examples: dict[str, str] = {}
        self.damage: list[tuple[str, str]] = []
        self.damage_besides = 0
        self.other_frames: dict[str, int] = {}
        self.lookups_failed = 0
        self.pairs_forgotten = 0
        self._takers: dict[type, Callable[..., None]] = {
            Connection: self.connection,
            HttpTransaction: self.transaction,
            OcspExchange: self.exchange,
            Leak: self.leak,
            Weird: self.weird,
            FileRead: self.files.append,
        }

    def feed(self, observations: Iterable[object]) -> None:
        """Counts each observation by its type; objects of other types are passed over."""
        takers = self._takers
        for observation in observations:
            take = takers.get(type(observation))
            if take is not None:
                take(observation)

    def connection(self, connection: Connection) -> None:
        self.connections += 1
        self.ports.add((connection.flow.resp_p, connection.service))
        if connection.missed_bytes:
            self.gapped_connections += 1
            self.missed_bytes += connection.missed_bytes

    def transaction(self, transaction: HttpTransaction) -> None:
        response = transaction.response
        if response is None:
            mime_type = NO_REPLY
        elif not response.files:
            mime_type = NO_BODY
        else:
            mime_type = response.files[0].mime_type or NO_TYPE
        self.mime_types.add(mime_type)

    def exchange(self, exchange: OcspExchange) -> None:
        name = exchange.host
        host = exchange.flow.resp_h.encode() if name is None else name.lower().removesuffix(b":80")
        responder = self.responders.get(host)
        if responder is None:
            if len(self.responders) >= 2 * MAX_RESPONDERS:
                self._merge_responders()
            responder = self.responders[host] = Responder()
        responder.asked += 1
        responder.answers.add(_answer(exchange))
        single = exchange.single
        if single is not None and single.this_update is not None and single.next_update is not None:
            responder.validity.add(single.next_update - single.this_update)
        if exchange.response_ts is not None and exchange.request is not None:
            responder.delay.add(exchange.response_ts - exchange.ts)

    def audits(self, exchanges: Sequence[OcspExchange], audits: Sequence[Audit | None]) -> None:
        """What was found about the replies of these exchanges; None stands for no reply."""
        for exchange, audit in zip(exchanges, audits, strict=True):
            if audit is not None:
                self.audited += 1
                for finding in audit:
                    if finding in GRAVE:
                        self._unsound(exchange, finding)

    def _unsound(self, exchange: OcspExchange, finding: Finding) -> None:
        unsound = self.unsound.get(finding)
        if unsound is None:
            cert_id = exchange.cert_id
            host = exchange.flow.resp_h.encode() if exchange.host is None else exchange.host
            unsound = self.unsound[finding] = Unsound(host, "" if cert_id is None else cert_id.serial_number)
        unsound.times += 1

    def leak(self, leak: Leak) -> None:
        self.leaks += 1
        grade = leak.grade
        if grade is _UNLISTED and leak.serial_number is None:
            whose = common_name(leak.issuer) if leak.issuer else "an unknown issuer"
            label, kind = f"a CRL of {whose}", UNLISTED
        elif grade is _UNLISTED:
            label, kind = leak.issuer or "", UNLISTED
            self.unlisted.add((leak.issuer, leak.serial_number or ""))
        elif grade is _CA:
            label, kind = leak.names[0], CA
        else:
            label, kind = leak.site or "", MANY if grade is _MANY else leak.sites_total
        key = (leak.flow.orig_h, label, kind, leak.software)
        told = self.told.get(key)
        if told is None:
            if len(self.told) >= 2 * MAX_TOLD:
                self._forget_told()
            told = self.told[key] = Told(grade, label)
            self.clients_total.add(key[0])
            if leak.site is not None:
                self.sites_total.add(label)
        told.times += 1
        if leak.serial_number is None:
            told.is_crl = True
        elif leak.times_seen == 1:
            told.certificates += 1
            self.certificates_total.add((leak.issuer, leak.serial_number))
        if leak.sites_total > told.sites_total:  # noqa: PLR1730  (a third of the cost of max)
            told.sites_total = leak.sites_total
        if leak.evidence is not _RESPONSE:
            told.asked = True
        single = leak.exchange.single
        if single is not None and single.cert_status is _REVOKED:
            told.revoked = True

    def weird(self, weird: Weird) -> None:
        if weird.source == "CAPTURE":  # a place in a capture that could not be read
            if len(self.damage) < MAX_DAMAGE:
                self.damage.append((weird.name, weird.addl or ""))
            else:
                self.damage_besides += 1
            return
        self.weirds.add(weird.name)
        if weird.flow is None and weird.addl is not None and len(self.weird_examples) < MAX_KEYS:
            self.weird_examples.setdefault(weird.name, weird.addl)

    def _merge_responders(self) -> None:
        ranked = sorted(self.responders.items(), key=lambda item: -item[1].asked)
        self.responders = dict(ranked[:MAX_RESPONDERS])
        for _, responder in ranked[MAX_RESPONDERS:]:
            self.other_responders.merge(responder)

    def _forget_told(self) -> None:
        """Keeps the gravest lines, the most often told first; the others stay in the totals."""
        ranked = sorted(self.told.items(), key=lambda item: (-GRAVITY.get(item[0][2], 3), -item[1].times))
        self.told = dict(ranked[:MAX_TOLD])
        self.told_besides += len(ranked) - MAX_TOLD


def _answer(exchange: OcspExchange) -> str:
    """The outcome in a word or two."""
    response = exchange.response
    if exchange.evidence is Evidence.mismatch:
        return "mismatched"
    if exchange.single is not None:
        return exchange.single.cert_status.value
    if response is not None and response.status:
        names = ResponseStatus.__members__.values()
        return next((s.name for s in names if s == response.status), f"status {response.status}")
    if response is not None:
        return "no status"
    if exchange.http_status is None:
        return "no reply"
    return "not modified" if exchange.http_status == 304 else f"http {exchange.http_status}"
