"""What the lines of one shard still lack, written down beside them as a script for whoever puts shards together.

Whether a notice is new, how often something was seen, whether a weird is sampled out: that depends on all flows, and a
shard has some of them. It makes its lines all the same, and says here where in them what is left open stands, and what
to ask the one who remembers. Compiled where a compiler is found (script.pxd).
"""

from __future__ import annotations

from array import array
from typing import Any, Final

from sensor.weird import Weird

# A script is a row of numbers: an operation, and its arguments. Octets are those of a log's lines that come next.
EVENT: Final = 1  # key, number: all up to the next EVENT came out at this moment (the tracker's mark)
COPY: Final = 2  # log, octets: they are as they must be
TIMES: Final = 3  # log, octets, key: they give way to how often this key was seen
FETCHED: Final = 9  # ... of the other counter, that of fetches
SAID: Final = 11  # as AUDIT, without `asked`: log, octets, findings, and what History.check_number takes
FIRED: Final = 10  # log: a rule fired on the next of `fired`, and may write here
NOTICE: Final = 4  # log, octets, key, ts: they stay if this key was not told of within the time before
AUDIT: Final = 5  # log, octets: they stay if no more is found about the next of `asked` than it says
WEIRD: Final = 6  # log: here belongs the next of `weirds`, if it is to be logged
CERTIFICATE: Final = 8  # as NOTICE, of a certificate that is logged now and then
WEIRD_OF: Final = 12  # as WEIRD, of the line before: only if that one stays
NOTES: Final = 7  # so many of `notes` are to be taken

_START: Final = 1 << 12
_LONGEST: Final = 8  # numbers of one operation

Note = tuple[Any, ...]
"""What a summary counts of one observation, see report.notes."""


class Script:
    """The rows of one shard since they were last taken, and what they speak of that is no number."""

    def __init__(self, logs: int, with_names: bool = True) -> None:
        """`logs`: how many buffers of lines there are; `with_names`: what is asked of the past says of which reply."""
        self.with_names = with_names
        self.weirds: list[tuple[Any, ...]] = []
        self.notes: list[Note] = []
        self.asked: list[tuple[Any, ...]] = []
        self.fired: list[tuple[Any, ...]] = []
        self.answers: list[tuple[Any, ...]] = []
        """What the audit could not compare with the past (`audit.history.Asked`), until the writer takes it."""
        self.last_key = -1
        """When it was cut last, with `last_number`."""
        self.last_number = 0
        self._numbers = array("q", bytes(8 * _START))
        self._at = self._numbers
        self._room = _START - 2 * _LONGEST
        self._begin = 0
        self._end = 3
        self._told = 0
        self._done = array("q", bytes(8 * logs))
        self._logs = logs

    def copy(self, log: int, upto: int) -> None:
        """The lines of `log` are as they must be, from what was told of last to octet `upto`."""
        size = upto - self._done[log]
        if size:
            at = self._reserve()
            self._at[at] = COPY
            self._at[at + 1] = log
            self._at[at + 2] = size
            self._end = at + 3
            self._done[log] = upto

    def times(self, log: int, first: int, last: int, key: int) -> None:
        self.copy(log, first)
        at = self._reserve()
        self._at[at] = TIMES
        self._at[at + 1] = log
        self._at[at + 2] = last - first
        self._at[at + 3] = key
        self._end = at + 4
        self._done[log] = last

    def fetched(self, log: int, first: int, last: int, key: int) -> None:
        self.times(log, first, last, key)
        self._at[self._end - 4] = FETCHED

    def notice(self, log: int, first: int, last: int, key: int, ts: int) -> None:
        self.copy(log, first)
        at = self._reserve()
        self._at[at] = NOTICE
        self._at[at + 1] = log
        self._at[at + 2] = last - first
        self._at[at + 3] = key
        self._at[at + 4] = ts
        self._end = at + 5
        self._done[log] = last

    def certificate(self, log: int, first: int, last: int, key: int, ts: int) -> None:
        self.notice(log, first, last, key, ts)
        self._at[self._end - 5] = CERTIFICATE

    def audit(self, log: int, first: int, last: int, bits: int, asked: tuple[Any, ...]) -> None:
        self.copy(log, first)
        at = self._reserve()
        self._at[at] = AUDIT
        self._at[at + 1] = log
        self._at[at + 2] = last - first
        self._end = at + 3
        self._done[log] = last
        self.asked.append((bits, *asked))

    def said(self, log: int, first: int, last: int, bits: int, asked: tuple[Any, ...]) -> bool:
        """As `audit`, of numbers only: `asked` is an `audit.history.Asked`. False if one of them is too large for that
        (the year 9999 has no 64 bits)."""
        self.copy(log, first)
        at = self._reserve()
        try:
            self._at[at + 3] = bits
            self._at[at + 4] = asked[1]
            self._at[at + 5] = asked[2]
            self._at[at + 6] = asked[3]
            self._at[at + 7] = asked[4]
        except OverflowError:
            return False
        self._at[at] = SAID
        self._at[at + 1] = log
        self._at[at + 2] = last - first
        self._end = at + 8
        self._done[log] = last
        return True

    def rule(self, log: int, place: int, fired: tuple[Any, ...]) -> None:
        self.copy(log, place)
        at = self._reserve()
        self._at[at] = FIRED
        self._at[at + 1] = log
        self._end = at + 2
        self.fired.append(fired)

    def weird(self, log: int, place: int, weird: Weird) -> None:
        self.copy(log, place)
        at = self._reserve()
        self._at[at] = WEIRD
        self._at[at + 1] = log
        self._end = at + 2
        flow = weird.flow
        whose = None if flow is None else (flow.uid, flow.orig_h, flow.orig_p, flow.resp_h, flow.resp_p, flow.proto)
        self.weirds.append((weird.ts, weird.name, whose, weird.addl, weird.source))

    def weird_of(self, log: int, place: int, weird: Weird) -> None:
        """Of the line that NOTICE or CERTIFICATE were about last."""
        self.weird(log, place, weird)
        self._at[self._end - 2] = WEIRD_OF

    def cut(self, key: int, number: int) -> None:
        """What came since the last cut came out at this moment; of all logs was said how far they must be copied."""
        notes = len(self.notes) - self._told
        if notes:
            at = self._reserve()
            self._at[at] = NOTES
            self._at[at + 1] = notes
            self._end = at + 2
            self._told += notes
        self.last_key = key
        self.last_number = number
        if self._end > self._begin + 3:
            self._at[self._begin] = EVENT
            self._at[self._begin + 1] = key
            self._at[self._begin + 2] = number
            self._begin = self._end
            self._reserve()
            self._end += 3

    def take(self) -> tuple[memoryview, list[list[tuple[Any, ...]]]]:
        """The rows (64-bit numbers, native; until the next one is written); weirds, notes, asked and fired.

        It was cut behind the last line; who takes these takes the lines, too.
        """
        rows = memoryview(self._numbers)[: self._begin].cast("B")
        taken = rows, [self.weirds, list(self.notes), self.asked, self.fired]
        self.weirds, self.asked, self.fired = [], [], []
        self.notes.clear()  # it is shared
        self._begin, self._end, self._told = 0, 3, 0
        for log in range(self._logs):
            self._done[log] = 0
        return taken

    def _reserve(self) -> int:
        """Where the next numbers go; there is room for the longest operation."""
        if self._end > self._room:
            more = array("q", bytes(8 * 2 * len(self._numbers)))
            more[: len(self._numbers)] = self._numbers
            self._numbers = more
            self._at = more
            self._room = len(more) - 2 * _LONGEST
        return self._end
