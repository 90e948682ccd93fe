"""One event as rules see it: the observation behind a log line, and the line's fields once somebody asks for them.

Compiled where a compiler is found (events.pxd).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor.http.grammar import unescape_uri
from sensor.http.transaction import Header, HttpTransaction
from sensor.logs.encode import log_text
from sensor.rules.fields import HEADER_FIELDS
from sensor.rules.lines import Line
from sensor.rules.matching import text_of
from sensor.rules.probes import PROBED, Shape, shown
from sensor.rules.probing import Probe
from sensor.weird import FlowId

_MIME_TYPES = frozenset({"orig_mime_types", "resp_mime_types"})  # lists, of which one value alone is probed bare
_COMPILED = not __file__.endswith(".py")
_TEXT = Shape.text
_PLAIN = Shape.plain
_MEMBER = Shape.member
_NUMBER = Shape.number
_BOOL = Shape.bool
_NEVER_CUT = 256  # octets: no more than a log's texts have room for, whatever the settings say


class LoggedEvent:
    """`ts` and `end` in nanoseconds; `line` gives the log line's fields, and is called once at most.

    `flow` may be there where the log has none (ocsp). Where a raw value out of the `probe` tells all, no line is made.
    """

    def __init__(
        self,
        service: str,
        ts: int,
        end: int,
        flow: FlowId | None,
        line: Callable[[], Line],
        probe: Probe | None = None,
    ) -> None:
        self.service = service
        self.ts = ts
        self.end = end
        self.flow = flow
        self._make = line
        self._probe = probe
        self._probed = None if probe is None else PROBED[service]
        self._line: Line | None = None
        self._values: dict[str, Any] = {}  # of fields that were asked for

    def get(self, name: str) -> Any:
        """The field's value as the log's JSON has it, None if it is left out."""
        values = self._values
        if name in values:
            return values[name]
        value = self._find(name)
        values[name] = value
        return value

    def _find(self, name: str) -> Any:
        if self._line is None and self._probed is not None and self._probe is not None:
            probed = self._probed.get(name)
            if probed is not None:
                raw = self._probe.raw(probed[0])
                if raw is None:
                    return None
                value = _value(raw, probed[1])
                if value is not None:
                    return [value] if name in _MIME_TYPES and type(value) is not list else value
        return self.line().get(name)

    def texts(self) -> list[str]:
        """All values of the line as text."""
        found: list[str] = []
        for value in self.line().values():
            found += [text_of(each) for each in value] if isinstance(value, list) else [text_of(value)]
        return found

    def line(self) -> Line:
        """All fields of the line."""
        if self._line is None:
            self._line = self._make()
        return self._line

    def detached(self) -> LoggedEvent:
        """The same without the observation, which may hold much."""
        line = self.line()
        return LoggedEvent(self.service, self.ts, self.end, self.flow, lambda: line)

    def url(self) -> str | None:
        """That of the HTTP transaction it is about, as Zeek's HTTP::build_url_http makes it; None if unknown."""
        if self.flow is None or self.service != "ocsp_exchange":
            return None
        return _url(self.flow, self.get("host"), self.get("uri"))


class HttpEvent(LoggedEvent):
    """A line of http.log, or of files.log, with the transaction."""

    def __init__(
        self,
        service: str,
        ts: int,
        transaction: HttpTransaction,
        line: Callable[[], Line],
        probe: Probe | None = None,
    ) -> None:
        LoggedEvent.__init__(self, service, ts, transaction_end(transaction), transaction.flow, line, probe)
        self._transaction = transaction

    def get(self, name: str) -> Any:
        if name in HEADER_FIELDS and self.service == "http":
            return header_field(self._transaction, name)
        return LoggedEvent.get(self, name)  # compiled, super() is not there

    def url(self) -> str | None:
        request = self._transaction.request
        if request is None:
            return _url(self._transaction.flow, None, None)
        host = None if request.host is None else log_text(request.host)
        return _url(self._transaction.flow, host, log_text(unescape_uri(request.target)))


def _value(raw: Any, shape: Shape) -> Any:
    """What the log has for a raw value; None if it is one that the log may have cut, or escaped."""
    if type(raw) is tuple:
        found = []
        for each in raw:
            value = _value(each, shape)
            if value is None:
                return None
            found.append(value)
        return found
    if shape is _NUMBER or shape is _BOOL:
        return raw
    if shape is _MEMBER:
        return raw._value_
    if len(raw) > _NEVER_CUT:
        return None
    if shape is _PLAIN:
        return raw
    if shape is _TEXT:
        return raw if _is_plain(raw) else None
    return shown(raw, shape)


def _is_plain(text: str) -> bool:
    """Whether all is printable ASCII; compiled, in a fraction of the time of str's own tests."""
    if not _COMPILED:
        return text.isascii() and text.isprintable()
    for character in text:  # noqa: SIM110  (a generator is no C loop)
        if character < " " or character > "~":
            return False
    return True


def _url(flow: FlowId, host: str | None, uri: str | None) -> str:
    """The port stands behind the host where it is not 80."""
    if host is None:
        host = f"[{flow.resp_h}]" if ":" in flow.resp_h else flow.resp_h
    if uri is None:
        uri = "/<missed_request>"
    return f"http://{host}{uri}" if flow.resp_p == 80 else f"http://{host}:{flow.resp_p}{uri}"


def header_field(transaction: HttpTransaction, name: str) -> list[str] | None:
    """One of HEADER_FIELDS: what the request's, or the reply's, header said; None if that half was not seen."""
    message = transaction.request if name.startswith("client") else transaction.response
    if message is None:
        return None
    if name.endswith("names"):
        return [header_name(header) for header in message.headers]
    return [header_line(header) for header in message.headers]


def header_name(header: Header) -> str:
    return log_text(header.name).upper()


def header_line(header: Header) -> str:
    """The header field as one text: its name in upper case, as Zeek has it, and its value."""
    return f"{header_name(header)}: {log_text(header.value)}"


def transaction_end(transaction: HttpTransaction) -> int:
    """When the last of it was seen, in nanoseconds."""
    end = transaction.ts
    for message in (transaction.request, transaction.response):
        if message is not None:
            end = max(end, message.ts, *[file.last_ts for file in message.files])
    return end
