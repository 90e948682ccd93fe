"""A desk in another process: `serve_desk` there, `RemoteDesk` here, where no connection may be made."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from sensor.crtsh.desk import Counts, Desk, NotAskedError
from sensor.crtsh.remembered import Asked
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.service.asking import AskingError, Line, Serve


class AnyDesk(Protocol):
    """A Desk, near or far."""

    @property
    def counts(self) -> Counts: ...
    @property
    def requests(self) -> int: ...
    def recall(self, serial: str, wanted: CertId | None = None) -> Asked | None: ...
    def ask(self, serial: str, wanted: CertId | None = None) -> Asked: ...
    def close(self) -> None: ...


class _Question(msgspec.Struct, frozen=True):
    """`ask`, or only `recall`."""

    ask: bool
    serial: str
    wanted: CertId | None


class _Answer(msgspec.Struct, frozen=True):
    """What was said; or why nothing was: crt.sh is left alone, or the store is in trouble. Counts of the whole run."""

    said: Asked | None
    counts: Counts
    requests: int
    not_asked: str | None = None
    store_path: str = ""
    store: str | None = None


_encode = msgspec.msgpack.encode
_question = msgspec.msgpack.Decoder(_Question).decode
_answer = msgspec.msgpack.Decoder(_Answer).decode


def serve_desk(desk: Desk) -> Serve:
    """Of the process that asks."""

    def serve(octets: bytes) -> bytes:
        question = _question(octets)
        do = desk.ask if question.ask else desk.recall
        said: Asked | None = None
        not_asked = store = None
        path = ""
        try:
            said = do(question.serial, question.wanted)
        except NotAskedError as error:
            not_asked = str(error)
        except StoreError as error:
            path, store = str(error.path), error.reason
        return _encode(_Answer(said, desk.counts, desk.requests, not_asked, path, store))

    return serve


class RemoteDesk:
    """One thread uses it. Trouble with the other process is StoreError: nothing can be remembered either."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.counts = Counts()
        """As of the last answer, of all clients together."""
        self.requests = 0

    def recall(self, serial: str, wanted: CertId | None = None) -> Asked | None:
        """As Desk's."""
        return self._put(_Question(False, serial, wanted))

    def ask(self, serial: str, wanted: CertId | None = None) -> Asked:
        """As Desk's; never Stopped."""
        said = self._put(_Question(True, serial, wanted))
        if said is None:
            raise StoreError(Path("crt.sh"), "the process that asks says what is no answer")
        return said

    def close(self) -> None:
        self._line.hang_up()

    def _put(self, question: _Question) -> Asked | None:
        try:
            answer = _answer(self._line.ask(_encode(question)))
        except AskingError as error:
            raise StoreError(Path("crt.sh"), str(error)) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise StoreError(Path("crt.sh"), "the process that asks says what is no answer") from None
        self.counts, self.requests = answer.counts, answer.requests
        if answer.not_asked is not None:
            raise NotAskedError(answer.not_asked)
        if answer.store is not None:
            raise StoreError(Path(answer.store_path), answer.store)
        return answer.said
