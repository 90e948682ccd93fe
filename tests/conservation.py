"""At the end of every pipeline that a test runs, whoever runs it: frames and octets went to exactly one place each.

Payload is delivered, duplicate, discarded by reason, or, before the end, held; what was never seen is a gap and no
part of it. `unbalanced` is that one check. A Watch looks at each pipeline that ends in this process, in one that it
forks, and, by way of `conservation_site/sitecustomize.py`, in a command that a test starts with `environment`; what
does not add up is written to a file, and the test that this happened in fails (tests/conftest.py).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sensor.flow.tracker import FlowTracker
from sensor.pipeline import Pipeline, at_end

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = REPOSITORY / "tests" / "conservation_site"
BOOK = "OCSPWATCH_TESTS_BOOK"
"""The variable that names the file, in a command's environment."""


def unbalanced(tracker: FlowTracker) -> list[str]:
    """What does not add up, of the frames and octets so far; nothing if all does."""
    totals = tracker.reassembler
    parts = {
        "delivered": totals.delivered_bytes,
        "duplicate": totals.duplicate_bytes,
        **totals.discards.by_why(),
        "held": tracker.held_bytes(),
    }
    found = []
    if totals.payload_bytes != sum(parts.values()):
        found.append(f"{totals.payload_bytes} octets of payload, and {sum(parts.values())} in {parts}")
    if min(parts.values()) < 0 or totals.gap_bytes < 0:
        found.append(f"less than nothing: {parts}, {totals.gap_bytes} in gaps")
    outcomes = tracker.outcomes()
    if tracker.shards == 1:  # of several each tells its own flows' only
        if sum(outcomes.values()) != tracker.frames + tracker.defragmenter.datagrams:
            found.append(f"{tracker.frames} frames, {tracker.defragmenter.datagrams} datagrams, and {outcomes}")
        if tracker.defragmenter.fragments != outcomes.get("ip_fragment", 0):
            found.append(f"{tracker.defragmenter.fragments} fragments, and {outcomes}")
    return found


def unbalanced_at_end(tracker: FlowTracker) -> list[str]:
    """The same when all is over, and nothing is left of what waited."""
    found = unbalanced(tracker)
    left = (tracker.held_bytes(), tracker.reassembler.total_held, tracker.reassembler.total_recent, tracker.size())
    if any(left):
        found.append(f"at the end there are {left} octets held, counted as held, remembered, and flows")
    return found


class Watch:
    """Whoever may write to a file of `name` says there which of its pipelines do not add up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._book = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        at_end.append(self._look)

    def _look(self, pipeline: Pipeline) -> None:
        for line in unbalanced_at_end(pipeline.tracker):
            os.write(self._book, line.encode() + b"\n")

    def take(self) -> str:
        """What was found since it was asked last."""
        size = os.fstat(self._book).st_size
        if not size:
            return ""
        told = os.pread(self._book, size, 0).decode()
        os.ftruncate(self._book, 0)
        return told

    def close(self) -> None:
        at_end.remove(self._look)
        os.close(self._book)


def watch() -> Watch:
    """With a file of its own, which the commands that are started from now on are told of."""
    handle, name = tempfile.mkstemp(prefix="ocspwatch-book-")
    os.close(handle)
    Path(name).chmod(0o666)  # commands may run as somebody else
    os.environ[BOOK] = name
    return Watch(name)


def environment() -> dict[str, str]:
    """What a command has to be started with for its pipelines to be watched, too."""
    return {"PYTHONPATH": f"{SITE}:{REPOSITORY}", BOOK: os.environ[BOOK]}
