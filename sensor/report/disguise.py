"""A summary, and the board of a running sensor, in which nobody and nothing is named: pseudonyms as in the logs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from sensor.audit.findings import Finding
from sensor.privacy.leak import Leak
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.report.board import Board
from sensor.report.facts import CA, UNLISTED
from sensor.report.summary import Summary
from sensor.weird import FlowId, Weird


class DisguisedSummary(Summary):
    """As Summary, which counts what is already disguised here."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        super().__init__()

    def count_exchange(
        self, host: bytes, answer: str, validity: int | None, delay: int | None, ambiguous: str | None
    ) -> None:
        super().count_exchange(self._host(host), answer, validity, delay, ambiguous)

    def count_audited(self, audited: int, unsound: Sequence[tuple[bytes, str, Finding]]) -> None:
        named = [(self._host(host), self._pseudonyms.serial(serial), finding) for host, serial, finding in unsound]
        super().count_audited(audited, named)

    def count_leak(
        self,
        times_seen: int,
        client: str,
        software: str,
        grade: str,
        label: str,
        kind: int,
        issuer: str | None,
        serial: str | None,
        sites_total: int,
        asked: bool,
        revoked: bool,
    ) -> None:
        names = self._pseudonyms
        if label:
            label = names.subject(label) if kind in {CA, UNLISTED} else names.name(label)
        super().count_leak(
            times_seen,
            names.address(client),
            software,
            grade,
            label,
            kind,
            None if issuer is None else names.subject(issuer),
            None if serial is None else names.serial(serial),
            sites_total,
            asked,
            revoked,
        )

    def weird(self, weird: Weird) -> None:
        """What is said of a place in a capture stays: it names a file, and no traffic."""
        if weird.addl is not None and weird.source != "CAPTURE":
            weird = replace(weird, addl=self._pseudonyms.text(weird.addl))
        super().weird(weird)

    def _host(self, host: bytes) -> bytes:
        return self._pseudonyms.name(host.decode("latin-1")).encode("ascii")


class DisguisedBoard(DisguisedSummary, Board):
    """As Board."""

    def show(self, leak: Leak) -> None:
        names, flow = self._pseudonyms, leak.flow
        ends = (names.address(flow.orig_h), flow.orig_p, names.address(flow.resp_h), flow.resp_p)
        super().show(
            replace(
                leak,
                flow=FlowId(names.uid(flow.uid), *ends),
                serial_number=None if leak.serial_number is None else names.serial(leak.serial_number),
                issuer=None if leak.issuer is None else names.subject(leak.issuer),
                site=None if leak.site is None else names.name(leak.site),
                names=tuple(names.name(name) for name in leak.names),
            )
        )
