"""How much the reader of a flow keeps in memory, about: for sensor.flow.ledger, when all may keep too much. Compiled
where a compiler is found (weight.pxd)."""

from __future__ import annotations

from typing import Final

from sensor.flow.ledger import PER_PIECE
from sensor.http.messages import Messages
from sensor.http.transaction import BodyFile, Header, HttpRequest, HttpResponse

PER_MESSAGE: Final = 1024
"""What a message takes besides its octets."""


def weigh_reader(messages: Messages) -> tuple[int, int]:
    """Octets kept in both directions and for requests without a reply; what decompressors have charged for."""
    kept = 0
    window = 0
    for side in (messages.orig, messages.resp):
        tail = side.tail
        if tail is not None:
            kept += len(tail)
        if side.ahead is not None:
            kept += len(side.ahead)
        if len(side.target) > PER_MESSAGE:  # of the last request, until the next one comes
            kept += len(side.target)
        if side.head is not None:
            kept += PER_MESSAGE + _of_fields(side.head.fields)
        if side.files:
            kept += _of_files(side.files)
        if side.body is not None:
            octets, charged = side.body.kept()
            kept += octets
            window += charged
    pairing = messages.pairing
    waiting = pairing.pending if pairing.early is None else [*pairing.pending, *pairing.early]
    for exchange in waiting:
        kept += PER_MESSAGE
        for half in (exchange.request, exchange.response, exchange.info):
            if half is not None:
                kept += weigh_message(half)
    return kept, window


def weigh_message(half: HttpRequest | HttpResponse) -> int:
    """One that is whole."""
    target = half.target if isinstance(half, HttpRequest) else half.status_msg or b""
    return PER_MESSAGE + len(target) + _of_fields(half.headers) + _of_files(half.files)


def _of_fields(fields: list[Header] | tuple[Header, ...]) -> int:
    return sum([PER_PIECE + len(field.name) + len(field.value) for field in fields])


def _of_files(files: tuple[BodyFile, ...]) -> int:
    return sum([PER_MESSAGE + len(file.content) for file in files if isinstance(file.content, bytes)])
