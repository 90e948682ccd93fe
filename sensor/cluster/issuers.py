"""Issuers that are known from a cluster: whom a CertID means, who has a name, and their certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sensor.cluster.entries import EntryError, Keys, decode_id, decode_issuer, has_key_of
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost
from sensor.ct.lookup import Issuer, KnownIssuer, Unavailable
from sensor.ocsp.model import CertId
from sensor.pki.certificates import SignedCertificate
from sensor.pki.name_text import decode_name
from sensor.pki.names import display_name

FIRST_NUMBER: Final = 1 << 61
"""Numbers of issuers that are known from the cluster begin here, and follow from their ids; a store's are smaller."""
MAX_ISSUERS: Final = 16384
_MAX_NAMESAKES: Final = 64

Triple = tuple[str, bytes, bytes]
"""What a CertID says of the issuer."""


class Ca(NamedTuple):
    """An issuer, and the id under which its certificates lie in the cluster."""

    issuer: Issuer
    id: bytes


class SharedIssuers:
    """Remembers what it was told of MAX_ISSUERS at most. What is known stays known while those are silent who said it:
    whose key a hash is does not change, and one issuer's certificates lie with all nodes, its own keys with one."""

    def __init__(
        self,
        ask: Callable[[Sequence[Command]], list[Answered]],
        refuse: Callable[[EntryError], None],
        keys: Keys,
        max_bytes: int,
    ) -> None:
        """`refuse` is told of every value that is not what it should be; `max_bytes` is that of a certificate."""
        self._ask = ask
        self._refuse = refuse
        self._keys = keys
        self._max_bytes = max_bytes
        self._issuers: dict[bytes, tuple[Issuer, SignedCertificate]] = {}  # by id
        self._certificates: dict[int, bytes] = {}
        self._ids: dict[Triple, bytes] = {}  # of what was verified: made-up CertIDs take no room here

    def certificate(self, number: int) -> bytes | None:
        """Of the issuer with this number, if an answer named it."""
        return self._certificates.get(number)

    def named_by(self, asked: dict[Triple, CertId]) -> dict[Triple, Ca | Unavailable | None]:
        """Whom the cluster knows by what these CertIDs say."""
        told: dict[Triple, Ca | Unavailable | None] = {}
        ids: dict[Triple, bytes] = {}
        replies = self._ask([(b"GET", self._keys.issuer(*triple)) for triple in asked])
        for triple, reply in zip(asked, replies, strict=True):
            named = self._named(triple, reply)
            told[triple] = named if isinstance(named, Unavailable) else None
            if isinstance(named, bytes):
                ids[triple] = named
        issuers = self.of(ids.values())
        for triple, named in ids.items():
            known = issuers[named]
            if isinstance(known, Unavailable):
                told[triple] = known
            elif known is not None and has_key_of(known[1], asked[triple]):
                told[triple] = Ca(known[0], named)
                if len(self._ids) >= MAX_ISSUERS:
                    self._ids.clear()
                self._ids[triple] = named
            elif known is not None:
                self._refuse(EntryError("an issuer's id under another key's hash"))
        return told

    def _named(self, triple: Triple, reply: Answered) -> bytes | Unavailable | None:
        if isinstance(reply, Lost):
            return self._ids.get(triple) or Unavailable(f"cluster: {reply.reason}")
        self._ids.pop(triple, None)
        if reply is None:
            return None
        try:
            return decode_id(reply)
        except EntryError as error:
            self._refuse(error)
            return None

    def of(self, ids: Iterable[bytes]) -> dict[bytes, tuple[Issuer, SignedCertificate] | Unavailable | None]:
        """Issuers by their ids, always under the same number; None: not there, or refused."""
        ids = list(dict.fromkeys(ids))
        missing = [named for named in ids if named not in self._issuers]
        found: dict[bytes, tuple[Issuer, SignedCertificate] | Unavailable | None] = {}
        for named in ids:
            found[named] = self._issuers.get(named)
        replies = self._ask([(b"GET", self._keys.authority(named)) for named in missing])
        for named, reply in zip(missing, replies, strict=True):
            if isinstance(reply, Lost):
                found[named] = Unavailable(f"cluster: {reply.reason}")
            elif reply is not None:
                found[named] = self._read_issuer(reply, named)
        return found

    def _read_issuer(self, reply: Answered, named: bytes) -> tuple[Issuer, SignedCertificate] | None:
        try:
            certificate = decode_issuer(reply, named, self._max_bytes)
        except EntryError as error:
            self._refuse(error)
            return None
        number = FIRST_NUMBER | int.from_bytes(named[:8]) >> 4
        issuer = Issuer(number, decode_name(certificate.subject_der), display_name(certificate.subject_der))
        if len(self._issuers) >= MAX_ISSUERS:
            self._issuers.clear()
            self._certificates.clear()
        self._issuers[named] = issuer, certificate
        self._certificates[number] = certificate.der
        return issuer, certificate

    def of_name(self, name: str) -> list[KnownIssuer] | Unavailable:
        """Those of this name (RFC 4514 text)."""
        (reply,) = self._ask([(b"SMEMBERS", self._keys.name(name))])
        if isinstance(reply, Lost):
            return Unavailable(f"cluster: {reply.reason}")
        ids: list[bytes] = []
        for each in reply if isinstance(reply, list) else ():
            try:
                ids.append(decode_id(each))
            except EntryError as error:
                self._refuse(error)
        found: list[KnownIssuer] = []
        for known in self.of(sorted(ids)[:_MAX_NAMESAKES]).values():
            if isinstance(known, Unavailable):
                return known
            if known is not None and known[0].name == name:
                found.append(KnownIssuer(known[0], known[1].der))
            elif known is not None:
                self._refuse(EntryError("an issuer's id under another name"))
        return found
