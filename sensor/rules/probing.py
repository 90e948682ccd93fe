"""One observation, asked for its raw values by number: what an index and an event see of it before a line is made.

Of what comes with every transaction a probe can `look_at` one after the other: one probe asks about all of them, and
only what a rule may match has its own.

Compiled where a compiler is found (probing.pxd).
"""

from __future__ import annotations

from typing import Any

from sensor.audit.findings import Audit
from sensor.fetch.model import OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import BodyFile, HttpTransaction
from sensor.ocsp.model import OcspExchange, SingleResponse
from sensor.privacy.leak import Leak
from sensor.rules.probes import (
    cleartext_raw,
    conn_raw,
    exchange_raw,
    file_raw,
    flow_raw,
    http_raw,
    leak_raw,
    ocsp_raw,
)
from sensor.weird import FlowId, Weird


class Probe:
    """`raw`: the value of the field with this number in `sensor.rules.probes`, None if it is absent."""

    def raw(self, code: int) -> Any:  # noqa: ARG002  (each kind of observation has its own)
        return None


class ConnProbe(Probe):
    def __init__(self, connection: Connection) -> None:
        self.look_at(connection)

    def look_at(self, connection: Connection) -> None:
        self._connection = connection

    def raw(self, code: int) -> Any:
        return conn_raw(self._connection, code)


class HttpProbe(Probe):
    def __init__(self, transaction: HttpTransaction) -> None:
        self.look_at(transaction)

    def look_at(self, transaction: HttpTransaction) -> None:
        self._flow = transaction.flow
        self._request = transaction.request
        self._response = transaction.response

    def raw(self, code: int) -> Any:
        return http_raw(self._flow, self._request, self._response, code)


class FileProbe(Probe):
    def __init__(self, flow: FlowId, file: BodyFile) -> None:
        self.look_at(flow, file)

    def look_at(self, flow: FlowId, file: BodyFile) -> None:
        self._flow = flow
        self._file = file

    def raw(self, code: int) -> Any:
        return file_raw(self._flow, self._file, code)


class OcspProbe(Probe):
    def __init__(self, single: SingleResponse) -> None:
        self.look_at(single)

    def look_at(self, single: SingleResponse) -> None:
        self._single = single

    def raw(self, code: int) -> Any:
        return ocsp_raw(self._single, code)


class CleartextProbe(Probe):
    def __init__(self, cleartext: Cleartext) -> None:
        self._cleartext = cleartext

    def raw(self, code: int) -> Any:
        return cleartext_raw(self._cleartext, code)


class ExchangeProbe(Probe):
    def __init__(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> None:
        self.look_at(exchange, issuer, software, audit, on_crl)

    def look_at(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> None:
        self._exchange = exchange
        self._issuer = issuer
        self._software = software
        self._audit = audit
        self._on_crl = on_crl

    def raw(self, code: int) -> Any:
        return exchange_raw(self._exchange, self._issuer, self._software, self._audit, self._on_crl, code)


class LeakProbe(Probe):
    def __init__(self, leak: Leak) -> None:
        self.look_at(leak)

    def look_at(self, leak: Leak) -> None:
        self._leak = leak

    def raw(self, code: int) -> Any:
        return leak_raw(self._leak, code)


class WeirdProbe(Probe):
    def __init__(self, weird: Weird) -> None:
        self._weird = weird

    def raw(self, code: int) -> Any:
        return _weird_raw(self._weird, code)


def _weird_raw(weird: Weird, code: int) -> Any:
    if code < 10:
        return None if weird.flow is None else flow_raw(weird.flow, code)
    if code == 10:
        return weird.name
    return (weird.addl or None) if code == 11 else weird.source
