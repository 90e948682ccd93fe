"""Two readings of one flow: where the other one begins, and what makes messages of both the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sensor.http.resync import begins_message
from sensor.http.side import HEAD, OVER
from sensor.http.transaction import AMBIGUITIES, HttpRequest, HttpTransaction

if TYPE_CHECKING:
    from sensor.flow.copies import Conflict
    from sensor.http.messages import Messages

_LINE_END: Final = 64
"""Octets behind a piece in which its start line may end."""


def beginning(conflict: Conflict, is_orig: bool) -> int:
    """Which of the pieces begins the message that the octets belong to: the last one, not behind them, that begins like
    a message; if none does, the first that is known."""
    at = conflict.position
    text = b""
    pieces = conflict.pieces
    for number in range(len(pieces) - 1, -1, -1):
        at -= len(pieces[number])
        text = pieces[number] + text[:_LINE_END]
        if at <= conflict.first and begins_message(text, 0, is_orig):
            return number
    return 0


def is_cut(conflict: Conflict, is_orig: bool) -> bool:
    """Are there copies that are not known, or is the beginning of the message not, which the octets belong to?"""
    if conflict.is_cut or not conflict.is_torn or not conflict.pieces or conflict.first >= conflict.position:
        return conflict.is_cut
    text = b"".join(conflict.pieces)[: len(conflict.pieces[0]) + _LINE_END]
    return beginning(conflict, is_orig) == 0 and not begins_message(text, 0, is_orig)


def piece_at(conflict: Conflict, start: int) -> int:
    """Which of the pieces begins with octet `start`; -1 if none does."""
    at = conflict.position
    for number in range(len(conflict.pieces) - 1, -1, -1):
        at -= len(conflict.pieces[number])
        if at == start:
            return number
    return -1


def in_step(main: Messages, second: Messages) -> bool:
    """Whether both stand between messages, with the same requests that wait for a reply: they would go on alike."""
    for one, other in ((main.orig, second.orig), (main.resp, second.resp)):
        if one.state != other.state or one.state not in (HEAD, OVER) or one.tail != other.tail:
            return False
    pending, others = main.pairing.pending, second.pairing.pending
    if main.pairing.early or second.pairing.early or main.pairing.owed != second.pairing.owed:
        return False
    return len(pending) == len(others) and all(
        one.request is not None and other.request is not None and question_of(one.request) == question_of(other.request)
        for one, other in zip(pending, others, strict=True)
    )


def size_of(half: object) -> int:
    """Octets of what `halves_of` gives."""
    if isinstance(half, tuple):
        return sum([size_of(part) for part in half])
    return len(half) if isinstance(half, bytes) else 0


def question_of(request: object) -> object:
    if not isinstance(request, HttpRequest):
        return None
    return request.method, request.target, tuple([file.content for file in request.files])


def halves_of(transaction: HttpTransaction) -> list[object]:
    """What makes the request, and the reply, equal to those of another reading."""
    request, response = transaction.request, transaction.response
    halves: list[object] = []
    if request is not None:
        halves.append(question_of(request))
    if response is not None:
        halves.append((response.status_code, tuple([file.content for file in response.files])))
    return halves


def take_back(out: list[object], since: int, half: object) -> bool:
    """Of what is in `out` from `since` on the main reading told this half alone: then it is not told so."""
    for place in range(since, len(out)):
        item = out[place]
        if type(item) is HttpTransaction and not item.repeated and halves_of(item) == [half]:
            out[place] = msgspec.structs.replace(item, repeated=True)
            return True
    return False


_BITS: Final = {each: place for place, each in enumerate(AMBIGUITIES[-1])}


def in_doubt(transaction: HttpTransaction, doubt: int) -> HttpTransaction:
    """It can be read otherwise for this reason, too."""
    ambiguous = AMBIGUITIES[doubt | sum(1 << _BITS[each] for each in transaction.ambiguous)]
    return msgspec.structs.replace(transaction, ambiguous=ambiguous)
