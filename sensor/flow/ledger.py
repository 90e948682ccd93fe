"""What flows keep in memory, and which of them are ended when it is too much.

Each flow keeps little: a message under way, requests without replies, segments above a hole, delivered ones that nobody
has acknowledged, what decompressors need. Their number times that is more than any machine has. So a pessimistic sum is
kept as octets come; only when it is over the limit are flows weighed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from sensor.flow.state import ATTACHED, Flow

PER_PIECE: Final = 160
"""Octets that a segment, or another piece of a message, takes besides its own."""
PER_READING: Final = 4096
"""What one more reading of a flow takes, by older numbers or of another copy."""


class Ledger:
    """`charged`: octets that may be kept, rather more than are. Who charges for something gives it back at its end."""

    def __init__(self) -> None:
        self.charged = 0


@cache
def _trim() -> Callable[[int], int] | None:
    import ctypes  # for who gets here

    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library than glibc
        return None
    return trim


def give_back() -> None:
    """Flows may have ended that kept much: what is free of the heap goes back to the system. By itself only its end
    does, and what a decompressor has left leaves holes in the middle."""
    trim = _trim()
    if trim is not None:
        trim(0)


def weigh(flow: Flow) -> tuple[int, int]:
    """Octets that the flow, without older ones, keeps, and those that its decompressors have charged for."""
    kept = 0
    window = 0
    for end in (flow.orig, flow.resp):
        if end.recent is not None:
            kept += end.recent_bytes + PER_PIECE * len(end.recent)
        elif end.prefix is not None:
            kept += PER_PIECE + len(end.prefix)
        if end.others is not None:
            kept += sum([PER_PIECE + len(other) for _, other in end.others])
        if end.lost is not None:
            kept += sum([PER_PIECE + each.size() for each in end.lost])
        if end.held is not None:
            kept += end.held_bytes + PER_PIECE * len(end.held)
    if flow.late is not None:
        kept += flow.late.size + PER_PIECE * len(flow.late.pieces)
    if flow.reader is not None and flow.reading == ATTACHED:
        octets, window = flow.reader.kept()
        kept += octets + (PER_PIECE if window else 0)
    return kept, window


def take_stock(flows: Iterable[Flow], ledger: Ledger, limit: int) -> list[Flow]:
    """Weighs flows and corrects the ledger. If they keep more than three quarters of `limit`, returns which to end, so
    that they do no more: of those that keep at least half of what flows keep on average (an idle connection keeps
    nothing, and what an ordinary message takes is little beside a flood of large ones) those idle longest, but those
    that are over for conn.log first."""
    total = 0
    weights: list[tuple[bool, int, int, int, Flow]] = []
    for newest in flows:
        weight = 0
        for flow in (newest,) if newest.older is None else newest.chain():
            if flow.charged:
                kept, window = weigh(flow)
                if flow is not newest:
                    kept += PER_READING
                flow.charged = kept
                weight += kept + window
        if weight:
            weights.append((not newest.unfinished, newest.last_ts, newest.number, weight, newest))
            total += weight
    ledger.charged = total
    most = limit - limit // 4
    if total <= most:
        return []
    enough = total // (2 * len(weights))
    ended: list[Flow] = []
    for *_, weight, flow in sorted([each for each in weights if each[3] >= enough]):
        ended.append(flow)
        total -= weight
        if total <= most:
            break
    return ended
