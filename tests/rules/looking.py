"""An observer that keeps what it is shown, as events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor.audit.findings import Audit
from sensor.capture.inputs import open_inputs
from sensor.ct.lookup import CtLookup
from sensor.ct.memory import MemoryLookup
from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import LineObserver
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pipeline import Pipeline
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.rules.lines import LineReader
from sensor.rules.probing import (
    CleartextProbe,
    ConnProbe,
    ExchangeProbe,
    FileProbe,
    HttpProbe,
    LeakProbe,
    OcspProbe,
    WeirdProbe,
)
from sensor.settings import Settings
from sensor.weird import Weird

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


def captures(*folders: str) -> list[Path]:
    endings = (".pcap", ".pcapng")
    return sorted(path for name in folders for path in (PCAPS / name).glob("*.pcap*") if path.name.endswith(endings))


class Keeper:
    """`events` in the order of their lines, each with its line made at once; `probed` the same without one."""

    def __init__(self, settings: Settings) -> None:
        self._reader = LineReader(settings.logs, settings.flow.local_nets)
        self.events: list[LoggedEvent] = []
        self.probed: list[LoggedEvent] = []

    def _keep(self, service: str, ts: int, flow: Any, line: dict[str, Any], raw: Any) -> None:
        self.events.append(LoggedEvent(service, ts, ts, flow, lambda: line))
        self.probed.append(LoggedEvent(service, ts, ts, flow, lambda: line, raw))

    def connection(self, connection: Connection) -> None:
        line = self._reader.conn(connection)
        self._keep("conn", connection.ts, connection.flow, line, ConnProbe(connection))

    def transaction(self, transaction: HttpTransaction) -> None:
        line, files = self._reader.transaction(transaction)
        halves = (transaction.request, transaction.response)
        carried = [file for half in halves if half is not None for file in half.files]
        for file, each in zip(carried, files, strict=True):
            self._keep("files", file.first_ts, transaction.flow, each, FileProbe(transaction.flow, file))
        raw = HttpProbe(transaction)
        self.events.append(HttpEvent("http", transaction.ts, transaction, lambda: line))
        self.probed.append(HttpEvent("http", transaction.ts, transaction, lambda: line, raw))

    def reply(self, exchange: OcspExchange, response: OcspResponse, fuid: str, began: int) -> None:
        lines = self._reader.ocsp(response, fuid, began)
        for single, line in zip(response.responses, lines, strict=True):
            raw = OcspProbe(single) if len(lines) == 1 else None
            self._keep("ocsp", began, exchange.flow, line, raw)

    def cleartext(self, cleartext: Cleartext) -> None:
        line = self._reader.cleartext(cleartext)
        self._keep("cleartext", cleartext.ts, cleartext.flow, line, CleartextProbe(cleartext))

    def exchange(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> None:
        line = self._reader.exchange(exchange, issuer, software, audit, on_crl)
        raw = ExchangeProbe(exchange, issuer, software, audit, on_crl)
        self._keep("ocsp_exchange", exchange.ts, exchange.flow, line, raw)

    def crl(self, fetched: CrlFetch) -> None:
        self._keep("crl", fetched.fetch.ts, fetched.fetch.flow, self._reader.crl(fetched), None)

    def certificates(self, fetched: CertificateFetch, logged: Sequence[X509]) -> None:
        for each in logged:
            line = self._reader.certificate(each, fetched.ts)
            self._keep("x509", fetched.ts, fetched.fetch.flow, line, None)

    def leak(self, leak: Leak) -> bool:
        self._keep("leak", leak.ts, leak.flow, self._reader.leak(leak), LeakProbe(leak))
        return False

    def leak_noticed(self, leak: Leak) -> None:
        self._keep("notice", leak.ts, leak.flow, self._reader.leak_notice(leak), None)

    def weird(self, weird: Weird) -> None:
        self._keep("weird", weird.ts, weird.flow, self._reader.weird(weird), WeirdProbe(weird))

    def finish(self) -> None:
        pass


class Both:
    """Shows everything to several observers."""

    def __init__(self, *observers: LineObserver) -> None:
        self._observers = observers

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any) -> Any:
            return any([getattr(each, name)(*words) for each in self._observers])  # noqa: C419  (each is to be called)

        return call


def look(
    paths: Sequence[Path], observe: Any, settings: Settings | None = None, lookup: CtLookup | None = None
) -> MemorySink:
    """Replays; `observe` is given the writer and returns the observer. Returns what was logged."""
    settings = settings or Settings()
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    writer.observe(observe(writer))
    source = open_inputs([str(path) for path in paths], settings.capture)
    try:
        Pipeline(settings, lookup or MemoryLookup(), writer, None).run(source)
    finally:
        source.close()
        writer.close()
    return sink
