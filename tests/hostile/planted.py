"""Where a secret may stand in traffic: conversations and frames made of it, for test_payload.py."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.flow import frames as wire
from tests.flow.frames import START, Frame
from tests.flow.talk import MS, Ends, frames_of, parse
from tests.hostile.witness import asking, conversation
from tests.http.wire import chunked, get, post, reply
from tests.ocsp import wire as ocsp
from tests.pki import crls

Said = tuple[tuple[str, bytes], ...]
TE = b"Transfer-Encoding: chunked"
ASKS = b"Content-Type: application/ocsp-request"
ANSWERS = b"Content-Type: application/ocsp-response"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ID = ocsp.cert_id(0x0BADCAFE)


def only(*said: bytes) -> Said:
    return tuple(("c", each) for each in said)


def field(*fields: bytes) -> Said:
    """A request with these fields."""
    return (("c", get(b"/", *fields)), ("s", reply(b"x")))


def answered(*said: bytes) -> Said:
    return (("c", get()), *(("s", each) for each in said))


def asks(content: bytes) -> Said:
    return (("c", post(b"/", content, ASKS)), ("s", reply()))


def answers(content: bytes, kind: bytes = ANSWERS) -> Said:
    return (("c", asking(0x0BADCAFE)), ("s", reply(content, kind)))


def certificate(secret: bytes, *, named: bool) -> bytes:
    """With the secret in an extension that nobody knows, or in its names."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secret.decode() if named else "a")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(crls.key("ec").public_key())
    builder = builder.serial_number(7).not_valid_before(crls.START).not_valid_after(crls.START.replace(year=2030))
    sans = [x509.DNSName(secret.decode() + ".example" if named else "a.example")]
    builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    builder = builder.add_extension(unknown(b"" if named else secret), critical=False)
    return builder.sign(crls.key("ec"), SHA256()).public_bytes(Encoding.DER)


def crl(secret: bytes, *, named: bool) -> bytes:
    """The same."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secret.decode() if named else "a")])
    return crls.make((1, 2), (unknown(b"" if named else secret), False), name=name)


def unknown(secret: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.3"), secret)


def odd(secret: bytes) -> bytes:
    return ocsp.extension("1.3.6.1.4.1.99999.1", secret)


HIDDEN: dict[str, Callable[[bytes], Said]] = {
    "login": lambda m: (("c", b"LOGIN alice " + m + b" please\r\n"), ("s", b"OK\r\n")),
    "alone": lambda m: (("c", m + b"\r\n"), ("s", b"OK\r\n")),
    "with version": lambda m: (("c", b"(" + m + b") x HTTP/1.1\r\n\r\n"), ("s", reply())),
    "lower case": lambda m: (("c", b"get " + m + b"\r\n\r\n"), ("s", reply())),
    "behind the version": lambda m: (("c", b"GET / HTTP/1.1 " + m + b"\r\n\r\n"), ("s", reply())),
    "binary": lambda m: only(b"\0\1\2\3" * 5 + m + b"\r\n"),
    "behind a request": lambda m: (("c", get() + b"password=" + m + b"\r\n\r\n"), ("s", reply())),
    "behind a body": lambda m: (("c", post(b"/", b"a=b") + b'{"p":"' + m + b'"}\r\n'), ("s", reply())),
    "mail": lambda m: (("c", b"HELO " + m + b"\r\nAUTH PLAIN " + m + b"\r\n"), ("s", b"220 " + m + b"\r\n")),
    "tls": lambda m: only(b"\x16\x03\x01\0\x80" + m * 8),
    "ssh": lambda m: (("c", b"SSH-2.0-" + m + b"\r\n"), ("s", b"SSH-2.0-" + m + b"\r\n")),
    "names": lambda m: only(b"\0\x2a\x12\x34\1\0\0\1\0\0\0\0\0\0\x10" + m + b"\0\0\1\0\1"),
    "json before the reply": lambda m: answered(b'{"password":"' + m + b'"}\r\n' + reply(b"x")),
    "long before the reply": lambda m: answered(m * 400 + b"\r\n"),
    "nothing but a body": lambda m: (("c", b"GET /\r\n"), ("s", m + b"\r\n" + m)),
    "behind the reply": lambda m: answered(reply(b"x") + m + b"\r\n"),
    "for a status": lambda m: answered(b"HTTP/1.1 " + m + b" OK\r\n\r\n"),
    "for a version": lambda m: answered(b"HTTP/" + m + b" 200 OK\r\n\r\n"),
    "informational": lambda m: answered(b"HTTP/1.1 103 Early Hints\r\nLink: " + m + b"\r\n\r\n" + reply()),
    "for a size": lambda m: answered(HEAD + m + b"\r\n"),
    "for a later size": lambda m: answered(HEAD + b"1\r\nx\r\n" + m + b"\r\n"),
    "for a size, digits": lambda m: answered(HEAD + b"1\r\nx\r\n" + m.hex().encode() + b"\r\n"),
    "for a size, behind digits": lambda m: answered(HEAD + b"1\r\nx\r\n5_" + m + b"\r\n"),
    "for a line end": lambda m: answered(HEAD + b"1\r\nx" + m + b"\r\n0\r\n\r\n"),
    "extension": lambda m: answered(HEAD + b"1;a=" + m + b"\r\nx\r\n0\r\n\r\n"),
    "trailer": lambda m: answered(HEAD + chunked(b"x", trailer=b"X-A: " + m + b"\r\n" + m + b": x\r\n")),
    "trailer without colon": lambda m: answered(HEAD + chunked(b"x", trailer=m + b"\r\n")),
    "not chunked": lambda m: (("c", get(b"/", TE) + b"password=" + m + b"\r\n"), ("s", HEAD + m * 5)),
    "field": lambda m: field(b"X-Secret: " + m),
    "field's name": lambda m: field(m + b": x"),
    "field, no colon": field,
    "field, folded": lambda m: field(b"X-A: a", b" " + m),
    "field, folded, no colon": lambda m: field(m, b" x"),
    "field, NUL in its name": lambda m: field(b"X-\0A: " + m),
    "field, odd name": lambda m: field(b"(\0" + m + b"): x"),
    "field, too long": lambda m: field(b"X-A: " + m * 6000),
    "cookies": lambda m: (("c", get(b"/", b"Cookie: a=" + m)), ("s", reply(b"", b"Set-Cookie: a=" + m))),
    "cookie, bare": lambda m: (("c", get(b"/", b"Cookie: ;=" + m)), ("s", reply(b"", b"Set-Cookie: =" + m))),
    "password": lambda m: field(b"Authorization: Basic " + b64encode(b"alice:" + m)),
    "bearer": lambda m: field(b"Authorization: Bearer " + m),
    "scheme": lambda m: field(b"Authorization: " + m),
    "key": lambda m: field(b"X-Api-Key: " + m),
    "length": lambda m: (("c", post(b"/", b"").replace(b": 0", b": " + m)), ("s", reply().replace(b": 0", b": " + m))),
    "lengths": lambda m: field(b"Content-Length: 5", b"Content-Length: " + m),
    "framing": lambda m: field(b"Transfer-Encoding: " + m),
    "framing, too": lambda m: field(b"Transfer-Encoding: chunked, " + m),
    "coding": lambda m: answered(reply(b"x", b"Content-Encoding: " + m)),
    "codings": lambda m: answered(reply(b"x", b"Content-Encoding: gzip, gzip, gzip, " + m)),
    "range": lambda m: answered(reply(b"x", b"Content-Range: " + m, status=b"206 Partial Content")),
    "range, bytes": lambda m: answered(reply(b"x", b"Content-Range: bytes 9-1/" + m, status=b"206 Partial Content")),
    "others": lambda m: field(b"Connection: " + m, b"Expect: " + m, b"Range: bytes=" + m, b"If-None-Match: " + m),
    "other answers": lambda m: answered(
        reply(b"", b"Server: " + m, b"ETag: " + m, b"Location: /" + m, b"Date: " + m, b"Cache-Control: " + m)
    ),
    "form": lambda m: (
        ("c", post(b"/", b"a=" + m, b"Content-Type: application/x-www-form-urlencoded")),
        ("s", reply(m)),
    ),
    "json": lambda m: (
        ("c", post(b"/", b'{"password":"' + m + b'"}', b"Content-Type: application/json")),
        ("s", reply(m)),
    ),
    "gzip": lambda m: answered(reply(gzip.compress(m * 9), b"Content-Encoding: gzip")),
    "gzip, cut": lambda m: answered(reply(gzip.compress(m * 9)[:-9], b"Content-Encoding: gzip")),
    "not gzip": lambda m: answered(reply(m * 9, b"Content-Encoding: gzip")),
    "parts": lambda m: (
        (
            "c",
            post(
                b"/",
                m + b"\r\n--b\r\nX-A: " + m + b"\r\n" + m + b": a\r\n\r\n" + m + b"\r\n--b--\r\n" + m,
                b"Content-Type: multipart/form-data; boundary=b",
            ),
        ),
        ("s", reply()),
    ),
    "tunnel": lambda m: (
        ("c", b"CONNECT a:443 HTTP/1.1\r\n\r\n"),
        ("s", b"HTTP/1.1 200 OK\r\n\r\n" + m),
        ("c", m),
    ),
    "upgrade": lambda m: (
        ("c", get(b"/", b"Connection: upgrade", b"Upgrade: " + m)),
        ("s", b"HTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n" + m),
        ("c", m),
    ),
    "called a request": asks,
    "called an answer": answers,
    "request, broken": lambda m: asks(ocsp.seq(ocsp.octets(m))),
    "answer, broken": lambda m: answers(ocsp.seq(ocsp.octets(m))),
    "request, extension": lambda m: asks(ocsp.request(ID, exts=(odd(m),), single_exts=(odd(m),))),
    "request, signature": lambda m: asks(ocsp.request(ID, signature=ocsp.seq(ocsp.octets(m)))),
    "request, behind it": lambda m: asks(ocsp.request(ID) + m),
    "answer, extension": lambda m: answers(ocsp.response(ocsp.basic(ocsp.single(ID, exts=(odd(m),)), exts=(odd(m),)))),
    "answer, behind it": lambda m: answers(ocsp.response(ocsp.basic(ocsp.single(ID))) + m),
    "answer, time": lambda m: answers(ocsp.response(ocsp.basic(ocsp.single(ID, this=ocsp.gtime(m.decode()))))),
    "answer, other type": lambda m: answers(ocsp.response(m, response_type="1.3.6.1.4.1.99999.2")),
    "answer, certificate": lambda m: answers(ocsp.response(ocsp.basic(ocsp.single(ID), certs=(ocsp.octets(m),)))),
    "certificate, broken": lambda m: answers(ocsp.seq(ocsp.octets(m)), b"Content-Type: application/pkix-cert"),
    "certificate, none": lambda m: answers(m, b"Content-Type: application/pkix-cert"),
    "certificates, none": lambda m: answers(
        b"-----BEGIN CERTIFICATE-----\n" + m + b"\n-----END CERTIFICATE-----\n" + m, b"Content-Type: application/x-pem"
    ),
    "certificate, extension": lambda m: answers(certificate(m, named=False), b"Content-Type: application/pkix-cert"),
    "crl, extension": lambda m: answers(crl(m, named=False), b"Content-Type: application/pkix-crl"),
    "crl, broken": lambda m: answers(ocsp.seq(ocsp.octets(m)), b"Content-Type: application/pkix-crl"),
    "crl, none": lambda m: (("c", get(b"/a.crl")), ("s", reply(m, b"Content-Type: application/pkix-crl"))),
}


def packets(ends: Ends, *payloads: bytes, protocol: int = 6, **how: object) -> list[bytes]:
    return [wire.ethernet(wire.ip4(ends.client, ends.server, each, protocol, **how)) for each in payloads]


def script(text: str) -> Callable[[bytes, Ends], list[bytes]]:
    """A TCP conversation in which M stands for the secret."""
    return lambda m, ends: [
        each.data for each in frames_of(parse(text.replace("MMM", ascii(m.decode())[1:-1]), ends), ends)
    ]


OPEN = "c> S\ns> SA\nc> A\n"
FRAMES: dict[str, Callable[[bytes, Ends], list[bytes]]] = {
    "udp": lambda m, ends: packets(ends, wire.udp(ends.cport, 53, m), protocol=17),
    "icmp": lambda m, ends: packets(ends, b"\x08\0\0\0\0\1\0\1" + m, protocol=1),
    "another protocol": lambda m, ends: packets(ends, m, protocol=99),
    "another ethertype": lambda m, _: [wire.ethernet(m, 0x88B5)],
    "behind a packet": lambda m, ends: [each + m for each in packets(ends, wire.tcp(ends.cport, 80, flags=wire.SYN))],
    "ip options": lambda m, ends: packets(ends, wire.tcp(ends.cport, 80), options=b"\x44\x10" + m[:10] + b"    "),
    "tcp options": lambda m, ends: packets(ends, wire.tcp(ends.cport, 80, options=b"\xfd\x0e" + m + b"\0\0")),
    "impossible header": lambda m, ends: packets(ends, wire.tcp(ends.cport, 80, payload=m, header=4)),
    "a fragment alone": lambda m, ends: packets(ends, m * 2, ident=7, more=True),
    "fragments that differ": lambda m, ends: packets(ends, m * 2, bytes(24), m[::-1] * 2, ident=8, more=True, offset=8),
    "too large a datagram": lambda m, ends: packets(ends, m * 2, ident=9, offset=65528),
    "syn": script('c> S "MMM"\ns> SA\nc> FA\ns> FA\nc> A'),
    "midway": script('c> A "MMM"\ns> A "MMM"'),
    "overlap": script(OPEN + 'c> A "GET / HTTP/1.1"\nc> A @1 "MMM"\nc> A "\\r\\n\\r\\n"\nc> FA\ns> FA\nc> A'),
    "far away": script(OPEN + 'c> A @90000000 "MMM"\nc> FA\ns> FA\nc> A'),
    "above a hole": script(OPEN + 'c> A =100 lost\nc> A "MMM"\ns> A ^1\nc> FA'),
    "behind a reset": script(OPEN + 'c> R\nc> A "MMM"'),
    "behind the end": script(OPEN + 'c> FA\ns> FA\nc> A "MMM"\ns> A "MMM"'),
    "urgent": script(OPEN + 'c> AU "MMM"\nc> FA\ns> FA\nc> A'),
}
TOLD: dict[str, tuple[str, Callable[[bytes], Said]]] = {  # where; how
    "method": ("http.method weird.addl", lambda m: (("c", m + b" / HTTP/1.1\r\nHost: a\r\n\r\n"), ("s", reply()))),
    "address": ("http.uri", lambda m: (("c", get(b"/" + m)), ("s", reply()))),
    "query": ("http.uri cleartext.uri", lambda m: (("c", get(b"/?password=" + m)), ("s", reply()))),
    "host": ("http.host", lambda m: (("c", get().replace(b"a.example", m)), ("s", reply()))),
    "host, folded": ("http.host", lambda m: field(b" " + m)),
    "another host": ("weird.addl", lambda m: field(b"Host: " + m)),
    "user agent": ("http.user_agent", lambda m: field(b"User-Agent: " + m)),
    "referrer": ("http.referrer", lambda m: field(b"Referer: " + m)),
    "origin": ("http.origin", lambda m: field(b"Origin: " + m)),
    "user": ("http.username", lambda m: field(b"Authorization: Basic " + b64encode(m + b":x"))),
    "proxy": ("http.proxied", lambda m: field(b"X-Forwarded-For: " + m)),
    "phrase": ("http.status_msg", lambda m: answered(reply(status=b"200 " + m))),
    "other phrase": ("http.info_msg", lambda m: answered(b"HTTP/1.1 103 " + m + b"\r\n\r\n" + reply())),
    "file": (
        "files.filename http.resp_filenames",
        lambda m: answered(reply(b"x", b"Content-Disposition: attachment; filename=" + m)),
    ),
    "cookie": ("cleartext.cookies", lambda m: field(b"Cookie: " + m + b"=a")),
    "cookie set": ("cleartext.set_cookies", lambda m: answered(reply(b"", b"Set-Cookie: " + m + b"=a"))),
    "type": (
        "weird.addl notice.msg",
        lambda m: (("c", post(b"/", ocsp.request(ID), b"Content-Type: " + m)), ("s", reply())),
    ),
    "name, folded": ("weird.addl", lambda m: field(m + b": a", b" b")),
    "name, NUL": ("weird.addl", lambda m: field(m + b"\0: a")),
    "attack": (
        "cleartext.lookups cleartext.suspect notice.msg notice.sub",
        lambda m: field(b"X-A: ${jndi:ldap://" + m + b"/a}"),
    ),
    "requestor": (
        "ocsp_exchange.requestor_name notice.msg",
        lambda m: asks(ocsp.request(ID, requestor=ocsp.tlv(0x81, m))),
    ),
    "responder": (
        "ocsp_exchange.responder_id",
        lambda m: answers(ocsp.response(ocsp.basic(ocsp.single(ID), responder=ocsp.by_name(ocsp.name(m.decode()))))),
    ),
    "serial": (
        "ocsp_exchange.serial_number leak.serial_number notice.sub",
        lambda m: asks(ocsp.request(ocsp.cert_id(m))),
    ),
    "nonce": (
        "ocsp_exchange.nonce",
        lambda m: asks(ocsp.request(ID, exts=(ocsp.extension(ocsp.NONCE, ocsp.octets(m)),))),
    ),
    "certificate": (
        "x509.certificate.issuer x509.certificate.subject x509.san.dns",
        lambda m: answers(certificate(m, named=True), b"Content-Type: application/pkix-cert"),
    ),
    "crl": (
        "crl.issuer leak.issuer notice.msg notice.sub",
        lambda m: answers(crl(m, named=True), b"Content-Type: application/pkix-crl"),
    ),
}


def marked(number: int) -> bytes:
    """The secret of one case; no other octets have it."""
    return b"hunter2%03dzz" % number


def planted() -> tuple[list[Frame], dict[str, str]]:
    """All cases one after the other, each in a conversation of its own; their secrets by kind and name."""
    made: list[Frame] = []
    secrets: dict[str, str] = {}

    def place(name: str) -> tuple[bytes, Ends, int]:
        number = len(secrets)
        secrets[name] = marked(number).decode()
        return marked(number), Ends(cport=20000 + number), START + number * 1000 * MS

    for name, said in {**HIDDEN, **{f"told: {name}": said for name, (_, said) in TOLD.items()}}.items():
        secret, ends, start = place(name)
        made += conversation(*said(secret), ends=ends, start=start)
    for name, sent in FRAMES.items():
        secret, ends, start = place(f"frames: {name}")
        made += [Frame(start + number * MS, data) for number, data in enumerate(sent(secret, ends))]
    return made, secrets
