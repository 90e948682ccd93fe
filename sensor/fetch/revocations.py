"""Which certificates asked about by OCSP are on a CRL that went by, whichever came first.

What was asked is remembered by serial, CRLs by the keys of theirs (`pki.serial_index`): both within limits, beyond
which the oldest is forgotten and counted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from sensor.audit.findings import Audit, is_verified
from sensor.fetch.findings import Weight
from sensor.fetch.model import OnCrl
from sensor.ocsp.model import CertId, OcspExchange, SingleResponse
from sensor.pki.crl import Crl
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.serial_index import SerialBudget, SerialIndex, foreign_key, key_of
from sensor.settings import CrlSettings

IssuerHash = tuple[str, bytes]  # algorithm and hash of the issuer's name, as in a CertID
_NOBODY: frozenset[int] = frozenset()


_Rank = tuple[bool, int, int]
"""The higher, the more a CRL counts: whether it was verified, then thisUpdate and number."""

_Listed = tuple[str, _Rank]
"""What a mark keeps of the CRL that it is on; not the CRL, whose memory goes when the CRL is forgotten."""


Told = tuple[int, int, int, list[IssuerHash], list[IssuerHash]]
"""How many certificates were asked about, CRLs came and serials were on them so far; the issuers, by the hashes of
their names, that were asked about for the first time since this was last told, and those of CRLs."""


class _Seen(msgspec.Struct):
    """A CRL that went by. `issuers`: hashes of names, with the prefix of foreign keys (None: the CRL's own issuer)."""

    url: str
    rank: _Rank
    index: SerialIndex
    issuers: list[tuple[IssuerHash, bytes | None]]


class _Mark:
    """A certificate asked about, the last answer to it, and the CRL it is on, as of `generation`."""

    def __init__(self, cert_id: CertId) -> None:
        self.cert_id = cert_id
        self.key = key_of(cert_id.serial_number)
        self.generation = -1
        self.on_crl: _Listed | None = None
        self.removed: _Rank | None = None  # of the latest delta CRL by which it is revoked no more
        self.single: SingleResponse | None = None
        self.audit: Audit | None = None


class Revocations:
    """Is told what is asked, and which CRLs went by. `budget` is for the indexes of CRLs, also of those under way.

    `forgotten_questions` and `forgotten_crls` count what the limits cost.
    """

    def __init__(self, settings: CrlSettings) -> None:
        self._max_asked = settings.max_asked
        self._max_crls = settings.max_crls
        self.budget = SerialBudget(settings.max_remembered, self._make_room)
        self.forgotten_questions = 0
        self.forgotten_crls = 0
        self.forgotten_for_room = 0  # of these, for `max_remembered`
        self.catch_up: Callable[[], None] = _nothing
        """Called before what was asked so far, or is remembered, decides: to be told of all that went by before. CRLs
        are read while packets are, and questions told of later, by the batch."""
        self.watched = 0
        """CRLs that came, so far as their issuers."""
        self._questions = 0
        self._asked_of: set[IssuerHash] | None = None
        self._news: tuple[list[IssuerHash], list[IssuerHash]] = ([], [])
        self._generation = 0
        self._by_record: dict[int, _Mark] = {}  # by the id() of a CertId, which is its own while the mark keeps it
        self._marks: OrderedDict[CertId, _Mark] = OrderedDict()
        self._asked: dict[IssuerHash, dict[int, _Mark]] = {}
        self._crls: OrderedDict[tuple[object, ...], _Seen] = OrderedDict()
        self._by_issuer: dict[IssuerHash, list[tuple[_Seen, bytes | None]]] = {}

    def share(self) -> None:
        """From now on others see other flows, and `tell` keeps them informed."""
        self._asked_of = set()

    def tell(self) -> Told:
        """What others have to know."""
        asked_of, crls_of = self._news
        self._news = ([], [])
        return self._questions, self.watched, self.budget.taken, asked_of, crls_of

    def on_crls(self, exchanges: list[OcspExchange], audits: Sequence[Audit | None]) -> list[OnCrl | None] | None:
        """These are asked: for each the CRL that its certificate is on; None if that is so of no one.

        `audits`, if there are any, go with `exchanges`.
        """
        found: list[OnCrl | None] | None = None
        for number, exchange in enumerate(exchanges):
            cert_id = exchange.cert_id
            if cert_id is not None:
                seen = self.ask(cert_id, exchange.single, audits[number] if audits else None)
                if seen is not None:
                    if found is None:
                        found = [None] * len(exchanges)
                    found[number] = seen
        return found

    def ask(self, cert_id: CertId, single: SingleResponse | None, audit: Audit | None = None) -> OnCrl | None:
        """This certificate is asked about; the CRL it is known to be on, of several a verified one, the latest."""
        mark = self._by_record.get(id(cert_id))
        if mark is None or mark.cert_id is not cert_id:
            mark = self._mark(cert_id)
        if single is not None:
            mark.single = single
            mark.audit = audit
        if mark.generation != self._generation:
            mark.generation = self._generation
            mark.on_crl = self._find(mark)
        return None if mark.on_crl is None else _on_crl(mark.on_crl, single)

    def answer(self, issuer_der: bytes, serial_number: str) -> SingleResponse | None:
        """The last answer about a certificate that was asked about; None if it need not be the CA's."""
        key = key_of(serial_number)
        for hashed in _name_hashes(issuer_der):
            mark = self._asked.get(hashed, {}).get(key) if key is not None else None
            if mark is not None and mark.single is not None:
                return mark.single if mark.audit is not None and is_verified(mark.audit) else None
        return None

    def watch(self, issuer_der: bytes) -> frozenset[int]:
        """The keys of all serials asked about under this issuer (`pki.crl_reader.Watch`)."""
        self.watched += 1
        if self._asked_of is not None:
            self._news[1].extend(_name_hashes(issuer_der))
        self.catch_up()
        if not self._asked:
            return _NOBODY
        found = [keys for hashed in _name_hashes(issuer_der) if (keys := self._asked.get(hashed))]
        return frozenset().union(*found) if found else _NOBODY

    def remember(self, url: str, crl: Crl, weight: Weight) -> None:
        """A CRL went by. It takes the place of the one of its issuer, key and scope seen before, unless that was
        newer, or verified and this one is not.

        A delta CRL, which also says what is revoked no longer, is not remembered.
        """
        head = crl.head
        index = crl.serials
        more = crl.extensions
        if weight is Weight.none or head is None or index is None or more.base_number is not None:
            return
        if index.is_full and not len(index):
            return
        place = (head.issuer_der, more.authority_key_id, more.scope)
        before = self._crls.get(place)
        rank = (weight is Weight.verified, head.this_update or 0, _number(more.number))
        if before is not None:
            if before.rank > rank or (before.rank == rank and len(before.index) > len(index)):
                return
            self._drop(place)
        elif len(self._crls) >= self._max_crls:
            self._drop(next(iter(self._crls)))
            self.forgotten_crls += 1
        issuers: list[tuple[IssuerHash, bytes | None]] = [(hashed, None) for hashed in _name_hashes(head.issuer_der)]
        for name in crl.foreign_issuers:
            own = hashlib.sha256(name).digest()
            issuers += [(hashed, own) for hashed in _name_hashes(name)]
        seen = self._crls[place] = _Seen(url, rank, index, issuers)
        for hashed, prefix in issuers:
            self._by_issuer.setdefault(hashed, []).append((seen, prefix))
        self._generation += 1

    def remove(self, issuer_der: bytes, serial_number: str, delta: Crl) -> None:
        """A verified delta CRL says that a certificate asked about is revoked no more (RFC 5280 5.3.1): it is on no CRL
        that is not newer than that."""
        key = key_of(serial_number)
        if delta.head is None or key is None:
            return
        rank = (True, delta.head.this_update or 0, _number(delta.extensions.number))
        for hashed in _name_hashes(issuer_der):
            mark = self._asked.get(hashed, {}).get(key)
            if mark is not None and (mark.removed is None or mark.removed < rank):
                mark.removed = rank
                mark.generation = -1

    def _mark(self, cert_id: CertId) -> _Mark:
        mark = self._marks.get(cert_id)
        if mark is None:
            if len(self._marks) >= self._max_asked:
                self._forget_question()
            mark = self._marks[cert_id] = _Mark(cert_id)
            self._note_question((cert_id.hash_algorithm, cert_id.issuer_name_hash))
            if mark.key is not None:
                asked = self._asked.setdefault((cert_id.hash_algorithm, cert_id.issuer_name_hash), {})
                asked[mark.key] = mark
        else:
            self._by_record.pop(id(mark.cert_id), None)
            mark.cert_id = cert_id
        self._by_record[id(cert_id)] = mark
        return mark

    def _note_question(self, issuer: IssuerHash) -> None:
        self._questions += 1
        if self._asked_of is not None and issuer not in self._asked_of and len(self._asked_of) < self._max_asked:
            self._asked_of.add(issuer)
            self._news[0].append(issuer)

    def _forget_question(self) -> None:
        cert_id, mark = self._marks.popitem(last=False)
        self._by_record.pop(id(mark.cert_id), None)
        hashed = (cert_id.hash_algorithm, cert_id.issuer_name_hash)
        asked = self._asked.get(hashed)
        if asked is not None and mark.key is not None and asked.get(mark.key) is mark:
            del asked[mark.key]
            if not asked:
                del self._asked[hashed]
        self.forgotten_questions += 1

    def _find(self, mark: _Mark) -> _Listed | None:
        key = mark.key
        if key is None:
            return None
        latest: _Seen | None = None
        for seen, prefix in self._by_issuer.get((mark.cert_id.hash_algorithm, mark.cert_id.issuer_name_hash), ()):
            found = (key if prefix is None else foreign_key(prefix, key)) in seen.index
            if found and mark.removed is not None and seen.rank[1:] <= mark.removed[1:]:
                continue
            if found and (latest is None or seen.rank >= latest.rank):
                latest = seen
        return None if latest is None else (latest.url, latest.rank)

    def _drop(self, place: tuple[object, ...]) -> None:
        seen = self._crls.pop(place)
        for hashed, _ in seen.issuers:
            left = [each for each in self._by_issuer.get(hashed, ()) if each[0] is not seen]
            if left:
                self._by_issuer[hashed] = left
            else:
                self._by_issuer.pop(hashed, None)
        self._generation += 1

    def _make_room(self) -> bool:
        """Forgets the CRL remembered first; False if there is none."""
        self.catch_up()
        if not self._crls:
            return False
        self._drop(next(iter(self._crls)))
        self.forgotten_crls += 1
        self.forgotten_for_room += 1
        return True


def _nothing() -> None:
    pass


def _on_crl(listed: _Listed, single: SingleResponse | None) -> OnCrl:
    url, (verified, this_update, _) = listed
    newer = None if single is None or single.this_update is None else this_update > single.this_update
    return OnCrl(url, verified, newer)


def _number(text: str | None) -> int:
    """A CRL number; 0 without one, or if it is negative, which none is (RFC 5280 5.2.3)."""
    return 0 if text is None or text[0] == "-" else int(text, 16)


def _name_hashes(issuer_der: bytes) -> list[IssuerHash]:
    return [(algorithm, hashlib.new(algorithm, issuer_der).digest()) for algorithm in ALGORITHMS]
