"""OCSP messages byte by byte (RFC 6960 section 4), also wrong ones; and the HTTP around them. An encoder only."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pcaps.lab.authority import Authority, Issued

OIDS = {
    "sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3", "md5": "1.2.840.113549.2.5",
}  # fmt: skip
BASIC, NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"
ECDSA_SHA1, ECDSA_SHA256 = "1.2.840.10045.4.1", "1.2.840.10045.4.3.2"


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER element with a short tag."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    return tlv(4, value)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = b""
    for arc in (first * 40 + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        out += bytes(reversed(digits))
    return tlv(6, out)


def general_time(when: dt.datetime) -> bytes:
    return tlv(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())


def extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", octets(value))


@dataclass(frozen=True)
class Cert:
    """What a CertID says, before it is encoded. `serial` are the contents octets of the INTEGER."""

    name_hash: bytes
    key_hash: bytes
    serial: bytes
    algorithm: str = "sha1"  # a key of OIDS, or a dotted OID
    null: bool = True  # whether the AlgorithmIdentifier has NULL parameters

    def encode(self) -> bytes:
        algorithm = seq(oid(OIDS.get(self.algorithm, self.algorithm)), tlv(5) if self.null else b"")
        return seq(algorithm, octets(self.name_hash), octets(self.key_hash), tlv(2, self.serial))


def cert_of(authority: Authority, issued: Issued, algorithm: str = "sha1", null: bool = True) -> Cert:
    """The CertID of an issued certificate."""
    number = issued.cert.serial_number
    return cert_from(authority, number.to_bytes(number.bit_length() // 8 + 1, "big"), algorithm, null)


def cert_from(authority: Authority, serial: bytes, algorithm: str = "sha1", null: bool = True) -> Cert:
    """The CertID of any serial of an issuer."""
    subject = authority.issued.cert.subject.public_bytes()
    public = authority.issued.key.public_key()
    kind, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    key = public.public_bytes(kind, form)  # crafted issuers have P-256 keys; this is the BIT STRING's content
    digest = algorithm if algorithm in OIDS else "sha1"
    return Cert(
        hashlib.new(digest, subject, usedforsecurity=False).digest(),
        hashlib.new(digest, key, usedforsecurity=False).digest(), serial, algorithm, null,
    )  # fmt: skip


def request(
    *certs: Cert | bytes, version: int | None = None, nonce: bytes | None = None, raw_nonce: bool = False,
    requestor: bytes | None = None, single_extensions: bytes = b"", extensions: Sequence[bytes] = (),
    signature: bytes = b"",
) -> bytes:  # fmt: skip
    """An OCSPRequest. `version` is encoded if given, `requestor` is an encoded GeneralName."""
    more = list(extensions)
    if nonce is not None:
        more.append(extension(NONCE, nonce if raw_nonce else octets(nonce)))
    single = tlv(0xA0, seq(single_extensions)) if single_extensions else b""
    rows = [seq(each if isinstance(each, bytes) else each.encode(), single) for each in certs]
    return seq(
        seq(
            tlv(0xA0, integer(version)) if version is not None else b"",
            tlv(0xA1, requestor) if requestor is not None else b"",
            seq(*rows),
            tlv(0xA2, seq(*more)) if more else b"",
        ),
        tlv(0xA0, signature) if signature else b"",
    )


GOOD, UNKNOWN = tlv(0x80), tlv(0x82)


def revoked(when: dt.datetime, reason: int | None = None) -> bytes:
    return tlv(0xA1, general_time(when), tlv(0xA0, tlv(10, bytes([reason]))) if reason is not None else b"")


@dataclass(frozen=True)
class Single:
    """One SingleResponse; a time may be given as encoded bytes."""

    cert: Cert
    status: bytes
    this_update: dt.datetime | bytes
    next_update: dt.datetime | None
    extensions: Sequence[bytes] = ()

    def encode(self) -> bytes:
        this = self.this_update if isinstance(self.this_update, bytes) else general_time(self.this_update)
        following = tlv(0xA0, general_time(self.next_update)) if self.next_update else b""
        more = tlv(0xA1, seq(*self.extensions)) if self.extensions else b""
        return seq(self.cert.encode(), self.status, this, following, more)


def by_key(issued: Issued) -> bytes:
    key = issued.key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return tlv(0xA2, octets(hashlib.sha1(key, usedforsecurity=False).digest()))


def by_name(issued: Issued | None) -> bytes:
    """None: an empty name, which is legal and seen."""
    return tlv(0xA1, issued.cert.subject.public_bytes() if issued else seq())


def response(
    singles: Sequence[Single], signer: Issued, *, produced_at: dt.datetime, responder: bytes | None = None,
    extensions: Sequence[bytes] = (), nonce: bytes | None = None, certs: Sequence[Issued] = (),
    response_type: str = BASIC, status: int = 0, forger: Issued | None = None, sha1: bool = False,
) -> bytes:  # fmt: skip
    """A signed OCSPResponse; the signature is deterministic (RFC 6979). A `forger` signs it in the signer's name."""
    more = [*extensions, *([extension(NONCE, octets(nonce))] if nonce is not None else [])]
    data = seq(
        responder or by_key(signer), general_time(produced_at), seq(*(each.encode() for each in singles)),
        tlv(0xA1, seq(*more)) if more else b"",
    )  # fmt: skip
    key = (forger or signer).key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(data, ec.ECDSA(hashes.SHA1() if sha1 else hashes.SHA256(), deterministic_signing=True))
    chain = tlv(0xA0, seq(*(each.der for each in certs))) if certs else b""
    basic = seq(data, seq(oid(ECDSA_SHA1 if sha1 else ECDSA_SHA256)), tlv(3, b"\0" + signature), chain)
    return seq(tlv(10, bytes([status])), tlv(0xA0, seq(oid(response_type), octets(basic))))


def error(status: int) -> bytes:
    return seq(tlv(10, bytes([status])))


def base64_text(der: bytes) -> str:
    return base64.b64encode(der).decode()


def http_request(
    method: str, target: str, host: str, *, agent: str | None = None, version: str = "1.1", headers: Sequence[str] = (),
    body: bytes | None = None, content_type: str = "application/ocsp-request",
) -> bytes:  # fmt: skip
    """Request line, Host, the given headers, User-Agent, then what the body needs."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", *headers]
    if agent is not None:
        lines.append(f"User-Agent: {agent}")
    if body is not None:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def http_reply(
    body: bytes = b"", *, status: str = "200 OK", content_type: str | None = "application/ocsp-response",
    headers: Sequence[str] = (), version: str = "1.1", length: bool = True,
) -> bytes:  # fmt: skip
    """`length` off: the caller says how the body ends."""
    lines = [f"HTTP/{version} {status}", "Server: pcaps", *headers]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
