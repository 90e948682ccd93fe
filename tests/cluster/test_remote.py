"""Nodes in another process: what is asked there is asked here, and nothing that comes back is believed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost
from sensor.cluster.remote import RemoteNodes, serve_nodes
from sensor.service.asking import AskingError
from sensor.settings import ClusterSettings

COMMANDS: list[Command] = [(b"GET", b"\xff\x00"), (b"SMEMBERS", b"x"), (b"GET", b"y"), (b"GET", b"z")]


class Said:
    def __init__(self, answers: Sequence[Answered]) -> None:
        self.answers = list(answers)
        self.asked: list[Command] = []

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        self.asked += commands
        return self.answers

    def close(self) -> None:
        """Nothing to close."""


class Wire:
    """A Line; `answer` in place of what the other side says."""

    def __init__(self, nodes: Said, answer: bytes | None = None) -> None:
        self._serve = serve_nodes(nodes)
        self._answer = answer
        self.trouble = False
        self.within_s: float | None = None

    def ask(self, question: bytes, within_s: float | None = None) -> bytes:
        self.within_s = within_s
        if self.trouble:
            raise AskingError("gone")
        return self._serve(question) if self._answer is None else self._answer

    def hang_up(self) -> None:
        """Nothing to close."""


def remote(wire: Wire, clients: int = 1) -> RemoteNodes:
    return RemoteNodes(wire, ClusterSettings(timeout_ms=500), clients)  # type: ignore[arg-type]  # a Line's two methods


def test_there_and_back() -> None:
    answers: list[Answered] = [b"\x00\xff", [b"a", [1, None]], None, Lost("hangs")]
    nodes = Said(answers)
    assert remote(Wire(nodes)).ask(COMMANDS) == answers
    assert nodes.asked == COMMANDS


def test_it_waits_for_all_who_may_be_before_it() -> None:
    wire = Wire(Said([None] * 4))
    remote(wire, 4).ask(COMMANDS)
    assert wire.within_s == 5.0


def test_nobody_there() -> None:
    wire = Wire(Said([None] * 4))
    wire.trouble = True
    assert remote(wire).ask(COMMANDS) == [Lost("gone")] * 4


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xc1", b"\x91" * 5000, msgspec.msgpack.encode([[b"x"]] * 3), msgspec.msgpack.encode({"a": 1}), b"\x94\x91"],
)
def test_what_is_no_answer(answer: bytes) -> None:
    said = remote(Wire(Said([]), answer)).ask(COMMANDS)
    assert said == [Lost("the process that asks says what is no answer")] * 4


def test_answers_that_are_too_long_together() -> None:
    large = b"x" * (20 << 20)
    said = remote(Wire(Said([large, large, None, b"y"]))).ask(COMMANDS)
    assert said[0] == large
    assert said[1:] == [Lost("answers that are too long together")] * 3
