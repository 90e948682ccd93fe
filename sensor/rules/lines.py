"""Observations into what their log lines say, as maps from a field's name to its value: what rules look at.

The lines are made by the logs' own renderers and read back, so that a rule cannot see anything but what is logged.
It is slow (some ten microseconds a line) and done only for events that `sensor.rules.index` could not rule out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sensor.audit.findings import Audit
from sensor.fetch.model import CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.buffer import LineBuffer
from sensor.logs.cleartext import CleartextLines
from sensor.logs.disclosures import DisclosureLines
from sensor.logs.fetches import FetchLines
from sensor.logs.local_nets import LocalNets
from sensor.logs.observer import Notice
from sensor.logs.parts import Parts
from sensor.logs.render import TrafficLines
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.settings import LogSettings
from sensor.weird import Weird

Line = dict[str, Any]


class LineReader:
    """One for each engine. Times are seconds since 1970 whatever the logs write."""

    def __init__(self, settings: LogSettings, local_nets: Sequence[str]) -> None:
        settings = msgspec.structs.replace(settings, timestamps="epoch", stream=False)
        parts = Parts(settings, LocalNets(local_nets), with_path=False)
        self._traffic = TrafficLines(settings, parts)
        self._disclosures = DisclosureLines(settings, parts)
        self._cleartext = CleartextLines(parts)
        self._fetches = FetchLines(settings, parts)
        self._out = LineBuffer()
        self._files = LineBuffer()

    def conn(self, connection: Connection) -> Line:
        self._traffic.conn(self._out, connection)
        return self._lines(self._out)[0]

    def transaction(self, transaction: HttpTransaction) -> tuple[Line, list[Line]]:
        """What http.log says, and the lines of files.log."""
        self._traffic.transaction(self._out, self._files, transaction)
        return self._lines(self._out)[0], self._lines(self._files)

    def ocsp(self, response: OcspResponse, fuid: str, began: int) -> list[Line]:
        self._disclosures.ocsp(self._out, response, fuid, began)
        return self._lines(self._out)

    def cleartext(self, cleartext: Cleartext) -> Line:
        self._cleartext.cleartext(self._out, cleartext)
        return self._lines(self._out)[0]

    def exchange(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> Line:
        self._disclosures.exchange(self._out, exchange, issuer, software, audit, on_crl)
        return self._lines(self._out)[0]

    def crl(self, fetched: CrlFetch) -> Line:
        self._fetches.crl(self._out, fetched)
        return self._lines(self._out)[0]

    def certificate(self, certificate: X509, ts: int) -> Line:
        self._fetches.certificate(self._out, certificate, ts)
        return self._lines(self._out)[0]

    def leak(self, leak: Leak) -> Line:
        self._disclosures.leak(self._out, leak)
        return self._lines(self._out)[0]

    def leak_notice(self, leak: Leak) -> Line:
        self._disclosures.notice(self._out, leak)
        return self._lines(self._out)[0]

    def notice(self, notice: Notice) -> Line:
        self._disclosures.raised(self._out, notice)
        return self._lines(self._out)[0]

    def weird(self, weird: Weird) -> Line:
        self._traffic.weird(self._out, weird)
        return self._lines(self._out)[0]

    def _lines(self, out: LineBuffer) -> list[Line]:
        return [msgspec.json.decode(line) for line in out.take().splitlines()]
