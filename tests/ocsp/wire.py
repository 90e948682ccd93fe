"""A DER encoder of our own, which also writes what no library will: the tests' half of the OCSP grammar."""

from __future__ import annotations

from hashlib import sha1

from sensor.pki.oids import encode_oid

SHA1 = "1.3.14.3.2.26"
SHA256 = "2.16.840.1.101.3.4.2.1"
NONCE = "1.3.6.1.5.5.7.48.1.2"
NAME_HASH = sha1(b"issuer name", usedforsecurity=False).digest()
KEY_HASH = sha1(b"issuer key", usedforsecurity=False).digest()


def tlv(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    octets = (len(body).bit_length() + 7) // 8
    return bytes((tag, 128 + octets)) + len(body).to_bytes(octets, "big") + body


def seq(*content: bytes) -> bytes:
    return tlv(0x30, *content)


def oid(dotted: str) -> bytes:
    return tlv(6, encode_oid(dotted))


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    return tlv(4, value)


def algorithm(dotted: str = SHA1, parameters: bytes = b"\5\0") -> bytes:
    return seq(oid(dotted), parameters)


def cert_id(
    serial: int | bytes = 0x0A0B0C,
    hash_oid: str = SHA1,
    *,
    parameters: bytes = b"\5\0",
    name_hash: bytes = NAME_HASH,
    key_hash: bytes = KEY_HASH,
) -> bytes:
    """`serial` as bytes: the content octets of the INTEGER, whatever they are."""
    number = integer(serial) if isinstance(serial, int) else tlv(2, serial)
    return seq(algorithm(hash_oid, parameters), octets(name_hash), octets(key_hash), number)


def extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    return seq(oid(dotted), b"\1\1\xff" if critical else b"", octets(value))


def extensions(tag: int, *content: bytes) -> bytes:
    return tlv(tag, seq(*content)) if content else b""


def request(
    *cert_ids: bytes,
    version: bytes = b"",
    requestor: bytes = b"",
    exts: tuple[bytes, ...] = (),
    signature: bytes = b"",
    single_exts: tuple[bytes, ...] = (),
) -> bytes:
    """`requestor` is a GeneralName; `signature` the content of optionalSignature; `single_exts` of each Request."""
    return seq(
        seq(
            tlv(0xA0, version) if version else b"",
            tlv(0xA1, requestor) if requestor else b"",
            seq(*(seq(each, extensions(0xA0, *single_exts)) for each in cert_ids)),
            extensions(0xA2, *exts),
        ),
        tlv(0xA0, signature) if signature else b"",
    )


def gtime(text: str) -> bytes:
    return tlv(0x18, text.encode())


GOOD = b"\x80\0"
UNKNOWN = b"\x82\0"
THIS = "20260528000000Z"
NEXT = "20260604000000Z"


def revoked(when: str = "20260501120000Z", reason: int | None = None) -> bytes:
    return tlv(0xA1, gtime(when), b"" if reason is None else tlv(0xA0, tlv(10, bytes((reason,)))))


def single(
    cid: bytes,
    status: bytes = GOOD,
    this: bytes | None = None,
    nxt: bytes | None = None,
    exts: tuple[bytes, ...] = (),
) -> bytes:
    nxt = tlv(0xA0, gtime(NEXT)) if nxt is None else nxt
    return seq(cid, status, gtime(THIS) if this is None else this, nxt, extensions(0xA1, *exts))


def by_key(digest: bytes = KEY_HASH) -> bytes:
    return tlv(0xA2, octets(digest))


def name(common_name: str) -> bytes:
    return seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, common_name.encode()))))


def by_name(der: bytes) -> bytes:
    return tlv(0xA1, der)


def basic(
    *singles: bytes,
    responder: bytes | None = None,
    produced: bytes | None = None,
    version: bytes = b"",
    exts: tuple[bytes, ...] = (),
    certs: tuple[bytes, ...] = (),
    signature_oid: str = "1.2.840.10045.4.3.2",
) -> bytes:
    tbs = seq(
        tlv(0xA0, version) if version else b"",
        by_key() if responder is None else responder,
        gtime(THIS) if produced is None else produced,
        seq(*singles),
        extensions(0xA1, *exts),
    )
    return seq(tbs, seq(oid(signature_oid)), tlv(3, b"\0signature"), tlv(0xA0, seq(*certs)) if certs else b"")


def response(inner: bytes | None = None, status: int = 0, response_type: str = "1.3.6.1.5.5.7.48.1.1") -> bytes:
    return seq(
        tlv(10, bytes((status,))),
        b"" if inner is None else tlv(0xA0, seq(oid(response_type), octets(inner))),
    )


def indefinite(tag: int, *content: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(content) + b"\0\0"
