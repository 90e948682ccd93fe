"""Requests at the edge: every hash, serials of all kinds, many CertIDs, extensions, names of those who ask."""

from __future__ import annotations

from collections.abc import Sequence

from pcaps.lab import wire
from pcaps.lab.crafting import Crafted, Workshop
from pcaps.lab.fennwick import CA, HOST, SIGNER, answer, cert, row, single
from pcaps.lab.frames import Talk
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import Cert, extension, octets, oid, request, seq, tlv
from pcaps.ocsp.craft_clients import finished

WORKSHOP = Workshop("ocsp")


def _post(
    talk: Talk, body: bytes, certs: Sequence[Cert], nonce: bool = False, reply: bytes | None = None
) -> list[Exchange]:
    """One POST, every CertID answered good."""
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=body))
    talk.answer(wire.http_reply(reply or answer(*(single(each) for each in dict.fromkeys(certs)))))
    return [row(talk, ts, each, nonce=nonce) for each in certs]


@WORKSHOP.piece(
    "certid-hashes.pcap",
    "CertIDs by SHA-1, SHA-256, SHA-384, SHA-512, MD5 and by an algorithm nobody knows, with and without NULL",
)
def hashes() -> Crafted:
    talk, rows = Talk().open(), []
    for algorithm in ("sha1", "sha256", "sha384", "sha512", "md5", "1.3.6.1.4.1.32473.1.77"):
        for null in (True, False):
            about = cert("harbour", algorithm, null)
            rows += _post(talk, request(about), [about])
    return finished(talk, rows)


SERIALS = {
    "one octet": b"\x07", "zero": b"\0", "negative": b"\xff\x7f", "sign octet": b"\0\xf1" + bytes(range(14)),
    "20 octets": bytes(range(1, 21)), "64 octets": bytes(range(1, 65)),
}  # fmt: skip


@WORKSHOP.piece("serials.pcap", "serials of one octet, zero, negative, with a sign octet, of 20 and of 64 octets")
def serials() -> Crafted:
    talk, rows = Talk().open(), []
    for contents in SERIALS.values():
        about = wire.cert_from(CA, contents)
        rows += _post(talk, request(about), [about])
    return finished(talk, rows)


@WORKSHOP.piece("serials-not-der.pcap", "serials that DER forbids: padded with zeros, empty")
def bad_serials() -> Crafted:
    talk, rows = Talk().open(), []
    for contents in (b"\0\0\0\x12\x34", b""):
        about = wire.cert_from(CA, contents)
        rows += _post(talk, request(about), [about])
    return finished(talk, rows, readable=False)


@WORKSHOP.piece(
    "certids-70.pcap",
    "one request about 70 certificates, answered in one reply: more than the sensor's default limit of 64",
)
def seventy() -> Crafted:
    certs = [wire.cert_from(CA, b"\x40" + bytes([number]) * 7) for number in range(70)]
    talk = Talk().open()
    return finished(talk, _post(talk, request(*certs), certs))


@WORKSHOP.piece("certids-none.pcap", "a request about nothing, answered malformedrequest; then a good one")
def none_at_all() -> Crafted:
    talk, about = Talk().open(), cert("debts")
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=request()))
    talk.answer(wire.http_reply(wire.error(1)))
    refused = row(talk, ts, None, response_status="malformedrequest", cert_status=None, evidence=None)
    return finished(talk, [refused, *_post(talk, request(about), [about])])


@WORKSHOP.piece("nonces.pcap", "nonces of 0, 1, 32, 128, 129 and 2,000 octets, and one without the inner OCTET STRING")
def nonces() -> Crafted:
    talk, rows, about = Talk().open(), [], cert("debts")
    for size in (0, 1, 32, 128, 129, 2000):
        nonce = (bytes(range(256)) * 8)[:size]
        rows += _post(talk, request(about, nonce=nonce), [about], True, answer(single(about), nonce=nonce))
    rows += _post(talk, request(about, nonce=b"\xaa\xbb\xcc\xdd\xee\xff", raw_nonce=True), [about], True)
    return finished(talk, rows)


@WORKSHOP.piece("requestor-names.pcap", "requestorName as DNS name, e-mail, directory name, URI and IP address")
def requestors() -> Crafted:
    directory = tlv(0xA4, SIGNER.cert.subject.public_bytes())
    names = (
        tlv(0x82, b"pc-17.accounting.example"), tlv(0x81, b"rowan.ashdown@office.example"), directory,
        tlv(0x86, b"urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2"), tlv(0x87, bytes([10, 20, 0, 31])),
    )  # fmt: skip
    talk, rows, about = Talk().open(), [], cert("tenants")
    for name in names:
        rows += _post(talk, request(about, requestor=name), [about])
    return finished(talk, rows)


@WORKSHOP.piece(
    "service-locator.pcap",
    "service locator (the issuer's name in the clear), acceptable reply types, preferred algorithms",
)
def service_locator() -> Crafted:
    location = seq(seq(oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, b"http://ocsp.fennwick.example/")))
    locator = extension("1.3.6.1.5.5.7.48.1.7", seq(CA.issued.cert.subject.public_bytes(), location))
    acceptable = extension("1.3.6.1.5.5.7.48.1.4", seq(oid(wire.BASIC)))
    preferred = extension("1.3.6.1.5.5.7.48.1.8", seq(seq(seq(oid(wire.ECDSA_SHA256)))))
    talk, about = Talk().open(), cert("harbour")
    body = request(about, single_extensions=locator, extensions=(acceptable, preferred))
    return finished(talk, _post(talk, body, [about]))


@WORKSHOP.piece(
    "request-version-2.pcap",
    "a request with version v2, a critical extension nobody knows, and one signed with rubbish",
)
def odd_requests() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    rows = _post(talk, request(about, version=1), [about])
    unknown = extension("1.3.6.1.4.1.32473.9.9", octets(b"?"), critical=True)
    rows += _post(talk, request(about, extensions=[unknown]), [about])
    signature = seq(seq(oid(wire.ECDSA_SHA256)), tlv(3, b"\0" + bytes(64)))
    rows += _post(talk, request(about, requestor=tlv(0x82, b"pc-17.example"), signature=signature), [about])
    return finished(talk, rows)


@WORKSHOP.piece(
    "trailing-bytes.pcap", "requests followed by a newline, and by another request; a reply followed by zeros"
)
def trailing() -> Crafted:
    talk, about = Talk().open(), cert("debts")
    rows = _post(talk, request(about) + b"\r\n", [about])
    rows += _post(talk, request(about) + request(cert("harbour")), [about])
    rows += _post(talk, request(about), [about], reply=answer(single(about)) + bytes(64))
    return finished(talk, rows, readable=False)


@WORKSHOP.piece("length-not-minimal.pcap", "a request whose outer length takes four octets where DER wants one")
def long_length() -> Crafted:
    talk, about = Talk().open(), cert("debts")
    plain = request(about)
    body = b"\x30\x84" + len(plain[2:]).to_bytes(4, "big") + plain[2:]
    return finished(talk, _post(talk, body, [about]))


@WORKSHOP.piece("content-types.pcap", "OCSP sent as octet-stream, as text/html, without a type; HTML sent as OCSP")
def content_types() -> Crafted:
    talk, rows, about = Talk().open(), [], cert("debts")
    for kind in ("application/octet-stream", "text/html; charset=utf-8", "APPLICATION/OCSP-REQUEST; v=1"):
        ts = talk.ask(wire.http_request("POST", "/", HOST, body=request(about), content_type=kind))
        reply_kind = kind.replace("REQUEST", "RESPONSE")
        talk.answer(wire.http_reply(answer(single(about)), content_type=reply_kind))
        rows.append(row(talk, ts, about))
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=request(about)))
    talk.answer(wire.http_reply(answer(single(about)), content_type=None))
    rows.append(row(talk, ts, about))
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=request(about)))
    talk.answer(wire.http_reply(b"<html><h1>Please sign in to the guest network</h1></html>"))
    rows.append(row(talk, ts, about, response_status=None, cert_status=None, evidence=None))
    return finished(talk, rows)
