"""A cluster's nodes, asked by another process: `Nodes` on the one side, what stands for it on the other.

What is asked and answered is MessagePack; answers are values that nobody has looked into yet, on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sensor.cluster.lookup import Asker
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost
from sensor.service.asking import AskingError, Line, Serve
from sensor.settings import ClusterSettings

_MAX_TOGETHER: Final = 32 << 20
_SPARE_S: Final = 1.0


class _Said(msgspec.Struct, frozen=True, array_like=True):
    """An answer; `lost` is why there is none."""

    value: Any = None
    lost: str | None = None


_encode = msgspec.msgpack.encode
_commands = msgspec.msgpack.Decoder(list[tuple[bytes, ...]]).decode
_answers = msgspec.msgpack.Decoder(list[_Said]).decode


def serve_nodes(nodes: Asker) -> Serve:
    """Of the process that asks."""

    def serve(question: bytes) -> bytes:
        room = _MAX_TOGETHER
        said: list[_Said] = []
        for answer in nodes.ask(_commands(question)):
            room -= _size(answer)
            if isinstance(answer, Lost):
                said.append(_Said(None, answer.reason))
            else:
                said.append(_Said(answer) if room >= 0 else _Said(None, "answers that are too long together"))
        return _encode(said)

    return serve


class RemoteNodes:
    """Of the process that may not connect: an `Asker`."""

    def __init__(self, line: Line, settings: ClusterSettings, clients: int = 1) -> None:
        """Of so many clients each may have to wait for all others."""
        self._line = line
        self._within_s = _SPARE_S + clients * 2 * settings.timeout_ms / 1000

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        try:
            said = _answers(self._line.ask(_encode(commands), self._within_s))
        except AskingError as error:
            return [Lost(str(error))] * len(commands)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said = []
        if len(said) != len(commands):
            return [Lost("the process that asks says what is no answer")] * len(commands)
        return [each.value if each.lost is None else Lost(each.lost) for each in said]

    def close(self) -> None:
        self._line.hang_up()


def _size(answer: object) -> int:
    if isinstance(answer, bytes):
        return len(answer)
    return 16 + (sum(map(_size, answer)) if isinstance(answer, list) else 0)
