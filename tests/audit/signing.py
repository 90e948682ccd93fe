"""A CA, its delegates and strangers, and OCSP messages that they sign: what the table of replies is made of."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sensor.http.transaction import BodyFile, Digests, HttpRequest, HttpResponse, HttpTransaction
from sensor.weird import FlowId
from tests.ocsp import wire
from tests.ocsp.wire import GOOD, NONCE, by_key, by_name, cert_id, extension, octets, oid, seq, single, tlv

NOW_S = int(time.time())  # OpenSSL compares the answer's times with the clock and nothing else
NOW = dt.datetime.fromtimestamp(NOW_S, dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
SHA1 = hashes.SHA1()  # noqa: S303  (what is to be found)

ALGORITHMS: dict[str, tuple[bytes, Any]] = {
    # name: AlgorithmIdentifier, and how a key signs so
    "rsa sha256": (
        seq(oid("1.2.840.113549.1.1.11"), b"\5\0"),
        lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    ),
    "rsa sha1": (
        seq(oid("1.2.840.113549.1.1.5"), b"\5\0"),
        lambda key, data: key.sign(data, padding.PKCS1v15(), SHA1),
    ),
    "pss sha256": (
        seq(
            oid("1.2.840.113549.1.1.10"),
            seq(
                tlv(0xA0, seq(oid(wire.SHA256), b"\5\0")),
                tlv(0xA1, seq(oid("1.2.840.113549.1.1.8"), seq(oid(wire.SHA256), b"\5\0"))),
                tlv(0xA2, b"\2\1\x20"),
            ),
        ),
        lambda key, data: key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ),
    "pss sha1": (
        seq(oid("1.2.840.113549.1.1.10"), seq()),
        lambda key, data: key.sign(data, padding.PSS(padding.MGF1(SHA1), 20), SHA1),
    ),
    "ecdsa sha256": (seq(oid("1.2.840.10045.4.3.2")), lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA256()))),
    "ecdsa sha1": (seq(oid("1.2.840.10045.4.1")), lambda key, data: key.sign(data, ec.ECDSA(SHA1))),
    "ed25519": (seq(oid("1.3.101.112")), lambda key, data: key.sign(data)),
    "ed448": (seq(oid("1.3.101.113")), lambda key, data: key.sign(data)),
    "made up": (seq(oid("1.2.3.4")), lambda *_: b"signature"),
    "ecdsa by no such key": (seq(oid("1.2.840.10045.4.3.2")), lambda *_: b"signature"),
}


def new_key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(ec.SECP192R1() if kind == "p192" else ec.SECP256R1())


def usual(key: Any) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "rsa sha256"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ecdsa sha256"
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ed448"


@dataclass(frozen=True)
class Party:
    """Somebody with a certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def name(self) -> bytes:
        return self.certificate.subject.public_bytes()

    @property
    def key_octets(self) -> bytes:
        return _bits(self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def by_key(self) -> bytes:
        return by_key(hashlib.sha1(self.key_octets, usedforsecurity=False).digest())

    def by_name(self) -> bytes:
        return by_name(self.name)

    def cert_id(self, serial: int, algorithm: str = "sha1") -> bytes:
        """The CertID of a certificate of this CA."""
        return cert_id(
            serial,
            wire.SHA1 if algorithm == "sha1" else wire.SHA256,
            name_hash=hashlib.new(algorithm, self.name).digest(),
            key_hash=hashlib.new(algorithm, self.key_octets).digest(),
        )


@dataclass(frozen=True)
class Resigned(Party):
    """A party whose certificate the library would not make."""

    raw: bytes = b""

    @property
    def der(self) -> bytes:
        return self.raw


def resigned(party: Party, by: Party, algorithm: str) -> Resigned:
    """With another signature. RSA over SHA-1 is named within what is signed, too; the OID has as many octets."""
    identifier, sign = ALGORITHMS[algorithm]
    tbs = party.certificate.tbs_certificate_bytes
    if algorithm == "rsa sha1":
        tbs = tbs.replace(ALGORITHMS["rsa sha256"][0], identifier)
    return Resigned(party.certificate, party.key, seq(tbs, identifier, tlv(3, b"\0" + sign(by.key, tbs))))


def _bits(info: bytes) -> bytes:
    """The content of the BIT STRING of a SubjectPublicKeyInfo, without the count of unused bits."""
    from sensor.pki.der import DerReader

    reader = DerReader(info, 8)
    start = reader.enter(0x30, 0, len(info), "info")
    end = reader.stop
    reader.enter(0x30, start, end, "algorithm")
    return info[reader.enter(3, reader.stop, end, "bits") + 1 : reader.stop]


def certify(
    common_name: str,
    kind: str = "p256",
    by: Party | None = None,
    *,
    serial: int | None = None,
    ca: bool = False,
    eku: bool = False,
    nocheck: bool = False,
    start: dt.timedelta = -30 * DAY,
    end: dt.timedelta = 30 * DAY,
    digest: Any = None,
    key: Any = None,
    any_eku: bool = False,
) -> Party:
    """A certificate; signed by itself without `by`."""
    key = key or new_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder(by.certificate.subject if by else subject, subject, key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    if any_eku:
        usages = [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if nocheck:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    signing = by.key if by else key
    if not isinstance(signing, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        digest = digest or hashes.SHA256()
    return Party(builder.sign(signing, digest), key)


def stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")


def answer(
    cid: bytes,
    status: bytes = GOOD,
    this: dt.timedelta = -HOUR,
    following: dt.timedelta | None = 6 * DAY,
    exts: tuple[bytes, ...] = (),
) -> bytes:
    """A SingleResponse; times from now."""
    nxt = b"" if following is None else tlv(0xA0, wire.gtime(stamp(NOW + following)))
    return single(cid, status, wire.gtime(stamp(NOW + this)), nxt, exts)


def reply(
    *singles: bytes,
    by: Party,
    responder: bytes | None = None,
    certs: tuple[Party, ...] = (),
    algorithm: str | None = None,
    produced: dt.timedelta = -HOUR,
    nonce: bytes | None = None,
    exts: tuple[bytes, ...] = (),
    spoil: bool = False,
) -> bytes:
    """An OCSPResponse signed with the key of `by`, who is its responder unless another is given."""
    more = exts if nonce is None else (*exts, extension(NONCE, octets(nonce)))
    tbs = seq(
        by.by_key() if responder is None else responder,
        wire.gtime(stamp(NOW + produced)),
        seq(*singles),
        wire.extensions(0xA1, *more),
    )
    identifier, sign = ALGORITHMS[algorithm or usual(by.key)]
    signature = sign(by.key, tbs + b"!" if spoil else tbs)
    chain = tlv(0xA0, seq(*(each.der for each in certs))) if certs else b""
    return wire.response(seq(tbs, identifier, tlv(3, b"\0" + signature), chain))


def request(*cert_ids: bytes, nonce: bytes | None = None) -> bytes:
    exts = () if nonce is None else (extension(NONCE, octets(nonce)),)
    return wire.request(*cert_ids, exts=exts)


def conversation(asked: bytes | None, answered: bytes, now_s: int = NOW_S) -> HttpTransaction:
    """The POST that carried them."""
    ts = now_s * 10**9

    def body(content: bytes, is_orig: bool) -> BodyFile:
        kind = "application/ocsp-request" if is_orig else "application/ocsp-response"
        digests = Digests("", hashlib.sha1(content).hexdigest(), hashlib.sha256(content).hexdigest())  # noqa: S324  (an ETag's)
        return BodyFile(
            "Fq" if is_orig else "Fr", is_orig, 1, ts, ts, kind, kind, None, len(content), len(content), 0, 0, False,
            content, digests,
        )  # fmt: skip

    question = None
    if asked is not None:
        files = (body(asked, True),)
        question = HttpRequest(ts, b"POST", b"/", "1.1", b"ocsp.example", None, (), files, len(asked), True)
    response = HttpResponse(ts, "1.1", 200, b"OK", (), (body(answered, False),), len(answered), True)
    return HttpTransaction(FlowId("Cx", "10.0.0.1", 50000, "192.0.2.5", 80), ts, 1, question, response)
