"""A summary's stand-in in a process that sees a part of the flows: writes down what the summary is to count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sensor.audit.findings import GRAVE, Audit, Finding, findings_of
from sensor.flow.conn import Connection
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange
from sensor.privacy.leak import Leak
from sensor.report import facts
from sensor.report.summary import Summary
from sensor.weird import Weird

_CONNECTION: Final = 0
_TRANSACTION: Final = 1
_EXCHANGE: Final = 2
_LEAK: Final = 3
_AUDITS: Final = 4


def telling(write: Callable[[Notice], None], summary: Summary | None) -> Callable[[Notice], None]:
    """What is given each notice that a rule raises: it is written, and counted."""
    if summary is None:
        return write

    def tell(notice: Notice) -> None:
        write(notice)
        summary.notice(notice)

    return tell


class SummaryNotes:
    """Takes observations as Summary does, and appends notes to a list; `take_note` is the other end."""

    def __init__(self, notes: list[tuple[Any, ...]]) -> None:
        self._notes = notes
        self.other_frames: dict[str, int] = {}
        self.lookups_failed = 0
        self.limits: dict[str, int] = {}
        self.discarded: dict[str, int] = {}

    def connection(self, connection: Connection) -> None:
        self._notes.append((_CONNECTION, *facts.of_connection(connection)))

    def transaction(self, transaction: HttpTransaction) -> None:
        self._notes.append((_TRANSACTION, *facts.of_transaction(transaction)))

    def exchange(self, exchange: OcspExchange) -> None:
        self._notes.append((_EXCHANGE, *facts.of_exchange(exchange)))

    def audits(self, exchanges: Sequence[OcspExchange], audits: Sequence[Audit | None]) -> None:
        """What was said of a certificate before is not among what was found here."""
        audited, unsound = facts.of_audits(exchanges, audits)
        if audited:
            names = [(host, serial, finding.value) for host, serial, finding in unsound]
            self._notes.append((_AUDITS, audited, names))

    def leak(self, leak: Leak) -> None:
        self._notes.append((_LEAK, *facts.of_leak(leak)))

    def weird(self, weird: Weird) -> None:
        """Weirds go to the summary themselves."""


def take_findings(summary: Summary, host: bytes, serial: str, bits: int) -> None:
    """What was found later about a reply that was audited."""
    summary.count_audited(0, [(host, serial, finding) for finding in findings_of(bits) if finding in GRAVE])


Tallier = Summary | SummaryNotes
"""Who counts observations, now or elsewhere."""


def take_note(summary: Summary, note: tuple[Any, ...], times_seen: list[int]) -> None:
    """Counts it; `times_seen` are those of the leaks whose notes come next, the first of which this may take."""
    kind = note[0]
    if kind == _CONNECTION:
        summary.count_connection(*note[1:])
    elif kind == _TRANSACTION:
        summary.count_transaction(*note[1:])
    elif kind == _EXCHANGE:
        summary.count_exchange(*note[1:])
    elif kind == _AUDITS:
        summary.count_audited(note[1], [(host, serial, Finding(name)) for host, serial, name in note[2]])
    else:
        summary.count_leak(times_seen.pop(0), *note[1:])
