"""Crafted HTTP around OCSP: framings, codings, and what else a connection may carry. python -m pcaps.http.craft"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import zstandard

from pcaps.lab import capturefile, crafting, wire
from pcaps.lab.crafting import Crafted
from pcaps.lab.fennwick import HOST, answer, by_get, by_post, cert, row, single
from pcaps.lab.frames import ACK, RST, Talk, packets
from pcaps.lab.truth import Exchange

COMPRESSED = {
    "gzip.pcap",
    "x-gzip-chunked.pcap",
    "deflate.pcap",
    "deflate-raw.pcap",
    "br.pcap",
    "zstd.pcap",
    "gzip-twice.pcap",
}
WORKSHOP = crafting.Workshop("http", unstable=COMPRESSED)
REPLY = answer(single(cert("harbour")))
QUESTION = by_post("harbour").question


def finished(talk: Talk, rows: list[Exchange], readable: bool = True) -> Crafted:
    return Crafted(capturefile.pcap(packets(talk.close().segments)), rows, readable)


def _said(talk: Talk, ts: int, **what: object) -> Exchange:
    return row(talk, ts, cert("harbour"), **what)  # type: ignore[arg-type]  # passed through to row as it is


def chunked(body: bytes, size: int, extension: str = "", trailer: str = "") -> bytes:
    """RFC 9112 section 7.1."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    text = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension.encode(), part) for part in parts)
    return text + b"0\r\n" + trailer.encode() + b"\r\n"


def _reply(name: str, shows: str, make: Callable[[], bytes], readable: bool = False) -> None:
    @WORKSHOP.piece(name, shows)
    def build() -> Crafted:
        """This framing of the reply, then a plain exchange on the same connection."""
        talk = Talk().open()
        ts = talk.ask(QUESTION)
        talk.answer(make())
        return finished(talk, [_said(talk, ts), by_get("debts").play(talk)], readable)


def _coded(body: bytes, coding: str) -> bytes:
    return wire.http_reply(body, headers=(f"Content-Encoding: {coding}",))


def _chunks(body: bytes, *headers: str) -> bytes:
    return wire.http_reply(headers=("Transfer-Encoding: chunked", *headers), length=False) + body


_reply("chunked.pcap", "chunked reply of 100 octets a chunk", lambda: _chunks(chunked(REPLY, 100)))
_reply(
    "chunked-extensions-trailer.pcap", "chunked reply with chunk extensions and a trailer",
    lambda: _chunks(chunked(REPLY, 333, ';name="a;b"', "X-Checked: yes\r\n"), "Trailer: X-Checked"),
)  # fmt: skip
_reply("chunked-octets.pcap", "chunked reply of one octet a chunk", lambda: _chunks(chunked(REPLY, 1)))
_reply("gzip.pcap", "reply coded with gzip", lambda: _coded(gzip.compress(REPLY, mtime=0), "gzip"))
_reply(
    "x-gzip-chunked.pcap",
    "x-gzip inside chunked",
    lambda: _chunks(chunked(gzip.compress(REPLY, mtime=0), 200), "Content-Encoding: x-gzip"),
)
_reply("deflate.pcap", "reply coded with deflate (zlib)", lambda: _coded(zlib.compress(REPLY), "deflate"))


def _raw_deflate() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return _coded(packer.compress(REPLY) + packer.flush(), "deflate")


_reply("deflate-raw.pcap", "deflate without the zlib wrapper, as some servers do", _raw_deflate)
_reply("br.pcap", "reply coded with brotli", lambda: _coded(brotli.compress(REPLY), "br"))
_reply("zstd.pcap", "reply coded with zstandard", lambda: _coded(zstandard.compress(REPLY), "zstd"))
_reply(
    "gzip-twice.pcap",
    "two codings: gzip, gzip",
    lambda: _coded(gzip.compress(gzip.compress(REPLY, mtime=0), mtime=0), "gzip, gzip"),
)
_reply("gzip-claimed.pcap", "Content-Encoding says gzip, the body is plain", lambda: _coded(REPLY, "gzip"))
_reply(
    "length-and-chunked.pcap",
    "Content-Length and chunked: chunked counts (RFC 9112 section 6.3)",
    lambda: _chunks(chunked(REPLY, 500), "Content-Length: 17"),
)
_reply(
    "folded-header.pcap",
    "an obsolete folded header line in the reply",
    lambda: wire.http_reply(REPLY, headers=("X-Note: first", " and second")),
)
_reply(
    "bare-lf.pcap",
    "reply header lines that end in LF alone",
    lambda: (
        wire.http_reply(REPLY, length=False, headers=(f"Content-Length: {len(REPLY)}",))
        .split(b"\r\n\r\n")[0]
        .replace(b"\r\n", b"\n")
        + b"\n\n"
        + REPLY
    ),
)
_reply(
    "continue-100.pcap",
    "100, 102 and 103 before the reply",
    lambda: (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + wire.http_reply(REPLY)
    ),
)


@WORKSHOP.piece("chunked-request.pcap", "the request's body is chunked")
def chunked_request() -> Crafted:
    talk = Talk().open()
    head = wire.http_request(
        "POST", "/", HOST, headers=("Transfer-Encoding: chunked", "Content-Type: application/ocsp-request")
    )
    ts = talk.ask(head + chunked(wire.request(cert("harbour")), 30))
    talk.answer(wire.http_reply(REPLY))
    return finished(talk, [_said(talk, ts)], readable=False)


@WORKSHOP.piece("until-close.pcap", "HTTP/1.0 reply without a length: its body ends with the connection")
def until_close() -> Crafted:
    talk = Talk().open()
    ts = talk.ask(wire.http_request("POST", "/", HOST, version="1.0", body=wire.request(cert("harbour"))))
    talk.answer(wire.http_reply(REPLY, version="1.0", length=False))
    rows = [_said(talk, ts, version="1.0")]
    return Crafted(capturefile.pcap(packets(talk.close(by_orig=False).segments)), rows, readable=False)


@WORKSHOP.piece("cut-by-reset.pcap", "the reply's body is cut by a RST: no reply to decode")
def cut() -> Crafted:
    talk = Talk().open()
    ts = talk.ask(QUESTION)
    talk.answer(wire.http_reply(REPLY)[:400])
    talk.bare(False, RST | ACK)
    rows = [_said(talk, ts, response_status=None, cert_status=None, evidence=None)]
    return Crafted(capturefile.pcap(packets(talk.segments)), rows, readable=False)


@WORKSHOP.piece("pipelined.pcap", "three requests before the first reply, in one segment")
def pipelined() -> Crafted:
    talk = Talk().open()
    parts = [by_post("harbour"), by_get("debts"), by_post("tenants")]
    ts = talk.ask(b"".join(each.question for each in parts))
    rows = [each.said(talk, ts) for each in parts]
    talk.answer(b"".join(each.reply for each in parts))
    return finished(talk, rows, readable=False)


@WORKSHOP.piece("head-204-304.pcap", "HEAD, 204 and 304 with Content-Length and no body, then OCSP")
def bodiless() -> Crafted:
    talk = Talk().open()
    talk.ask(wire.http_request("HEAD", "/big.iso", HOST))
    talk.answer(
        wire.http_reply(content_type="application/octet-stream", headers=("Content-Length: 700000000",), length=False)
    )
    talk.ask(wire.http_request("GET", "/ping", HOST))
    talk.answer(
        wire.http_reply(status="204 No Content", content_type=None, headers=("Content-Length: 12",), length=False)
    )
    talk.ask(wire.http_request("GET", "/a.css", HOST, headers=('If-None-Match: "1"',)))
    talk.answer(
        wire.http_reply(
            status="304 Not Modified", content_type="text/css", headers=("Content-Length: 5000",), length=False
        )
    )
    return finished(talk, [by_post("harbour").play(talk)], readable=False)


@WORKSHOP.piece("connect.pcap", "CONNECT through a proxy on port 3128: what follows is not HTTP any more")
def connect() -> Crafted:
    talk = Talk(resp=("198.51.100.30", 3128)).open()
    talk.ask(b"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n")
    talk.answer(b"HTTP/1.1 200 Connection established\r\n\r\n")
    talk.ask(bytes.fromhex("16030100050100000100") + bytes(40))
    talk.answer(bytes.fromhex("1503030002022f"))
    return finished(talk, [])


@WORKSHOP.piece("upgrade.pcap", "101 Switching Protocols: what follows is not HTTP, even if it looks like OCSP")
def upgrade() -> Crafted:
    talk = Talk().open()
    talk.ask(wire.http_request("GET", "/live", HOST, headers=("Upgrade: websocket", "Connection: Upgrade")))
    talk.answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    talk.ask(b"\x82\x7e" + len(REPLY).to_bytes(2, "big") + REPLY)
    talk.answer(b"\x81\x05hello")
    return finished(talk, [])


@WORKSHOP.piece("reply-first.pcap", "the mirror delivers the reply's frames before the request's")
def reply_first() -> Crafted:
    from dataclasses import replace

    talk = Talk().open()
    ts = talk.ask(QUESTION)
    talk.answer(wire.http_reply(REPLY))
    talk.close()
    order = [0, 1, 2, 5, 6, 3, 4, *range(7, len(talk.segments))]
    segments = [replace(talk.segments[index], ts=talk.segments[place].ts) for place, index in enumerate(order)]
    rows = [_said(talk, ts)]
    return Crafted(capturefile.pcap(packets(segments)), rows, readable=False)


@WORKSHOP.piece("portal.pcap", "a captive portal: redirected, then HTML instead of a reply, then 503")
def portal() -> Crafted:
    talk, rows = Talk().open(), []
    sign_in = b"<html><head><title>Guest network</title></head><body>Sign in</body></html>\n"
    replies = (
        (
            302,
            wire.http_reply(status="302 Found", content_type=None, headers=("Location: http://portal.guest.example/",)),
        ),
        (200, wire.http_reply(sign_in, content_type="text/html")),
        (503, wire.http_reply(b"busy\n", status="503 Service Unavailable", content_type="text/plain")),
    )
    for status, reply in replies:
        ts = talk.ask(QUESTION)
        talk.answer(reply)
        rows.append(_said(talk, ts, http_status=status, response_status=None, cert_status=None, evidence=None))
    return finished(talk, rows)


@WORKSHOP.piece(
    "browsing.pcap", "ordinary pages, an image, JSON, a PDF, a body of no known type and an empty one: no OCSP"
)
def browsing() -> Crafted:
    talk = Talk().open()
    png = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000049454e44ae426082")
    bodies = (
        (
            "/",
            "text/html",
            b"<!DOCTYPE html><html><head><title>News</title></head><body><p>Morning</p></body></html>\n",
        ),
        ("/logo.png", "image/png", png),
        ("/api/weather", "application/json", b'{"sky": "clear", "celsius": 11}\n'),
        ("/menu.pdf", "application/pdf", b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\n%%EOF\n"),
        ("/blob", "application/octet-stream", bytes(range(1, 90))),
        ("/empty", "text/plain", b""),
    )
    for target, kind, body in bodies:
        talk.ask(wire.http_request("GET", target, "www.morning-news.example", agent="Mozilla/5.0 (X11; Linux x86_64)"))
        talk.answer(wire.http_reply(body, content_type=kind))
    return finished(talk, [])


@WORKSHOP.piece("other-port.pcap", "OCSP on port 8080, and on 49999 where only the first bytes say that it is HTTP")
def other_port() -> Crafted:
    first = Talk(resp=("198.51.100.40", 8080)).open()
    rows = [by_post("harbour").play(first)]
    second = Talk(orig=("10.20.0.31", 49153), resp=("198.51.100.40", 49999), now=first.close().now).open()
    rows.append(by_get("debts").play(second))
    segments = first.segments + second.close().segments
    return Crafted(capturefile.pcap(packets(segments)), rows, readable=False)


@WORKSHOP.piece("not-http-on-80.pcap", "TLS and SSH on port 80, then OCSP of the same client on another connection")
def not_http() -> Crafted:
    tls = Talk().open()
    tls.ask(bytes.fromhex("160301002c010000280303") + bytes(32) + bytes.fromhex("00000213010100"))
    tls.answer(bytes.fromhex("15030100020228"))
    ssh = Talk(orig=("10.20.0.31", 49153), now=tls.close().now).open()
    ssh.answer(b"SSH-2.0-OpenSSH_9.2\r\n")
    ssh.ask(b"SSH-2.0-OpenSSH_9.2\r\n")
    good = Talk(orig=("10.20.0.31", 49154), now=ssh.close().now).open()
    rows = [by_post("harbour").play(good)]
    return Crafted(capturefile.pcap(packets(tls.segments + ssh.segments + good.close().segments)), rows)


if __name__ == "__main__":
    crafting.run(WORKSHOP)
