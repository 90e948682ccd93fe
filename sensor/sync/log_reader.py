"""One log into a BulkSink: its head checked against the last one, its entries against the head, then what is kept.

Nothing reaches the sink before the tree that the log signed has been shown to hold it, in that place.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import msgspec

from sensor.ct.logged import OTHER_NAMES, BulkSink, LoggedCertificate, LogPosition
from sensor.online.pacing import Stopped
from sensor.sync.clients import LogClient, LogError, Page
from sensor.sync.entry import Entry, EntryDecoder
from sensor.sync.heads import TreeHead
from sensor.sync.issuers import IssuerError, LogIssuers
from sensor.sync.log_list import FRESH_STATES, Log
from sensor.sync.merkle import Frontier, ProofError, check_consistency, frontier_before

_OLD_HEADS: Final = 3
_MAX_IN_HAND: Final = 64 << 20  # octets of entries that are decoded before they are verified and written


class PositionError(Exception):
    """What is remembered of the log does not fit what is asked for; not the log's doing. One line."""


class ReadOptions(msgspec.Struct, frozen=True):
    """`since_ms`: entries before this time (ms) need not be read; it counts for a log that was not read before, or with
    `again`, which forgets how far it was read. `filtered` says in words what the decoder keeps."""

    filtered: str
    since_ms: int = 0
    again: bool = False
    batch_entries: int = 8192
    connections: int = 4
    old_head_wait_s: float = 10.0
    """A log's front ends may differ for a moment: one that shows an older head is asked again after so long."""


class Reading(msgspec.Struct):
    """How far the reading of a log has come; looked at by others meanwhile. `trouble`: why it is read no further, or
    not now; `lied`: that was the log's doing and not the network's. `note`: what is odd, though it is read on."""

    log: Log
    size: int = 0
    first: int = 0
    at: int = 0
    read: int = 0  # entries in this run, verified
    kept: int = 0
    new: int = 0  # of these, not known before
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    trouble: str | None = None
    lied: bool = False
    note: str | None = None


class LogReader:
    """Reads one log from where it was left to its newest head, as often as it is told to."""

    def __init__(
        self,
        log: Log,
        client: LogClient,
        decoder: EntryDecoder,
        sink: BulkSink,
        lock: threading.Lock,
        options: ReadOptions,
        stop: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lock` is held around every use of the sink, which other logs have, too. `clock` tells the time (s)."""
        self._log = log
        self._client = client
        self._decoder = decoder
        self._sink = sink
        self._lock = lock
        self._options = options
        self._stop = stop
        self._clock = clock
        self._issuers = LogIssuers(client.roots, client.issuer)
        self._again = options.again
        self.reading = Reading(log, skipped=decoder.skipped, refused=decoder.refused)

    def to_the_head(self, whole_tiles: bool = False) -> None:
        """Reads what the newest head has; with `whole_tiles` up to a multiple of what the log gives at once.

        Raises LogError or HeadError where the log does what it must not, PositionError, GivenUpError, Stopped and
        StoreError. What was committed before stays.
        """
        position = self._position()
        head = self._next_head(position)
        self._remember(position, head)
        self.reading.note = self._frozen(head)
        if self._again:
            position, self._again = None, False
        first, frontier = self._start(position, head)
        until = head.size - head.size % self._client.step if whole_tiles else head.size
        reading = self.reading
        reading.size, reading.first, reading.at = head.size, first, frontier.size
        self._decoder.take()
        in_hand = 0
        for page in self._pages(frontier.size, until, head):
            page.into(self._decoder)
            in_hand += page.size
            if len(self._decoder.hashes) >= self._options.batch_entries or in_hand >= _MAX_IN_HAND:
                frontier = self._keep(frontier, head, first)
                in_hand = 0
        if self._decoder.hashes:
            self._keep(frontier, head, first)

    def _position(self) -> LogPosition | None:
        with self._lock:
            position = self._sink.position(self._log.key.log_id)
        if position is None or not position.has_entries or self._again:
            return position
        if position.filtered != self._options.filtered:
            raise PositionError(f"was read with other filters ({position.filtered}); --again reads it anew")
        return position

    def _next_head(self, last: LogPosition | None) -> TreeHead:
        """The newest head, which must go on from the last one that was seen."""
        for _ in range(_OLD_HEADS):
            head = self._client.head()
            if last is None:
                return head
            if head.size == last.tree_size:
                if head.root != last.root_hash:
                    raise LogError(f"signed two different trees of {head.size:,} entries (split view)")
                return head
            if head.size > last.tree_size:
                self._check_growth(last, head)
                return head
            if head.timestamp > last.timestamp:
                break
            if self._stop.wait(self._options.old_head_wait_s):
                raise Stopped
        raise LogError(f"rolled back: it had {last.tree_size if last else 0:,} entries, and shows {head.size:,}")

    def _remember(self, last: LogPosition | None, head: TreeHead) -> None:
        """The head is the log's word from now on, whatever becomes of the entries: no later run takes less."""
        if last is not None and last.tree_size == head.size:
            return
        if head.size == 0:
            self._verify(0, Frontier(), head)
        if last is None:
            last = LogPosition(0, 0, (), 0, b"", 0, self._options.filtered)
        seen = msgspec.structs.replace(last, tree_size=head.size, root_hash=head.root, timestamp=head.timestamp)
        with self._lock:
            self._sink.commit(self._log.key.log_id, seen)

    def _frozen(self, head: TreeHead) -> str | None:
        """A log that shows somebody an old head for ever hides from him what came after."""
        age_s = self._clock() - head.timestamp / 1000
        if self._log.state not in FRESH_STATES or age_s <= 2 * self._log.merge_delay_s or not self._log.merge_delay_s:
            return None
        return f"its newest head is {age_s / 3600:,.0f} hours old, though it takes certificates"

    def _check_growth(self, last: LogPosition, head: TreeHead) -> None:
        if last.tree_size == 0:
            return
        proof = self._client.consistency(last.tree_size, head.size, head)
        try:
            check_consistency(last.tree_size, last.root_hash, head.size, head.root, proof)
        except ProofError:
            raise LogError(
                f"its tree of {head.size:,} entries does not begin with the {last.tree_size:,} it signed before "
                "(split view)"
            ) from None

    def _start(self, position: LogPosition | None, head: TreeHead) -> tuple[int, Frontier]:
        """The first index ever read, and the tree of what needs no more reading."""
        if position is not None and position.has_entries:
            try:
                return position.first_index, Frontier(position.next_index, position.frontier)
            except ValueError:
                raise PositionError("what is remembered of it is damaged; --again reads it anew") from None
        index = self._index_since(head) if self._options.since_ms and head.size else 0
        if index == 0:
            return 0, Frontier()
        self._client.entries(index, index + 1, head).into(self._decoder)
        (leaf, *_), _ = self._decoder.take()
        proof = self._client.inclusion(index, leaf, head)
        try:
            return index, frontier_before(index, leaf, head.size, head.root, proof)
        except ProofError:
            raise LogError(f"entry {index:,} is not in the tree it signed") from None

    def _index_since(self, head: TreeHead) -> int:
        """The first entry at or after the time wanted, at least the last one. By their own word: a log that lies about
        it makes us read more, or begin later, and never believe anything."""
        low, high = 0, head.size - 1
        while low < high:
            middle = (low + high) // 2
            self._client.entries(middle, middle + 1, head).into(self._decoder)
            self._decoder.take()
            if self._decoder.timestamp < self._options.since_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def _pages(self, first: int, until: int, head: TreeHead) -> Iterator[Page]:
        """All entries from `first` up to `until` in order, asked for some requests ahead."""
        if first >= until:
            return
        ahead: deque[tuple[int, int, Future[Page]]] = deque()
        with ThreadPoolExecutor(self._options.connections, f"log {self._log.name}") as pool:
            try:
                while first < until or ahead:
                    while first < until and len(ahead) < self._options.connections:
                        step = self._client.step
                        stop = min(first - first % step + step, until)
                        ahead.append((first, stop, pool.submit(self._client.entries, first, stop, head)))
                        first = stop
                    at, stop, future = ahead.popleft()
                    page = future.result()
                    while True:
                        if self._stop.is_set():
                            raise Stopped
                        yield page
                        at += page.count
                        if at >= stop:
                            break
                        page = self._client.entries(at, stop, head)  # it gave fewer than it was asked for
            finally:
                for _, _, future in ahead:
                    future.cancel()

    def _keep(self, frontier: Frontier, head: TreeHead, first: int) -> Frontier:
        """What was decoded since the last call, once it is shown to be in the tree, into the sink."""
        hashes, entries = self._decoder.take()
        grown = frontier.extended(hashes)
        self._verify(frontier.size, grown, head)
        certificates = self._with_issuers(entries)
        position = LogPosition(
            first, grown.size, grown.hashes, head.size, head.root, head.timestamp, self._options.filtered
        )
        with self._lock:
            self._sink.add_issuers(self._issuers.new)
            self._sink.add(certificates, self._log.name, int(self._clock()))
            new = self._sink.commit(self._log.key.log_id, position)
            not_kept = self._sink.refused
        self._issuers.new.clear()
        reading = self.reading
        reading.at = grown.size
        reading.read += len(hashes)
        reading.kept += len(certificates) - not_kept
        if not_kept:
            reading.refused[OTHER_NAMES] = reading.refused.get(OTHER_NAMES, 0) + not_kept
        reading.new += new
        return grown

    def _verify(self, before: int, grown: Frontier, head: TreeHead) -> None:
        try:
            if grown.size == head.size:
                proof: Sequence[bytes] = ()
            else:
                proof = self._client.consistency(grown.size, head.size, head) if grown.size else ()
            check_consistency(grown.size, grown.root(), head.size, head.root, proof)
        except ProofError:
            raise LogError(
                f"entries {before:,} to {grown.size - 1:,} are not those of the tree of {head.size:,} it signed"
            ) from None

    def _with_issuers(self, entries: list[Entry]) -> list[LoggedCertificate]:
        found: list[LoggedCertificate] = []
        refused = self.reading.refused
        for entry in entries:
            try:
                found.append(self._issuers.with_issuer(entry))
            except IssuerError as error:
                refused[str(error)] = refused.get(str(error), 0) + 1
        return found
