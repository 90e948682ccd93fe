"""A CtLookup before the store's: what that does not know is looked up in a cluster that many sensors share.

Values are read by `entries`; one that is not what it should be is refused, counted, and as if it were not there. A node
that does not answer makes the answers that need it Unavailable, and no others.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from sensor.cluster.entries import (
    MAX_SERIAL_BYTES,
    EntryError,
    Keys,
    decode_entry,
    decode_member,
    issuer_id,
)
from sensor.cluster.issuers import FIRST_NUMBER, MAX_ISSUERS, Ca, SharedIssuers, Triple
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost
from sensor.ct.lookup import MAX_CRL_USE, Answer, CrlUse, CtLookup, Found, Issuer, KnownIssuer, NotFound, Unavailable
from sensor.ct.traffic import TrafficIssuers
from sensor.ocsp.model import CertId
from sensor.pki.certificates import CertificateError, decode_certificate
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.names import url_key
from sensor.settings import ClusterSettings, CtSettings

_NAMES_AN_ENTRY: Final = 16  # as in store_lookup
_MAX_REASONS: Final = 16


class Asker(Protocol):
    """`nodes.Nodes`, or what stands for it where nobody may connect."""

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        """One for each, in order; raises nothing."""
        ...

    def close(self) -> None: ...


class Counts(msgspec.Struct):
    """Of one run. `lost`: questions without an answer; `refused`: values that were not what they should be, and why."""

    asked: int = 0
    found: int = 0
    lost: int = 0
    refused: int = 0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)


K = TypeVar("K")
V = TypeVar("V")


class ClusterLookup:
    """One thread uses it."""

    def __init__(
        self,
        inner: CtLookup,
        nodes: Asker,
        settings: ClusterSettings,
        ct: CtSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`inner` is the store's, and closed with this; `clock` counts seconds, and only says how old an answer is."""
        self._inner = inner
        self._nodes = nodes
        self._keys = Keys(settings.prefix)
        self._issuers = SharedIssuers(self._ask, self._refuse, self._keys, ct.max_certificate_bytes)
        self._ct = ct
        self._believed_s = settings.believed_s
        self._clock = clock
        self._answers: OrderedDict[CertId, tuple[Found | NotFound, float]] = OrderedDict()
        self._weight = 0
        self._forgotten = 0
        self._cas: dict[Triple, tuple[Ca | None, float]] = {}
        self._known: dict[int, bytes] = {}  # ids of the store's
        self._lost_while_judging = False
        self._judged_until = clock() + settings.believed_s
        self._traffic = TrafficIssuers(self._known_issuers, ct.max_certificate_bytes)
        self.counts = Counts()

    @property
    def issuers_accepted(self) -> int:
        """How many issuers the traffic made known in this run."""
        return self._traffic.count

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        answers = self._inner.lookup(ids)
        open_places: list[int] = []
        now = self._clock()
        for place, cert_id in enumerate(ids):
            answer = answers[place]
            if type(answer) is not NotFound:
                continue
            known = self._answers.get(cert_id)
            if known is not None and now < known[1]:
                self._answers.move_to_end(cert_id)
                answers[place] = self._told(cert_id, answer, known[0])
            elif cert_id.hash_algorithm in ALGORITHMS:
                open_places.append(place)
            else:
                answers[place] = self._told(cert_id, answer, answer)
        if open_places:
            local = {ids[place]: answers[place] for place in open_places}
            came = self._from_cluster({i: a for i, a in local.items() if isinstance(a, NotFound)}, now)
            for place in open_places:
                answers[place] = came[ids[place]]
        return answers

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        if self._clock() >= self._judged_until:
            self._traffic.forget_judgements()
            self._judged_until = self._clock() + self._believed_s
        self._lost_while_judging = False
        issuer = self._traffic.offer(der)
        if self._lost_while_judging:  # who was not there to vouch for it may be there next time
            self._traffic.forget_judgements()
        return issuer

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        if issuer.number < 0:
            return self._traffic.certificate(issuer.number)
        if issuer.number >= FIRST_NUMBER:
            return self._issuers.certificate(issuer.number)
        return self._inner.issuer_certificate(issuer)

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        local = self._inner.with_crl(url)
        if isinstance(local, Unavailable):
            return local
        (listed,) = self._ask([(b"ZREVRANGE", self._keys.crl(url), b"0", b"%d" % MAX_CRL_USE)])
        if isinstance(listed, Lost):
            return Unavailable(f"cluster: {listed.reason}")
        members = listed if isinstance(listed, list) else []
        found = self._members(members[: MAX_CRL_USE + 1], url)
        if isinstance(found, Unavailable):
            return found
        both = {(each.issuer.name, each.certificate.serial_number): each for each in (*local.certificates, *found)}
        certificates = tuple(both.values())
        more = local.more or len(members) > MAX_CRL_USE or len(certificates) > MAX_CRL_USE
        return CrlUse(certificates[:MAX_CRL_USE], more)

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        local = self._inner.issuers_named(name)
        if isinstance(local, Unavailable):
            return local
        shared = self._issuers.of_name(name)
        if isinstance(shared, Unavailable):
            return shared
        here = {known.certificate for known in local}
        return [*local, *(each for each in shared if each.certificate not in here), *self._traffic.named(name)]

    def close(self) -> None:
        self._nodes.close()
        self._inner.close()

    def _from_cluster(self, local: dict[CertId, NotFound], now: float) -> dict[CertId, Answer]:
        """An answer for each of these; what the store said of it is given."""
        came: dict[CertId, Answer] = {}
        cas = self._cas_of(local, now)
        wanted: list[tuple[CertId, Ca, bytes]] = []
        for cert_id, answer in local.items():
            ca = cas[cert_id]
            if isinstance(ca, Unavailable):
                came[cert_id] = ca
                continue
            serial = _octets(cert_id.serial_number)
            if ca is None or serial is None:
                nothing = NotFound(None if ca is None else ca.issuer)
                self._keep(cert_id, nothing, now)
                came[cert_id] = self._told(cert_id, answer, nothing)
            else:
                wanted.append((cert_id, ca, serial))
        replies = self._ask([(b"GET", self._keys.certificate(ca.id, serial)) for _, ca, serial in wanted])
        for (cert_id, ca, serial), reply in zip(wanted, replies, strict=True):
            if isinstance(reply, Lost):
                came[cert_id] = Unavailable(f"cluster: {reply.reason}", False, ca.issuer)
                continue
            found = self._read(reply, ca.issuer, serial)
            answered = NotFound(ca.issuer) if found is None else found
            self._keep(cert_id, answered, now)
            came[cert_id] = answered
        return came

    def _read(self, reply: Answered, issuer: Issuer, serial: bytes) -> Found | None:
        if reply is None:
            return None
        try:
            facts, source, learned_at = decode_entry(
                reply, serial, issuer.name, self._ct.max_certificate_bytes, self._ct.max_names
            )
        except EntryError as error:
            self._refuse(error)
            return None
        self.counts.found += 1
        return Found(facts, issuer, source, learned_at)

    def _cas_of(self, local: dict[CertId, NotFound], now: float) -> dict[CertId, Ca | Unavailable | None]:
        """Who issued: by the store's word, or the cluster's."""
        found: dict[CertId, Ca | Unavailable | None] = {}
        missing: dict[Triple, CertId] = {}
        for cert_id, answer in local.items():
            stored = self._stored(answer.issuer)
            triple = _triple(cert_id)
            known = self._cas.get(triple)
            if stored is not None:
                found[cert_id] = stored
            elif known is not None and now < known[1]:
                found[cert_id] = known[0]
            else:
                missing.setdefault(triple, cert_id)
        told = self._issuers.named_by(missing)
        for triple, ca in told.items():
            if not isinstance(ca, Unavailable):
                _room(self._cas)[triple] = (ca, now + self._believed_s)
        for cert_id in local:
            if cert_id not in found:
                found[cert_id] = told[_triple(cert_id)]
        return found

    def _stored(self, issuer: Issuer | None) -> Ca | None:
        """The store's own issuer, if its certificate is there."""
        if issuer is None or issuer.number < 0:
            return None
        known = self._known.get(issuer.number)
        if known is None:
            der = self._inner.issuer_certificate(issuer)
            if der is None:
                return None
            try:
                known = issuer_id(decode_certificate(der, 0))
            except CertificateError:
                return None
            _room(self._known)[issuer.number] = known
        return Ca(issuer, known)

    def _known_issuers(self, name: str) -> Sequence[KnownIssuer]:
        """For judging what the traffic shows."""
        known = self._inner.issuers_named(name)
        shared = self._issuers.of_name(name)
        self._lost_while_judging |= isinstance(known, Unavailable) or isinstance(shared, Unavailable)
        here = () if isinstance(known, Unavailable) else known
        return [*here, *(() if isinstance(shared, Unavailable) else shared)]

    def _members(self, members: Sequence[object], url: str) -> list[Found] | Unavailable:
        """Certificates of a CRL's set that are there, and do name it."""
        wanted: list[tuple[bytes, bytes]] = []
        for member in members:
            try:
                wanted.append(decode_member(member))
            except EntryError as error:
                self._refuse(error)
        issuers = self._issuers.of(named for named, _ in wanted)
        replies = self._ask([(b"GET", self._keys.certificate(named, serial)) for named, serial in wanted])
        found: list[Found] = []
        for (named, serial), reply in zip(wanted, replies, strict=True):
            known = issuers[named]
            if isinstance(known, Unavailable):
                return known
            if isinstance(reply, Lost):
                return Unavailable(f"cluster: {reply.reason}")
            each = None if known is None else self._read(reply, known[0], serial)
            if each is not None and url in map(url_key, each.certificate.crl_urls):
                found.append(each)
        return found

    def limits(self) -> dict[str, int]:
        mine = {"ct.memory_entries": self._forgotten, "ct.max_certificate_bytes": self._traffic.too_large}
        inner = self._inner.limits()
        return inner | {key: times + inner.get(key, 0) for key, times in mine.items()}

    def _told(self, cert_id: CertId, local: NotFound, answer: Answer) -> Answer:
        """Where nobody knows who issued it, the traffic may."""
        if type(answer) is not NotFound or answer.issuer is not None:
            return answer
        return NotFound(local.issuer or self._traffic.issuer(cert_id))

    def _keep(self, cert_id: CertId, answer: Found | NotFound, now: float) -> None:
        before = self._answers.pop(cert_id, None)
        if before is not None:
            self._weight -= _weight(before[0])
        self._answers[cert_id] = (answer, now + self._believed_s)
        self._weight += _weight(answer)
        while self._weight > self._ct.memory_entries:
            _, (oldest, _) = self._answers.popitem(last=False)
            self._weight -= _weight(oldest)
            self._forgotten += 1

    def _ask(self, commands: Sequence[Command]) -> list[Answered]:
        if not commands:
            return []
        replies = self._nodes.ask(commands)
        self.counts.asked += len(commands)
        self.counts.lost += sum(type(reply) is Lost for reply in replies)
        return replies

    def _refuse(self, error: EntryError) -> None:
        counts = self.counts
        counts.refused += 1
        reason = str(error)
        if reason in counts.reasons or len(counts.reasons) < _MAX_REASONS:
            counts.reasons[reason] = counts.reasons.get(reason, 0) + 1


def _triple(cert_id: CertId) -> Triple:
    return cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash


def _octets(serial: str) -> bytes | None:
    """None: negative, cut at a limit, or longer than any that is there."""
    try:
        found = bytes.fromhex(serial)
    except ValueError:
        return None
    return found if 0 < len(found) <= MAX_SERIAL_BYTES else None


def _weight(answer: Answer) -> int:
    return 1 + len(answer.certificate.dns_names) // _NAMES_AN_ENTRY if isinstance(answer, Found) else 1


def _room(remembered: dict[K, V]) -> dict[K, V]:
    """The same dict, emptied if it is full."""
    if len(remembered) >= MAX_ISSUERS:
        remembered.clear()
    return remembered
