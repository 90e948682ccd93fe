"""Exchanges that wait for the look-up of their certificates, in the order in which they came, within a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from sensor.ct.lookup import Answer, Unavailable
from sensor.ocsp.model import CertId, OcspExchange, OcspRequest, OcspResponse

_OVERHEAD_BYTES = 2048  # of an exchange besides its messages
_PART_BYTES = 768  # of a CertID or SingleResponse besides its octets
_TEXT_BYTES = 64  # of a short text besides its octets

Group = tuple[list[OcspExchange], list[CertId], list[Answer]]
"""Exchanges that belong together, the certificate that each is about, and what is known of it."""


class HeldExchanges:
    """Groups with an answer that is `pending`. A group comes out when its last answer has come."""

    def __init__(self, max_bytes: int) -> None:
        self.exchanges = 0
        self.refused = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._groups: dict[CertId, list[Group]] = {}  # by each id that is waited for

    def hold(self, asked: list[OcspExchange], ids: list[CertId], answers: list[Answer]) -> bool:
        """Whether there is room for these."""
        size = _size(asked)
        if self._bytes + size > self._max_bytes:
            self.refused += 1
            return False
        self._bytes += size
        self.exchanges += len(asked)
        group = (asked, ids, answers)
        for cert_id in {i for i, answer in zip(ids, answers, strict=True) if _is_pending(answer)}:
            self._groups.setdefault(cert_id, []).append(group)
        return True

    def release(self, late: Sequence[tuple[CertId, Answer]]) -> Iterator[Group]:
        """The groups that these answers complete."""
        for cert_id, answer in late:
            for asked, ids, answers in self._groups.pop(cert_id, ()):
                for place, each in enumerate(ids):
                    if each == cert_id:
                        answers[place] = answer
                if not any(map(_is_pending, answers)):
                    self._bytes -= _size(asked)
                    self.exchanges -= len(asked)
                    yield asked, ids, answers


def _is_pending(answer: Answer) -> bool:
    return type(answer) is Unavailable and answer.pending


def _size(asked: list[OcspExchange]) -> int:
    """About how many bytes are kept alive: of all that a stranger could make long, and of each message once."""
    size = _OVERHEAD_BYTES * len(asked)
    messages: dict[int, OcspRequest | OcspResponse] = {}
    for exchange in asked:
        for message in (exchange.request, exchange.response):
            if message is not None:
                messages[id(message)] = message
    for message in messages.values():
        size += len(msgspec.msgpack.encode(message)) + _TEXT_BYTES * len(message.extensions)
        if isinstance(message, OcspRequest):
            size += _PART_BYTES * len(message.cert_ids)
        else:
            size += sum(_PART_BYTES + _TEXT_BYTES * len(single.extensions) for single in message.responses)
    first = asked[0]
    return size + sum(len(text) for text in (first.host, first.uri, first.user_agent) if text is not None)
