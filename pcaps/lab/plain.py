"""Plain HTTP conversations that carry no OCSP: what one client asks and what it is told, on one connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcaps.lab import capturefile, wire
from pcaps.lab.crafting import Crafted
from pcaps.lab.frames import START, Segment, Talk, packets

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
PAGE = b"<!DOCTYPE html><html><head><title>Harbour</title></head><body><p>Good morning</p></body></html>\n"


@dataclass(frozen=True)
class Visit:
    """A request and its reply. `body`: of the request, of type `content_type`."""

    target: str = "/"
    method: str = "GET"
    host: str = "www.harbour.example"
    agent: str | None = BROWSER
    headers: Sequence[str] = ()
    body: bytes | None = None
    content_type: str = "application/x-www-form-urlencoded"
    status: str = "200 OK"
    reply: bytes = PAGE
    reply_type: str | None = "text/html"
    reply_headers: Sequence[str] = ()

    def question(self) -> bytes:
        return wire.http_request(
            self.method,
            self.target,
            self.host,
            agent=self.agent,
            headers=self.headers,
            body=self.body,
            content_type=self.content_type,
        )

    def answer(self) -> bytes:
        return wire.http_reply(
            b"" if self.method == "HEAD" else self.reply,
            status=self.status,
            content_type=self.reply_type,
            headers=self.reply_headers,
        )


NOT_FOUND = {"status": "404 Not Found", "reply": b"<html><body>Not found</body></html>\n"}
"""What most probes are told."""


def talk_of(
    visits: Sequence[Visit],
    orig: tuple[str, int] = ("10.20.0.31", 49152),
    resp: tuple[str, int] = ("198.51.100.40", 80),
    now: int = START,
) -> Talk:
    """One connection with these visits, closed."""
    talk = Talk(orig=orig, resp=resp, now=now).open()
    for visit in visits:
        talk.ask(visit.question())
        talk.answer(visit.answer())
    return talk.close()


def crafted(*talks: Talk, readable: bool = True) -> Crafted:
    """A capture of these connections, segments in order of time, without OCSP."""
    segments: list[Segment] = [segment for talk in talks for segment in talk.segments]
    return Crafted(capturefile.pcap(packets(sorted(segments, key=lambda segment: segment.ts))), [], readable)
