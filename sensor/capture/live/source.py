"""What a sensor needs of a source that listens, beyond what every PacketSource gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from sensor.capture.source import PacketSource

IDLE_S: Final = 0.5
"""After this long without a frame the consumer gets an empty batch, so that it can look after its timers."""
LATE_NS: Final = 1_000_000_000
"""No frame comes later than this behind the clock, but for a consumer that does not keep up."""


class CaptureStats(NamedTuple):
    """Since the start. `received` packets were handed out, `dropped` ones passed the kernel's filter and found no room
    in the ring, which was full `freezes` times. `interface_dropped` ones the interfaces say that they lost before."""

    received: int
    dropped: int
    freezes: int
    interface_dropped: int


class LiveSource(PacketSource, Protocol):
    """Frames from interfaces, until somebody stops it.

    While nothing comes, a batch without frames comes every IDLE_S; its `quiet_until` moves on with the clock.
    `stop` may be called from a signal handler or another thread: no packet is let in any more, what is in the ring is
    still handed out, then the iteration ends. `close` ends it at once. `stats` may be asked at any time before `close`,
    and must be at least once in 2**32 packets. `name` is for people: interfaces and method. `first_ts` and `last_ts`
    are of the frames handed out.
    """

    name: str
    first_ts: int | None
    last_ts: int | None

    def stats(self) -> CaptureStats: ...

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to, be it by another process."""

    def stop(self) -> None: ...

    def listen_again(self, numbers: Mapping[str, int]) -> bool:
        """Interfaces were made anew under their names: `numbers` are all of them with their indexes, 0 if one is not
        there. False if this source cannot. Raises CaptureError if it failed, as it does if one went away again."""
        ...
