"""Observations in, the counts of a summary out; how they look is report.render's.

Whatever the traffic, memory stays within the limits below, and what they cut off is added up, never dropped in silence.
Compiled where a compiler is found (summary.pxd): it is kept for every message.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec

from sensor.audit.findings import Audit, Finding
from sensor.flow.conn import Connection
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange
from sensor.privacy.leak import Grade, Leak
from sensor.report.facts import (
    CA,
    MANY,
    UNLISTED,
    of_audits,
    of_connection,
    of_exchange,
    of_leak,
    of_transaction,
)
from sensor.report.tally import Sample, Tally
from sensor.weird import Weird

MAX_KEYS = 1024  # ports, MIME types, weird names, unlisted serials
MAX_RESPONDERS = 256
MAX_ANSWERS = 16  # kinds of answers of one responder
MAX_TOLD = 8192  # lines about clients
MAX_DAMAGE = 64  # places in captures that are told one by one
MAX_DISTINCT = 65536  # clients, sites and certificates told apart

_GRADES = {grade.value: grade for grade in Grade}  # a lookup by Grade(...) costs ten times as much

GRAVITY = {CA: 0, UNLISTED: 1, MANY: 2, 1: 4}
"""How much it gives away, more is worse; 3 for a few sites."""


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

    def __init__(self) -> None:
        self.asked = 0
        self.answers: Tally = Tally(MAX_ANSWERS)
        self.validity = Sample()
        self.delay = Sample()

    def merge(self, other: Responder) -> None:
        """Adds the counts of `other`; of its times nothing, which is of one responder only."""
        self.merge_counts(other.asked, other.answers.counts.items(), other.answers.other)

    def merge_counts(self, asked: int, answers: Iterable[tuple[Any, int]], other: int) -> None:
        """The questions of another one, and what became of them (Tally.merge)."""
        self.asked += asked
        self.answers.merge(answers, other)


class Told:
    """What one client told with one program, once: a site, a CA, or serials of one issuer (`label`, "" if unknown).

    `sites_total` is what the certificates name at most; `asked` is False where only replies were seen; `is_crl`: a CRL
    told it, too.
    """

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

    def __init__(self) -> None:
        self._seen: set[object] = set()
        self.is_full = False

    def numbers(self, at_most: int = MAX_DISTINCT) -> bytes:
        """A number for each (its hash: the same only in processes that were forked from one), eight octets long."""
        return array("q", map(hash, islice(self._seen, at_most))).tobytes()

    def merge(self, numbers: bytes, is_full: bool) -> None:
        """What another one saw, which may have seen more; only such `numbers` are added here, and no values."""
        for number in memoryview(numbers).cast("q"):
            self.add(number)
        if is_full:
            self.is_full = True

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
    were), `lookups_failed` (LeakStage's `unavailable`), `limits` (Pipeline.limits) and `discarded` (octets, by why).
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """As if nothing had been seen."""
        self.files: list[FileRead] = []
        self.connections = 0
        self.gapped_connections = 0
        self.missed_bytes = 0
        self.ports: Tally = Tally(MAX_KEYS)
        self.mime_types: Tally = Tally(MAX_KEYS)
        self.responders: dict[bytes, Responder] = {}
        self.other_responders = Responder()
        self.ambiguous: Tally = Tally(MAX_KEYS)
        """Exchanges that can be read otherwise, by in what."""
        self.audited = 0
        self.unsound: dict[Finding, Unsound] = {}
        self._unsound: dict[int, Unsound] = {}  # the same by id(), for a member of an Enum is hashed by Python code
        self.told: dict[tuple[str, str, int, str], Told] = {}
        self.told_besides = 0
        self.clients_total = Distinct()
        self.sites_total = Distinct()
        self.certificates_total = Distinct()
        self.leaks = 0
        self.unlisted: Tally = Tally(MAX_KEYS)
        self.weirds: Tally = Tally(MAX_KEYS)
        self.weird_examples: dict[str, str] = {}
        self.raised: Tally = Tally(MAX_KEYS)
        """Notices that rules raised, by level and note."""
        self.damage: list[tuple[str, str]] = []
        self.damage_besides = 0
        self.other_frames: dict[str, int] = {}
        self.lookups_failed = 0
        self.limits: dict[str, int] = {}
        self.discarded: dict[str, int] = {}
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
        port, service, missed_bytes = of_connection(connection)
        self.count_connection(port, service, missed_bytes)

    def transaction(self, transaction: HttpTransaction) -> None:
        self.count_transaction(of_transaction(transaction)[0])

    def exchange(self, exchange: OcspExchange) -> None:
        host, answer, validity, delay, ambiguous = of_exchange(exchange)
        self.count_exchange(host, answer, validity, delay, ambiguous)

    def audits(self, exchanges: Sequence[OcspExchange], audits: Sequence[Audit | None]) -> None:
        """What was found about the replies of these exchanges; None stands for no reply."""
        audited, unsound = of_audits(exchanges, audits)
        self.count_audited(audited, unsound)

    def leak(self, leak: Leak) -> None:
        client, software, grade, label, kind, issuer, serial, sites_total, asked, revoked = of_leak(leak)
        self.count_leak(
            leak.times_seen, client, software, grade, label, kind, issuer, serial, sites_total, asked, revoked
        )

    # What follows takes what `report.facts` takes from an observation, which may have been made in another process.

    def count_connection(self, port: int, service: str | None, missed_bytes: int) -> None:
        self.connections += 1
        self.ports.add((port, service))
        if missed_bytes:
            self.gapped_connections += 1
            self.missed_bytes += missed_bytes

    def count_transaction(self, mime_type: str) -> None:
        self.mime_types.add(mime_type)

    def count_exchange(
        self, host: bytes, answer: str, validity: int | None, delay: int | None, ambiguous: str | None
    ) -> None:
        if ambiguous is not None:
            self.ambiguous.add(ambiguous)
        responder = self.responders.get(host)
        if responder is None:
            responder = self.new_responder(host)
        responder.asked += 1
        responder.answers.add(answer)
        if validity is not None:
            responder.validity.add(validity)
        if delay is not None:
            responder.delay.add(delay)

    def count_audited(self, audited: int, unsound: Sequence[tuple[bytes, str, Finding]]) -> None:
        """So many replies were audited; of these responders' about these serials that is to be told."""
        self.audited += audited
        for host, serial, finding in unsound:
            known = self._unsound.get(id(finding))
            if known is None:
                known = self.unsound[finding] = self._unsound[id(finding)] = Unsound(host, serial)
            known.times += 1

    def count_leak(
        self,
        times_seen: int,
        client: str,
        software: str,
        grade: str,
        label: str,
        kind: int,
        issuer: str | None,
        serial: str | None,
        sites_total: int,
        asked: bool,
        revoked: bool,
    ) -> None:
        self.leaks += 1
        if kind == UNLISTED and serial is not None:
            self.unlisted.add((issuer, serial))
        key = (client, label, kind, software)
        told = self.told.get(key)
        if told is None:
            told = self.new_told(key, grade)
            self.clients_total.add(client)
            if kind not in (UNLISTED, CA) and label:
                self.sites_total.add(label)
        told.times += 1
        if serial is None:
            told.is_crl = True
        elif times_seen == 1:
            told.certificates += 1
            self.certificates_total.add((issuer, serial))
        if sites_total > told.sites_total:  # noqa: PLR1730  (a third of the cost of max)
            told.sites_total = sites_total
        told.asked = told.asked or asked
        told.revoked = told.revoked or revoked

    def notice(self, notice: Notice) -> None:
        """One that a rule raised."""
        self.raised.add((notice.rule_level or "", notice.note))

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

    # For whoever adds up several summaries (report.merged).

    def new_responder(self, host: bytes) -> Responder:
        """One that is not known yet; for want of room the others may be merged."""
        if len(self.responders) >= 2 * MAX_RESPONDERS:
            self._merge_responders()
        responder = self.responders[host] = Responder()
        return responder

    def new_told(self, key: tuple[str, str, int, str], grade: str) -> Told:
        """A line that is not there yet; for want of room others may be forgotten."""
        if len(self.told) >= 2 * MAX_TOLD:
            self._forget_told()
        told = self.told[key] = Told(_GRADES[grade], key[1])
        return told

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
