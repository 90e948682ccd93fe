"""Crafted: revocation that does not work, and what clients do then. python -m pcaps.revocation.craft"""

from __future__ import annotations

from pathlib import Path

from pcaps.lab import crafting, fennwick, wire
from pcaps.lab.crafting import Crafted
from pcaps.lab.fennwick import (
    CA,
    HOST,
    NOW,
    SITES,
    answer,
    by_get,
    by_post,
    cert,
    row,
    serial_text,
    single,
)
from pcaps.lab.frames import ACK, FIN, RST, START, SYN, Talk
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import UNKNOWN, Cert, revoked
from pcaps.revocation import craft_crls
from pcaps.revocation.craft_crls import capture

WORKSHOP = crafting.Workshop("revocation")
WORKSHOP.pieces |= craft_crls.WORKSHOP.pieces
SECOND = 10**9
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))
SERVER_HELLO = bytes.fromhex("160303007a0200007603037b") + bytes(range(120))


def _tls(now: int, begin: int, port: int = 49170) -> Talk:
    """A TLS connection that says hello at `now` and carries data from `begin` on, to its end."""
    talk = Talk(orig=("10.20.0.31", port), resp=("203.0.113.80", 443), now=now).open()
    talk.ask(HELLO)
    talk.answer(SERVER_HELLO + bytes.fromhex("1603030fa0") + bytes(4000))
    talk.now = begin
    talk.ask(bytes.fromhex("1703030200") + bytes(512))
    talk.answer(bytes.fromhex("1703032000") + bytes(8192))
    return talk.close()


def _silent(now: int = START, port: int = 49152) -> tuple[Talk, Exchange]:
    """A question that nobody answers; the client gives up after ten seconds."""
    talk = Talk(orig=("10.20.0.31", port), now=now).open()
    ts = talk.ask(by_post("harbour").question)
    talk.pause(10)
    talk.close()
    return talk, row(
        talk, ts, cert("harbour"), http_status=None, response_status=None, cert_status=None, evidence="request"
    )


@WORKSHOP.piece(
    "no-answer-then-tls.pcap", "soft-fail: the responder is silent, and the TLS connection goes on all the same"
)
def no_answer_then_tls() -> Crafted:
    talk, found = _silent(START + SECOND)
    return capture([talk, _tls(START, START + 12 * SECOND)], [found])


@WORKSHOP.piece("no-answer-no-tls.pcap", "the responder is silent, and the client leaves it at that")
def no_answer() -> Crafted:
    talk, found = _silent()
    return capture([talk], [found])


@WORKSHOP.piece("revoked-then-tls.pcap", "told that the certificate is revoked, and the TLS connection goes on")
def revoked_then_tls() -> Crafted:
    about = cert("harbour")
    talk = Talk(now=START + SECOND).open()
    ts = talk.ask(by_post("harbour").question)
    talk.answer(wire.http_reply(answer(single(about, revoked(NOW, 1)))))
    found = row(talk, ts, about, cert_status="revoked", reason="keyCompromise")
    return capture([talk.close(), _tls(START, START + 12 * SECOND)], [found])


@WORKSHOP.piece(
    "good-then-tls.pcap", "told that the certificate is good, and the TLS connection goes on: as it should be"
)
def good_then_tls() -> Crafted:
    talk = Talk(now=START + SECOND).open()
    found = by_post("harbour").play(talk)
    return capture([talk.close(), _tls(START, START + 3 * SECOND)], [found])


@WORKSHOP.piece("reset.pcap", "the question is answered by a RST, as a middlebox does that does not want it answered")
def reset() -> Crafted:
    talk = Talk().open()
    ts = talk.ask(by_post("harbour").question)
    talk.bare(False, RST | ACK)
    found = row(talk, ts, cert("harbour"), http_status=None, response_status=None, cert_status=None, evidence="request")
    return capture([talk], [found])


@WORKSHOP.piece("unreachable.pcap", "a responder that has answered is refused, then silent")
def unreachable() -> Crafted:
    first = Talk().open()
    found = by_post("harbour").play(first)
    refused = Talk(orig=("10.20.0.31", 49153), now=first.close().now + SECOND)
    refused.bare(True, SYN)
    refused.bare(False, RST | ACK)
    silent = Talk(orig=("10.20.0.31", 49154), now=refused.now + SECOND)
    silent.bare(True, SYN)
    return capture([first, refused, silent], [found])


@WORKSHOP.piece(
    "probing.pcap", "one client asks about eight serials nobody issued: unknown, and revoked as never issued"
)
def probing() -> Crafted:
    epoch = NOW.fromtimestamp(0, NOW.tzinfo)
    talk, rows = Talk().open(), []
    for number in range(8):
        about = wire.cert_from(CA, bytes([0x41, number]) * 8)
        ts = talk.ask(wire.http_request("POST", "/", HOST, body=wire.request(about)))
        status = UNKNOWN if number % 2 else revoked(epoch, 6)
        talk.answer(wire.http_reply(answer(single(about, status))))
        reason = None if number % 2 else "certificateHold"
        rows.append(row(talk, ts, about, cert_status="unknown" if number % 2 else "revoked", reason=reason))
    return capture([talk.close()], rows)


def _with_nonce(
    nonce: bytes, port: int, now: int, orig: str = "10.20.0.31", about: Cert | None = None
) -> tuple[Talk, Exchange]:
    about = about or cert("harbour")
    talk = Talk(orig=(orig, port), now=now).open()
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=wire.request(about, nonce=nonce)))
    talk.answer(wire.http_reply(answer(single(about), nonce=nonce)))
    return talk.close(), row(talk, ts, about, nonce=True)


@WORKSHOP.piece(
    "nonce-reused.pcap", "one nonce on three connections, the last from another address: the client can be followed"
)
def nonce_reused() -> Crafted:
    nonce = bytes(range(16))
    talks, rows = [], []
    for number, orig in enumerate(("10.20.0.31", "10.20.0.31", "10.20.0.32")):
        talk, found = _with_nonce(
            nonce, 49152 + number, START + number * 60 * SECOND, orig, cert("debts") if number else None
        )
        talks.append(talk)
        rows.append(found)
    return capture(talks, rows)


@WORKSHOP.piece(
    "nonces-fresh.pcap", "a nonce for each question: as it should be; one connection asks twice after a lost reply"
)
def nonces_fresh() -> Crafted:
    talks, rows = [], []
    for number in range(3):
        talk, found = _with_nonce(bytes([number]) * 7 + bytes(range(9)), 49152 + number, START + number * 60 * SECOND)
        talks.append(talk)
        rows.append(found)
    return capture(talks, rows)


@WORKSHOP.piece("http-errors.pcap", "404, 403, 407, 500, 502 and 511 instead of an answer")
def http_errors() -> Crafted:
    talk, rows = Talk().open(), []
    for status in (
        "404 Not Found",
        "403 Forbidden",
        "407 Proxy Authentication Required",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "511 Network Authentication Required",
    ):
        ts = talk.ask(by_post("harbour").question)
        talk.answer(wire.http_reply(b"<html><body>no</body></html>\n", status=status, content_type="text/html"))
        code = int(status[:3])
        rows.append(
            row(talk, ts, cert("harbour"), http_status=code, response_status=None, cert_status=None, evidence=None)
        )
    return capture([talk.close()], rows)


@WORKSHOP.piece("slow.pcap", "an answer that takes eight seconds")
def slow() -> Crafted:
    talk = Talk().open()
    part = by_post("harbour")
    ts = talk.ask(part.question)
    talk.pause(8)
    talk.answer(part.reply)
    return capture([talk.close()], [part.said(talk, ts)])


@WORKSHOP.piece("profile.pcap", "one client asks about six sites within a minute: what it reads, in the clear")
def profile() -> Crafted:
    talks, rows = [], []
    for number, nickname in enumerate(SITES):
        host = "ocsp.quillbay.example" if nickname == "quill" else HOST
        about = cert(nickname)
        talk = Talk(orig=("10.20.0.31", 49152 + number), now=START + number * 9 * SECOND).open()
        ts = talk.ask(wire.http_request("POST", "/", host, body=wire.request(about)))
        talk.answer(wire.http_reply(answer(single(about))))
        talks.append(talk.close())
        rows.append(row(talk, ts, about, host=host))
    return capture(talks, rows)


@WORKSHOP.piece("status-changes.pcap", "a certificate is good, then revoked, then good again, within minutes")
def status_changes() -> Crafted:
    about = cert("harbour")
    talks, rows = [], []
    for number, status in enumerate(("good", "revoked", "good")):
        talk = Talk(orig=("10.20.0.31", 49152 + number), now=START + number * 120 * SECOND).open()
        ts = talk.ask(by_post("harbour").question)
        found = single(about, revoked(NOW, 4)) if status == "revoked" else single(about)
        talk.answer(wire.http_reply(answer(found)))
        talks.append(talk.close())
        rows.append(row(talk, ts, about, cert_status=status, reason="superseded" if status == "revoked" else None))
    return capture(talks, rows)


@WORKSHOP.piece("half-closed.pcap", "a question by GET on a connection that the client closes at once, unanswered")
def half_closed() -> Crafted:
    talk = Talk().open()
    part = by_get("debts")
    ts = talk.ask(part.question)
    talk.bare(True, FIN | ACK)
    talk.bare(False, FIN | ACK)
    talk.bare(True, ACK)
    found = row(
        talk,
        ts,
        part.about,
        method="GET",
        uri=part.uri,
        http_status=None,
        response_status=None,
        cert_status=None,
        evidence="request",
    )
    assert serial_text(part.about.serial) == found.serial
    return capture([talk], [found])


@WORKSHOP.piece("http-500-with-answer.pcap", "unauthorized, and HTTP 500 with it")
def error_with_answer() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    ts = talk.ask(by_post("harbour").question)
    talk.answer(wire.http_reply(wire.error(6), status="500 Internal Server Error"))
    found = row(talk, ts, about, http_status=500, response_status="unauthorized", cert_status=None, evidence=None)
    return capture([talk.close()], [found])


@WORKSHOP.piece("redirections.pcap", "301, 302, 303, 307 and 308 instead of an answer")
def redirections() -> Crafted:
    talk, rows = Talk().open(), []
    for code in (301, 302, 303, 307, 308):
        ts = talk.ask(by_post("harbour").question)
        talk.answer(
            wire.http_reply(status=f"{code} Moved", content_type=None, headers=("Location: http://portal.example/",))
        )
        rows.append(
            row(talk, ts, cert("harbour"), http_status=code, response_status=None, cert_status=None, evidence=None)
        )
    return capture([talk.close()], rows)


@WORKSHOP.piece(
    "attempts.pcap", "a client that gives up by a RST, and a server that answers and resets, its client unseen"
)
def attempts() -> Crafted:
    given_up = Talk()
    given_up.bare(True, SYN)
    given_up.bare(True, RST)
    unseen = Talk(orig=("10.20.0.31", 49153), now=given_up.now + SECOND)
    unseen.bare(False, SYN | ACK)
    unseen.bare(False, RST | ACK)
    return capture([given_up, unseen], [])


def _exchange(now: int, port: int, server: int, sent: int, received: int, tls: bool = True) -> Talk:
    talk = Talk(orig=("10.20.0.31", port), resp=("203.0.113.80", server), now=now).open()
    talk.ask(HELLO if tls else b"GET /a HTTP/1.1\r\nHost: a.example\r\nX-Pad: " + b"x" * sent + b"\r\n\r\n")
    if not tls:
        talk.answer(wire.http_reply(b"y" * received, content_type="text/plain"))
        return talk.close()
    talk.answer(SERVER_HELLO)
    for from_orig, size in ((True, sent), (False, received)):
        talk.say(from_orig, b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes(size))
    return talk.close()


@WORKSHOP.piece("no-tls-data.pcap", "TLS with little sent, TLS with little received, and a page without TLS")
def no_tls_data() -> Crafted:
    talks = [_exchange(START, 49152, 443, 20, 9000), _exchange(START + SECOND, 49153, 443, 9000, 20)]
    return capture([*talks, _exchange(START + 2 * SECOND, 49154, 80, 900, 9000, tls=False)], [])


if __name__ == "__main__":
    fennwick.write_certificates(Path(__file__).parent / "certs")
    crafting.run(WORKSHOP)
