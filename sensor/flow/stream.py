"""The contract between the packet path and whoever reads a flow's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from sensor.flow.copies import Conflict

IGNORE: Final = -1
"""What a reader returns when it wants nothing more from one direction."""

UNTIL_CLOSE: Final = 1 << 62
"""A skip longer than any stream: the rest of the direction is counted, not delivered, but gaps are still told."""

# How one direction ends.
FIN: Final = 0
RESET: Final = 1
TIMEOUT: Final = 2  # inactivity, eviction, or a new connection with the same ports
END_OF_INPUT: Final = 3


class StreamReader(Protocol):
    """Reads both directions of one flow. Called in packet order; bytes of one direction come in sequence order.

    Every method is given the direction and the packet's time in nanoseconds. `data` and `gap` return what the reader
    wants next of that direction: 0 = the next byte; n > 0 = the n bytes that follow are only counted and never
    reach Python; IGNORE = nothing more, ever. A skip ends with a call of `data` that carries what the
    finishing segment holds behind it (possibly b""), so that the reader learns the time of the last byte.
    A gap is bytes the peer acknowledged or that can no longer come; `unskipped` says how many bytes of a running skip
    were still outstanding when the gap began (0 without one): the gap lies after them was requested minus unskipped.
    The running skip is forgotten: the reader answers with a new demand that counts from behind the gap. A gap of length
    0 comes first of all in a direction whose beginning was not seen.
    After `closed` for a direction nothing more comes for it, unless it is `reopened`; otherwise `closed` comes exactly
    once for each direction.
    """

    @property
    def service(self) -> str | None:
        """What conn.log calls the protocol once it is certain, else None."""

    @property
    def valued(self) -> bool:
        """Whether OCSP was spoken here, as far as heads say: then the flow is the last to be given up for room."""
        ...

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int: ...

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int: ...

    def second(self, is_orig: bool, conflict: Conflict, wants: dict[bool, int], ts: int) -> StreamReader:
        """Octets of this direction came again and were others. Returned is who reads this flow from now on: this
        reader, or one that has both readings and is given everything; `wants` is what was wanted of each side.
        """
        ...

    def unfinished(self, is_orig: bool) -> bool:
        """A FIN came: does what was read of this direction promise more? Then `closed` is told at the flow's end."""
        ...

    def in_message(self) -> bool:
        """Is a message of either direction under way, or a reply owed? Asked when the flow would end."""
        ...

    def asked(self) -> list[object]:
        """What was asked and waits for its answer."""
        ...

    def take_over(self, asked: list[object]) -> None:
        """This flow was read by another reader up to here: what the other one `asked`, this one gets answers to.
        Whatever else it takes for asked it was told again, and forgets it."""
        ...

    def reopened(self, is_orig: bool, ts: int) -> None:
        """Octets come behind a FIN, whether `closed` was told of it or not: the receiver may not have taken it."""
        ...

    def kept(self) -> tuple[int, int]:
        """Octets that it keeps, about, and those that its decompressors have charged a ledger with."""
        ...

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None: ...
