"""Crafted: what pretends to be OCSP, or hides in it. python -m pcaps.imitation.craft"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from pcaps.lab import capturefile, crafting, fennwick, wire
from pcaps.lab.crafting import Crafted
from pcaps.lab.fennwick import NEXT_UPDATE, THIS_UPDATE, answer, by_get, by_post, cert, row, single
from pcaps.lab.frames import START, Segment, Talk, packets
from pcaps.lab.plain import Visit, crafted, talk_of
from pcaps.lab.truth import Exchange

WORKSHOP = crafting.Workshop("imitation")
CRYPTOAPI = "Microsoft-CryptoAPI/6.1"


def _noise(label: str, size: int) -> bytes:
    """Octets without any order, the same each time."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{label} {len(out)}".encode()).digest()
    return out[:size]


def _capture(segments: list[Segment], rows: list[Exchange], readable: bool = True) -> Crafted:
    return Crafted(capturefile.pcap(packets(sorted(segments, key=lambda each: each.ts))), rows, readable)


def _netbios(data: bytes) -> str:
    """Each half of an octet as one of sixteen letters (RFC 1001 14.1), as that profile encodes."""
    return "".join(chr(0x61 + (octet >> 4)) + chr(0x61 + (octet & 15)) for octet in data)


@WORKSHOP.piece(
    "c2-oscp-profile.pcap", "a beacon dressed as OCSP: /oscp/, netbios letters, replies that are no DER; once a minute"
)
def c2_profile() -> Crafted:
    talks = []
    for number in range(7):
        visit = Visit(
            f"/oscp/{_netbios(_noise(f'id {number}', 16))}",
            host="ocsp.verisign.com",
            agent=CRYPTOAPI,
            headers=("Accept: */*",),
            reply=_noise(f"task {number}", 48),
            reply_type="application/ocsp-response",
        )
        talks.append(talk_of([visit], orig=("10.20.0.31", 49152 + number), now=START + number * 60 * 10**9))
    return crafted(*talks)


@WORKSHOP.piece("get-undecodable.pcap", "GETs that begin as base64 of an OCSP request does and are none")
def get_undecodable() -> Crafted:
    visits = []
    for number in range(3):
        good = wire.request(cert("harbour"))
        text = (
            wire.base64_text(good[:30] + _noise(f"get {number}", len(good) - 40))
            .replace("/", "%2F")
            .replace("+", "%2B")
        )
        visits.append(
            Visit(
                "/ocsp/" + text,
                host="ocsp.cdn-status.example",
                agent=CRYPTOAPI,
                reply=_noise(f"r {number}", 60),
                reply_type="application/octet-stream",
            )
        )
    return crafted(talk_of(visits))


@WORKSHOP.piece("post-undecodable.pcap", "POSTs of application/ocsp-request whose bodies and replies are noise")
def post_undecodable() -> Crafted:
    return crafted(
        talk_of(
            [
                Visit(
                    "/",
                    "POST",
                    "ocsp.cdn-status.example",
                    CRYPTOAPI,
                    body=_noise(f"post {number}", 83),
                    content_type="application/ocsp-request",
                    reply=_noise(f"reply {number}", 471),
                    reply_type="application/ocsp-response",
                )
                for number in range(3)
            ]
        )
    )


@WORKSHOP.piece("cryptoapi-post.pcap", "Windows' certificate library posts a form: it never does")
def cryptoapi_post() -> Crafted:
    return crafted(
        talk_of([Visit("/submit", "POST", "pki-status.example", "Microsoft-CryptoAPI/10.0", body=b"d=" + b"A" * 60)])
    )


@WORKSHOP.piece("page-on-ocsp-host.pcap", "a page and a picture from a host that is called ocsp: no OCSP is asked for")
def page_on_host() -> Crafted:
    return crafted(
        talk_of([Visit("/", host="ocsp.fennwick.example"), Visit("/favicon.ico", host="ocsp.fennwick.example")])
    )


def _asked(
    label: str,
    host: str,
    nonce: bytes | None = None,
    nickname: str = "harbour",
    port: int = 49152,
    now: int = START,
    agent: str | None = None,
    orig: str = "10.20.0.31",
) -> tuple[Talk, Exchange]:
    """One POST about a site's certificate to a host, answered good; `label` says only what it is for."""
    assert label
    about = cert(nickname)
    talk = Talk(orig=(orig, port), now=now).open()
    ts = talk.ask(wire.http_request("POST", "/", host, agent=agent, body=wire.request(about, nonce=nonce)))
    talk.answer(wire.http_reply(answer(single(about), nonce=nonce)))
    return talk.close(), row(talk, ts, about, host=host, agent=agent, nonce=nonce is not None)


@WORKSHOP.piece("nonce-text.pcap", "a nonce that is text, and one of a single octet repeated")
def nonce_text() -> Crafted:
    first, one = _asked("text", "ocsp.fennwick.example", b"user=ola;host=WS-17;key=hunter2!")
    second, two = _asked("zeros", "ocsp.fennwick.example", bytes(32), port=49153, now=first.now)
    return _capture(first.segments + second.segments, [one, two])


@WORKSHOP.piece(
    "nonce-stream.pcap", "twelve requests about one certificate within a minute, each with a nonce of 120 octets"
)
def nonce_stream() -> Crafted:
    segments: list[Segment] = []
    rows = []
    for number in range(12):
        talk, found = _asked(
            "stream",
            "ocsp.fennwick.example",
            _noise(f"stream {number}", 120),
            port=49152 + number,
            now=START + number * 5 * 10**9,
        )
        segments += talk.segments
        rows.append(found)
    return _capture(segments, rows)


@WORKSHOP.piece(
    "nonce-4k.pcap", "a nonce of 4,096 octets: the request is longer than any that asks about one certificate"
)
def nonce_4k() -> Crafted:
    talk, found = _asked("4k", "ocsp.fennwick.example", _noise("4k", 4096))
    return _capture(talk.segments, [found])


RETIRED = (
    "r11.o.lencr.org",
    "ocsp.int-x3.letsencrypt.org",
    "ocsp.startssl.com",
    "ocsp.startcomca.com",
    "ocsp.wosign.com",
    "ocsp.wosign.cn",
    "ocsp.verisign.com",
)


def _retired(now: int) -> Crafted:
    segments: list[Segment] = []
    rows = []
    for number, host in enumerate(RETIRED):
        talk, found = _asked("retired", host, port=49152 + number, now=now + number * 10**9, nickname="quill")
        segments += talk.segments
        rows.append(found)
    return _capture(segments, rows)


@WORKSHOP.piece("retired-responders.pcap", "OCSP to responders that were switched off years ago, and answers")
def retired() -> Crafted:
    return _retired(START)


@WORKSHOP.piece("before-retirement.pcap", "Let's Encrypt's responder is asked on 2025-05-01: then it was one")
def before_retirement() -> Crafted:
    began = int(dt.datetime(2025, 5, 1, tzinfo=dt.UTC).timestamp()) * 10**9
    talk, found = _asked("before", "r11.o.lencr.org", now=began, nickname="quill")
    return _capture(talk.segments, [found])


@WORKSHOP.piece(
    "host-not-named.pcap", "a certificate is asked about at a host that it does not name, and at the one it does"
)
def host_not_named() -> Crafted:
    first, one = _asked("elsewhere", "ocsp.elsewhere.example")
    second, two = _asked("right", "ocsp.fennwick.example", port=49153, now=first.now)
    return _capture(first.segments + second.segments, [one, two])


@WORKSHOP.piece("host-is-address.pcap", "OCSP whose Host is an IPv4 address")
def host_is_address() -> Crafted:
    talk, found = _asked("address", "198.51.100.40")
    return _capture(talk.segments, [found])


@WORKSHOP.piece("reply-as-text.pcap", "an OCSP reply that is labelled as text")
def reply_as_text() -> Crafted:
    about = cert("harbour")
    talk = Talk().open()
    ts = talk.ask(by_post("harbour").question)
    talk.answer(wire.http_reply(answer(single(about)), content_type="text/plain"))
    return _capture(talk.close().segments, [row(talk, ts, about)])


@WORKSHOP.piece("odd-port.pcap", "OCSP on port 4444")
def odd_port() -> Crafted:
    talk = Talk(resp=("198.51.100.40", 4444)).open()
    found = by_post("harbour").play(talk)
    return _capture(talk.close().segments, [found], readable=False)


@WORKSHOP.piece("genuine.pcap", "OCSP as it should be, by POST and GET, with a nonce and without")
def genuine() -> Crafted:
    assert THIS_UPDATE < NEXT_UPDATE
    talk = Talk().open()
    rows = [by_post("harbour", CRYPTOAPI).play(talk), by_get("debts", CRYPTOAPI).play(talk)]
    other, found = _asked("nonce", "ocsp.fennwick.example", _noise("nonce", 32), port=49153, now=talk.close().now)
    return _capture(talk.segments + other.segments, [*rows, found])


if __name__ == "__main__":
    fennwick.write_certificates(Path(__file__).parent / "certs")
    crafting.run(WORKSHOP)
