"""What several workers made, put into the order of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sensor.capture.reader import FileRead
from sensor.flow.decode import OUTCOMES
from sensor.settings import FlowSettings
from sensor.workers.chunk import GIVE_UP, LAST, ChunkReader, Peaks
from sensor.workers.crls import SharedCrls
from sensor.workers.playback import NotForSeveral, Playback, Reel


class WorkerGone(Exception):  # noqa: N818  (as above, for whoever knows the processes)
    """The pipe of worker `number` ended before its last chunk."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class InputChanged(Exception):  # noqa: N818  (as above)
    """The workers did not read the same frames."""


class Account(msgspec.Struct, frozen=True):
    """What the workers have to say in the end: as one process would."""

    files: list[FileRead]
    complete: bool
    outcomes: dict[str, int]
    internal_errors: int
    lookups_failed: int
    limits: dict[str, int]
    discarded: dict[str, int]


class _Worker:
    def __init__(self, number: int, reader: ChunkReader) -> None:
        self.number = number
        self.reader = reader
        self.reel = Reel()
        self.peaks = Peaks()
        self.account: dict[str, Any] | None = None


class Merger:
    """Plays the workers' chunks in order. `progress` is called with bytes read and frames, now and then.

    The limits over all flows: as long as the workers together stay below them, none was reached in one process either.
    """

    def __init__(
        self,
        readers: Sequence[ChunkReader],
        playback: Playback,
        limits: FlowSettings,
        progress: Callable[[int, int], None] | None = None,
        crls: SharedCrls | None = None,
    ) -> None:
        self._workers = [_Worker(number, reader) for number, reader in enumerate(readers)]
        self._playback = playback
        self._limits = limits
        self._progress = progress
        self._crls = crls

    def run(self) -> Account:
        """Raises NotForSeveral, WorkerGone, InputChanged, and what the playback's writer raises."""
        reels = [worker.reel for worker in self._workers]
        while (reel := self._playback.play(reels)) is not None:
            self._load(self._workers[reels.index(reel)])
        return _total([worker.account or {} for worker in self._workers])

    def _load(self, worker: _Worker) -> None:
        chunk = worker.reader.read()
        if chunk is None:
            raise WorkerGone(worker.number)
        if chunk.kind == GIVE_UP:
            raise NotForSeveral(chunk.account["why"])
        worker.peaks = chunk.peaks
        self._check_limits()
        if self._crls is not None:
            self._crls.add(worker.number, chunk.account["crls"])
        worker.reel.load(chunk)
        if chunk.kind == LAST:
            worker.account = chunk.account
            worker.reel.is_last = True
        if worker.number == 0 and self._progress is not None:
            self._progress(chunk.bytes_read, chunk.frames)

    def _check_limits(self) -> None:
        """The stretches that the workers' chunks tell of overlap; the sums are at least what one process had."""
        peaks, limits = [worker.peaks for worker in self._workers], self._limits
        if sum([peak.flows for peak in peaks]) >= limits.max_flows:
            raise NotForSeveral("the flow table would be full (flow.max_flows)")
        if sum([peak.half_open for peak in peaks]) >= limits.max_half_open:
            raise NotForSeveral("too many flows are half-open (flow.max_half_open)")
        if sum([peak.held for peak in peaks]) > limits.max_reassembly_bytes:
            raise NotForSeveral("flows hold or keep too much (flow.max_reassembly_bytes, max_kept_bytes)")


def _added(counts: list[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for count in counts for name in count})
    return {name: sum(count.get(name, 0) for count in counts) for name in names}


def _total(accounts: list[dict[str, Any]]) -> Account:
    first = accounts[0]
    for account in accounts[1:]:
        if any(account[name] != first[name] for name in ("frames", "wire_bytes", "files")):
            raise InputChanged("the input was changed while it was read")
    outcomes = {name: sum(account["outcomes"].get(name, 0) for account in accounts) for name, _ in OUTCOMES}
    return Account(
        [FileRead(*file) for file in first["files"]],
        first["complete"],
        {name: count for name, count in outcomes.items() if count},
        sum(account["internal_errors"] for account in accounts),
        sum(account["lookups_failed"] for account in accounts),
        _added([account["limits"] for account in accounts]),
        _added([account["discarded"] for account in accounts]),
    )
