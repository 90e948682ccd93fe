"""Octets that came twice and were not the same: the other copies of a direction, and what was delivered before them.

The first copy of each octet is what is delivered; the other reading is made of the latest ones. Who sends a forged copy
of the whole before the true one comes in pieces, or one that reaches into the next segment, shall not have it made of
both.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import msgspec

from sensor.flow.ledger import PER_READING
from sensor.flow.sniff import HTTP, PREFIX, looks_like
from sensor.flow.state import ATTACHED, NOBODY, Endpoint, Flow, Segment

if TYPE_CHECKING:
    from sensor.flow.delivery import Delivery

_MAX_COPIES: Final = 64
_MAX_BYTES: Final = 65536
_JOINED_BYTES: Final = 4096

Copies = list[tuple[int, bytes]]
"""(the first octet's number, the octets): segments as they came, or, of `latest`, in order and apart."""


class Conflict(msgspec.Struct, frozen=True):
    """Octets `first` to `last` - 1 of a direction came again and were others.

    `position` is the number of the next octet that will be delivered, `pieces` what was delivered right before it, as
    it was cut, with the other copies put in; `copies` are all of these that are known. Some were given up for want of
    room if it `is_cut`, and of what was delivered before the pieces if it `is_torn`.
    """

    position: int
    pieces: list[bytes]
    copies: Copies
    first: int
    last: int
    is_cut: bool = False
    is_torn: bool = False


def with_copy(others: Copies | None, rel: int, other: bytes, oldest: int) -> tuple[Copies, bool]:
    """`others`, as they came, and a later one, without those of octets before `oldest`; and whether there are too many:
    then the first ones are left out."""
    made = [(at, octets) for at, octets in others or () if at + len(octets) > oldest]
    made.append((rel, other))
    size = size_of(made)
    dropped = 0
    while len(made) - dropped > _MAX_COPIES or (len(made) - dropped > 1 and size > _MAX_BYTES):
        size -= len(made[dropped][1])
        dropped += 1
    return made[dropped:], dropped > 0


def latest(others: Copies | None) -> Copies:
    """Of each octet the latest of the copies that came, in order. A receiver takes a segment or drops it: one that a
    later one contradicts counts for nothing, not for the octets either that came in no other."""
    found: Copies = []
    firsts: list[int] = []
    for at, octets in reversed(others or ()):
        end = at + len(octets)
        low = max(bisect_right(firsts, at) - 1, 0)
        if low < len(found) and found[low][0] + len(found[low][1]) <= at:
            low += 1
        high, known = low, at
        made: Copies = []
        while high < len(found) and firsts[high] < end:
            first, kept = found[high]
            start, stop = max(first, at), min(first + len(kept), end)
            if kept[start - first : stop - first] != octets[start - at : stop - at]:
                break
            if known < first:
                made.append((known, octets[known - at : first - at]))
            made.append((first, kept))
            known = first + len(kept)
            high += 1
        else:
            if known < end:
                made.append((known, octets[known - at :]))
            found[low:high] = made
            firsts[low:high] = [first for first, _ in made]
    return found


def join_up(recent: list[Segment]) -> list[Segment]:
    """The same in fewer pieces, where one follows the other and does not begin like a message."""
    made: list[Segment] = []
    for first, last, chunk in recent:
        before = made[-1] if made else (0, 0, None)
        known = before[2]
        if (
            known is not None
            and chunk is not None
            and before[1] == first
            and last - before[0] <= _JOINED_BYTES
            and not looks_like(chunk) & (HTTP | PREFIX)
        ):
            made[-1] = (before[0], last, known + chunk)
        else:
            made.append((first, last, chunk))
    return made


def size_of(copies: Copies | None) -> int:
    """Octets in them."""
    return sum([len(other) for _, other in copies]) if copies else 0


def patched(first: int, chunk: bytes, copies: Copies) -> bytes:
    """The octets `first` and following with the other copies put in."""
    for at, octets in copies:
        low, high = max(at, first), min(at + len(octets), first + len(chunk))
        if low < high:
            chunk = chunk[: low - first] + octets[low - at : high - at] + chunk[high - first :]
    return chunk


def delivered_last(recent: list[Segment] | None, position: int, copies: Copies) -> list[bytes]:
    """What is known of what was delivered right before `position`, as it was cut, with the other copies put in."""
    pieces: list[bytes] = []
    known = position
    high = len(copies)
    for first, last, chunk in reversed(recent or []):
        if last != known or chunk is None:
            break
        while high and copies[high - 1][0] >= last:
            high -= 1
        low = high
        while low and copies[low - 1][0] + len(copies[low - 1][1]) > first:
            low -= 1
        pieces.append(patched(first, chunk, copies[low:high]) if low < high else chunk)
        known = first
    pieces.reverse()
    return pieces


def keep_copy(delivery: Delivery, end: Endpoint, rel: int, other: bytes) -> tuple[Copies, bool]:
    """The latest of all other copies of `end` with this one, which is kept if there is room; and whether some are left
    out. Empty if they are what they were."""
    oldest = end.next_rel if end.recent is None else end.recent[0][0]
    others, is_cut = with_copy(end.others, rel, other, oldest)
    copies = latest(others)
    if end.others is not None and copies == latest(end.others):
        return [], False  # the other copy, once more
    more = size_of(others) - size_of(end.others)
    if delivery.total_recent + more <= delivery.max_recent:
        delivery.total_recent += more
        end.others = others
    else:
        delivery.full_total += 1
    return copies, is_cut


def keep_unacked(delivery: Delivery, end: Endpoint) -> None:
    """Of all flows much is kept: of this one only what is not acknowledged, and no other copies."""
    kept = [each for each in end.recent or () if each[1] > end.trim_rel]
    if end.recent is not None and len(kept) < len(end.recent):
        delivery.full_total += 1
        delivery.forget(end)
        end.recent_cut = True
        end.recent = kept or None
        end.recent_bytes = sum([last - first for first, last, _ in kept])
        delivery.total_recent += end.recent_bytes


def tell_conflict(delivery: Delivery, flow: Flow, end: Endpoint, rel: int, other: bytes, ts: int) -> None:
    """Octets came again, at `rel`, and were others: the reader may want both readings."""
    if flow.reading == NOBODY or end.closed_told:
        return
    copies, is_cut = keep_copy(delivery, end, rel, other)
    if not copies:
        return
    if flow.reading == ATTACHED:
        read_otherwise(delivery, flow, end, copies, rel, rel + len(other), is_cut, ts)
    elif end.others is not None:
        flow.doubt = ts


def read_otherwise(
    delivery: Delivery, flow: Flow, end: Endpoint, copies: Copies, first: int, last: int, is_cut: bool, ts: int
) -> None:
    """Tell the reader that octets `first` to `last` - 1 came again and are in `copies`."""
    reader = flow.reader
    if reader is None or end.closed_told:
        return
    position = end.next_rel
    if flow.late is not None:
        reached = flow.late.reached(end)
        position = position if reached is None else reached
    pieces = delivered_last(end.recent, position, copies)
    wants = {end.reads_as_orig: end.skip, end.peer.reads_as_orig: end.peer.skip}
    conflict = Conflict(position, pieces, copies, first, last, is_cut, end.recent_cut)
    forked = reader.second(end.reads_as_orig, conflict, wants, ts)
    delivery.charge(flow, last - first)
    if forked is not reader:
        delivery.charge(flow, PER_READING + sum(map(len, pieces)))
        flow.reader = forked
        end.skip = end.peer.skip = 0
