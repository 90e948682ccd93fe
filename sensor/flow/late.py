"""What a flow's reader is not given yet, because acknowledged bytes before it were not seen and may still come.

A mirror port, or two interfaces written to one file, may deliver an acknowledgment before what it acknowledges.
conn.log counts such a gap at once; the reader is told of it a little later; what comes meanwhile waits here, in order.
"""

from __future__ import annotations

from sensor.flow.state import Endpoint, Flow


class Piece:
    """Bytes `first` to `last` - 1 of the direction of `end`: `chunk`, or None where they are missing; or the end of the
    direction, if `how` is not negative. `ts` is when it was seen, or found missing.
    """

    __slots__ = ("chunk", "end", "first", "how", "last", "ts")

    def __init__(self, end: Endpoint, first: int, last: int, chunk: bytes | None, ts: int, how: int = -1) -> None:
        self.end = end
        self.first = first
        self.last = last
        self.chunk = chunk
        self.ts = ts
        self.how = how

    def is_missing(self) -> bool:
        return self.chunk is None and self.how < 0


class Late:
    """`pieces` of both directions in the order in which they would have been told; something is missing at the front.
    `size` is how many bytes wait.
    """

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.size = 0

    def lose(self, end: Endpoint, first: int, last: int, ts: int) -> None:
        """Bytes `first` to `last` - 1 are missing."""
        if self.pieces:
            before = self.pieces[-1]
            if before.end is end and before.last == first and before.is_missing():
                before.last = last
                return
        self.pieces.append(Piece(end, first, last, None, ts))

    def keep(self, end: Endpoint, first: int, chunk: bytes, ts: int) -> None:
        """These bytes wait."""
        self.pieces.append(Piece(end, first, first + len(chunk), chunk, ts))
        self.size += len(chunk)

    def close(self, end: Endpoint, how: int, ts: int) -> None:
        """The direction ends here."""
        self.pieces.append(Piece(end, 0, 0, None, ts, how))

    def reopen(self, end: Endpoint) -> None:
        """The direction does not end after all."""
        self.pieces = [piece for piece in self.pieces if piece.end is not end or piece.how < 0]

    def fill(self, end: Endpoint, first: int, chunk: bytes, ts: int) -> int:
        """Put what is missing of `chunk` in its place; how many bytes that were. First copy wins, as everywhere."""
        last = first + len(chunk)
        placed = 0
        pieces: list[Piece] = []
        for piece in self.pieces:
            low, high = max(piece.first, first), min(piece.last, last)
            if piece.end is not end or not piece.is_missing() or low >= high:
                pieces.append(piece)
                continue
            if piece.first < low:
                pieces.append(Piece(end, piece.first, low, None, piece.ts))
            # It belongs before what waits behind it, whatever the mirror's clock says.
            pieces.append(Piece(end, low, high, chunk[low - first : high - first], min(ts, piece.ts)))
            if high < piece.last:
                pieces.append(Piece(end, high, piece.last, None, piece.ts))
            placed += high - low
        self.pieces = pieces
        self.size += placed
        return placed

    def move(self, old: Flow, flow: Flow) -> None:
        """What was `old` goes on as `flow`; who is who may have changed. Of a FIN it has not heard."""
        same = (flow.orig_hi, flow.orig_lo, flow.orig_p) == (old.orig_hi, old.orig_lo, old.orig_p)
        for piece in self.pieces:
            if piece.is_missing() and piece.end.fin_cnt:
                piece.last = max(min(piece.last, piece.end.fin_rel - 1), piece.first)
            piece.end = flow.orig if piece.end.is_orig == same else flow.resp
        flow.late, old.late = self, None

    def shift(self, end: Endpoint, by: int) -> None:
        """The direction of `end` is numbered anew."""
        for piece in self.pieces:
            if piece.end is end:
                piece.first += by
                piece.last += by

    def take(self) -> Piece:
        """The piece at the front."""
        piece = self.pieces.pop(0)
        if piece.chunk is not None:
            self.size -= len(piece.chunk)
        return piece

    def reached(self, end: Endpoint) -> int | None:
        """The first byte here of the direction of `end`; None if there is none."""
        for piece in self.pieces:
            if piece.end is end and piece.how < 0:
                return piece.first
        return None

    def waits_since(self) -> int:
        """When the oldest piece came that waits for one before it; -1 if nothing waits."""
        for piece in self.pieces:
            if not piece.is_missing():
                return piece.ts
        return -1
