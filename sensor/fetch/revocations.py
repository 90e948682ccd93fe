"""Which certificates asked about by OCSP are on a CRL that went by, whichever came first.

What was asked is remembered by serial, CRLs by the keys of theirs (`pki.serial_index`): both within limits, beyond
which the oldest is forgotten and counted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import msgspec

from sensor.ocsp.model import CertId, OcspExchange, SingleResponse
from sensor.pki.crl import Crl
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.serial_index import SerialBudget, SerialIndex, foreign_key, key_of
from sensor.settings import CrlSettings

_IssuerHash = tuple[str, bytes]  # algorithm and hash of the issuer's name, as in a CertID
_NOBODY: frozenset[int] = frozenset()


class _Seen(msgspec.Struct):
    """A CRL that went by. `issuers`: hashes of names, with the prefix of foreign keys (None: the CRL's own issuer)."""

    url: str
    this_update: int
    index: SerialIndex
    issuers: list[tuple[_IssuerHash, bytes | None]]


class _Mark:
    """A certificate asked about, the last answer to it, and the CRL it is on, as of `generation`."""

    def __init__(self, cert_id: CertId) -> None:
        self.cert_id = cert_id
        self.key = key_of(cert_id.serial_number)
        self.generation = -1
        self.on_crl: str | None = None
        self.single: SingleResponse | None = None


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
        self.watched = 0
        """CRLs that came, so far as their issuers."""
        self._generation = 0
        self._by_record: dict[int, _Mark] = {}  # by the id() of a CertId, which is its own while the mark keeps it
        self._marks: OrderedDict[CertId, _Mark] = OrderedDict()
        self._asked: dict[_IssuerHash, dict[int, _Mark]] = {}
        self._crls: OrderedDict[tuple[object, ...], _Seen] = OrderedDict()
        self._by_issuer: dict[_IssuerHash, list[tuple[_Seen, bytes | None]]] = {}

    def on_crls(self, exchanges: list[OcspExchange]) -> list[str | None] | None:
        """These are asked: for each the URL of the CRL that its certificate is on; None if that is so of no one."""
        found: list[str | None] | None = None
        for number, exchange in enumerate(exchanges):
            cert_id = exchange.cert_id
            if cert_id is not None:
                url = self.ask(cert_id, exchange.single)
                if url is not None:
                    if found is None:
                        found = [None] * len(exchanges)
                    found[number] = url
        return found

    def ask(self, cert_id: CertId, single: SingleResponse | None) -> str | None:
        """This certificate is asked about; the URL of the CRL it is known to be on, the latest of them."""
        mark = self._by_record.get(id(cert_id))
        if mark is None or mark.cert_id is not cert_id:
            mark = self._mark(cert_id)
        if single is not None:
            mark.single = single
        if mark.generation != self._generation:
            mark.generation = self._generation
            mark.on_crl = self._find(mark)
        return mark.on_crl

    def answer(self, issuer_der: bytes, serial_number: str) -> SingleResponse | None:
        """The last answer about a certificate that was asked about."""
        key = key_of(serial_number)
        for hashed in _name_hashes(issuer_der):
            mark = self._asked.get(hashed, {}).get(key) if key is not None else None
            if mark is not None and mark.single is not None:
                return mark.single
        return None

    def watch(self, issuer_der: bytes) -> frozenset[int]:
        """The keys of all serials asked about under this issuer (`pki.crl_reader.Watch`)."""
        self.watched += 1
        if not self._asked:
            return _NOBODY
        found = [keys for hashed in _name_hashes(issuer_der) if (keys := self._asked.get(hashed))]
        return frozenset().union(*found) if found else _NOBODY

    def remember(self, url: str, crl: Crl) -> None:
        """A CRL went by. A delta CRL, which also says what is revoked no longer, is not remembered."""
        head = crl.head
        index = crl.serials
        if head is None or index is None or not len(index) or crl.extensions.base_number is not None:
            return
        scope = crl.extensions.scope
        place = (head.issuer_der, crl.extensions.authority_key_id, url if scope is None else scope)
        before = self._crls.get(place)
        this_update = head.this_update or 0
        if before is not None:
            if before.this_update > this_update or (
                before.this_update == this_update and len(before.index) > len(index)
            ):
                return
            self._drop(place)
        elif len(self._crls) >= self._max_crls:
            self._drop(next(iter(self._crls)))
            self.forgotten_crls += 1
        issuers: list[tuple[_IssuerHash, bytes | None]] = [(hashed, None) for hashed in _name_hashes(head.issuer_der)]
        for name in crl.foreign_issuers:
            own = hashlib.sha256(name).digest()
            issuers += [(hashed, own) for hashed in _name_hashes(name)]
        seen = self._crls[place] = _Seen(url, this_update, index, issuers)
        for hashed, prefix in issuers:
            self._by_issuer.setdefault(hashed, []).append((seen, prefix))
        self._generation += 1

    def _mark(self, cert_id: CertId) -> _Mark:
        mark = self._marks.get(cert_id)
        if mark is None:
            if len(self._marks) >= self._max_asked:
                self._forget_question()
            mark = self._marks[cert_id] = _Mark(cert_id)
            if mark.key is not None:
                asked = self._asked.setdefault((cert_id.hash_algorithm, cert_id.issuer_name_hash), {})
                asked[mark.key] = mark
        else:
            self._by_record.pop(id(mark.cert_id), None)
            mark.cert_id = cert_id
        self._by_record[id(cert_id)] = mark
        return mark

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

    def _find(self, mark: _Mark) -> str | None:
        key = mark.key
        if key is None:
            return None
        latest: _Seen | None = None
        for seen, prefix in self._by_issuer.get((mark.cert_id.hash_algorithm, mark.cert_id.issuer_name_hash), ()):
            found = (key if prefix is None else foreign_key(prefix, key)) in seen.index
            if found and (latest is None or seen.this_update >= latest.this_update):
                latest = seen
        return None if latest is None else latest.url

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
        if not self._crls:
            return False
        self._drop(next(iter(self._crls)))
        self.forgotten_crls += 1
        return True


def _name_hashes(issuer_der: bytes) -> list[_IssuerHash]:
    return [(algorithm, hashlib.new(algorithm, issuer_der).digest()) for algorithm in ALGORITHMS]
