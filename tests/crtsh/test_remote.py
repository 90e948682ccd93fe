"""A desk in another process: every answer it can give, and a process that gives none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.crtsh.desk import Counts, Desk, NotAskedError
from sensor.crtsh.remembered import Asked, Outcome
from sensor.crtsh.remote import RemoteDesk, serve_desk
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.service.asking import AskingError
from tests.crtsh.conftest import NewDesk
from tests.crtsh.server import CrtSh
from tests.ct.pki import Ca

WANTED = CertId("sha1", b"\x00\xff", b"k", "0A")


class Scripted:
    """A desk that says or raises what it is told to."""

    def __init__(self, said: Asked | Exception | None) -> None:
        self._said = said
        self.asked: list[tuple[str, str, CertId | None]] = []
        self.counts = Counts(asked=3, reasons={"why": 2})
        self.requests = 7

    def recall(self, serial: str, wanted: CertId | None = None) -> Asked | None:
        return self._do("recall", serial, wanted)

    def ask(self, serial: str, wanted: CertId | None = None) -> Asked | None:
        return self._do("ask", serial, wanted)

    def _do(self, what: str, serial: str, wanted: CertId | None) -> Asked | None:
        self.asked.append((what, serial, wanted))
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


class Wire:
    def __init__(self, desk: Desk | Scripted, answer: bytes | None = None) -> None:
        self._serve = serve_desk(desk)  # type: ignore[arg-type]  # its methods
        self._answer = answer

    def ask(self, question: bytes, _: float | None = None) -> bytes:
        if self._answer == b"gone":
            raise AskingError("gone")
        return self._serve(question) if self._answer is None else self._answer

    def hang_up(self) -> None:
        """Nothing to close."""


def remote(desk: Desk | Scripted, answer: bytes | None = None) -> RemoteDesk:
    return RemoteDesk(Wire(desk, answer))  # type: ignore[arg-type]  # a Line's two methods


def test_what_was_said() -> None:
    desk = Scripted(Asked(Outcome.failed, 1.5, "why"))
    far = remote(desk)
    assert far.recall("0A", WANTED) == far.ask("0B") == Asked(Outcome.failed, 1.5, "why")
    assert desk.asked == [("recall", "0A", WANTED), ("ask", "0B", None)]
    assert (far.counts, far.requests) == (desk.counts, 7)
    assert remote(Scripted(None)).recall("0A") is None


def test_trouble() -> None:
    with pytest.raises(NotAskedError, match="left alone"):
        remote(Scripted(NotAskedError("left alone"))).ask("0A")
    with pytest.raises(StoreError, match=r"/x/ct\.sqlite: full") as caught:
        remote(Scripted(StoreError(Path("/x/ct.sqlite"), "full"))).ask("0A")
    assert caught.value.reason == "full"


@pytest.mark.parametrize("answer", [b"gone", b"", b"\xc1", b"\x80", b"\x91" * 5000])
def test_no_answer(answer: bytes) -> None:
    with pytest.raises(StoreError):
        remote(Scripted(None), answer).ask("0A")


def test_none_to_a_question_that_was_asked() -> None:
    with pytest.raises(StoreError, match="no answer"):
        remote(Scripted(None)).ask("0A")


def test_a_real_one(crtsh: CrtSh, new_desk: NewDesk, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("shop.example", serial=0xAB01))
    far = remote(new_desk())
    assert far.ask("AB01", sub.cert_id(0xAB01)).outcome is Outcome.found
    assert far.ask("AB02").outcome is Outcome.not_found
    assert far.counts.found == far.counts.not_found == 1
    assert far.requests == len(crtsh.asked)
