"""Where observations become logs: counts them, suppresses repeated notices, samples weirds, hands lines to a sink.

Lines are handed over in batches, oldest first. No I/O here, and no clock but the packets'. Compiled where a compiler is
found (writer.pxd).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from sensor.audit.findings import Audit, bits_of
from sensor.audit.history import whose
from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.health.measures import HealthNotice, Measure
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.buffer import LineBuffer
from sensor.logs.cleartext import CleartextLines
from sensor.logs.disclosures import DisclosureLines
from sensor.logs.fetches import FetchLines
from sensor.logs.health import HealthLines, log_of
from sensor.logs.local_nets import LocalNets
from sensor.logs.observer import LineObserver, Notice
from sensor.logs.parts import (
    CLEARTEXT,
    CONN,
    CRL,
    FILES,
    HTTP,
    LEAK,
    NOTICE,
    OCSP,
    OCSP_EXCHANGE,
    WEIRD,
    X509,
    Parts,
)
from sensor.logs.records import STREAMS
from sensor.logs.render import TrafficLines
from sensor.logs.repeats import EXCESSIVE, NoticeMemory, WeirdSampler
from sensor.logs.script import Script
from sensor.logs.sinks.sink import EventSink
from sensor.ocsp.model import OcspExchange
from sensor.privacy.leak import Leak
from sensor.settings import LogSettings
from sensor.weird import FlowId, Weird

_BATCH = 48 << 10  # octets of one log that wait at most, but for a longer line
_TRUNCATED = "log_string_field_truncated"  # as Zeek 8.1 calls them, which does not say in whose line
_SHORTENED = "log_container_field_truncated"
_STREAMS = tuple(STREAMS)


Describe = Callable[[OcspExchange], tuple[str | None, str]]
"""Issuer (RFC 4514 text, if known) and software of an exchange."""


class LogWriter:
    """Takes observations in the order in which they were completed. Owns `sink`: closing one closes the other.

    What a sink raises (`SinkError`) goes through.
    """

    def __init__(
        self, settings: LogSettings, local_nets: Sequence[str], sink: EventSink, script: Script | None = None
    ) -> None:
        """With a `script` the lines are one shard's: nothing goes to the sink, what depends on other shards is left to
        the script. Raises ValueError if one of `local_nets` is no network.
        """
        parts = Parts(settings, LocalNets(local_nets), with_path=sink.merged)
        self._parts = parts
        self._cuts = 0
        self._traffic = TrafficLines(settings, parts)
        self._disclosures = DisclosureLines(settings, parts)
        self._health = HealthLines(settings, parts)
        self._cleartext = CleartextLines(parts)
        self._fetches = FetchLines(settings, parts)
        self._notices = NoticeMemory(settings)
        self._weirds = WeirdSampler(settings)
        self._sink = sink
        self._merged = sink.merged
        merged = LineBuffer()
        self._out = [merged if sink.merged else LineBuffer() for _ in _STREAMS]
        self._counts = array("q", [0] * len(_STREAMS))
        self._observer: LineObserver | None = None
        self._logs = 1 if sink.merged else len(_STREAMS)
        self._script = script
        self._audit: Audit | None = None  # one of which the bits are known: most are the same
        self._audit_bits = 0
        self._touched = 0  # the logs to which something was written since the last cut, as bits
        self._sizes = array("q", bytes(8 * len(_STREAMS)))  # of the logs at the last cut
        self._total = 0
        self._enough = 0
        self._on_enough: Callable[[], None] | None = None
        self.on_weird: Callable[[Weird], None] | None = None
        """Is shown what the lines themselves are odd for; not with a script."""
        if script is not None:
            self._notices.defer()

    @property
    def counts(self) -> dict[str, int]:
        """Lines made for each log so far."""
        return dict(zip(_STREAMS, self._counts, strict=True))

    @property
    def weird_counts(self) -> dict[str, int]:
        """How often each weird happened, logged or not."""
        return self._weirds.totals

    def limits(self) -> dict[str, int]:
        """How often each limit was reached, by settings key."""
        return {
            "logs.max_suppressed": self._notices.forgotten,
            "logs.max_known_certificates": self._fetches.known.forgotten,
            "logs.max_weirds": self._weirds.forgotten,
            "logs.weirds_per_s": self._weirds.beyond,
            **({} if self._observer is None else self._observer.limits()),
        }

    @property
    def fields_cut(self) -> int:
        """Texts that were written cut."""
        return self._parts.cuts

    def observe(self, observer: LineObserver) -> None:
        """From now on `observer` is told of every line but those of `notice`."""
        self._observer = observer

    def connection(self, connection: Connection) -> None:
        self._traffic.conn(self._buffer(CONN), connection)
        self._wrote(CONN, 1)
        if self._observer is not None:
            self._observer.connection(connection)

    def transaction(self, transaction: HttpTransaction) -> None:
        """Comes before the exchanges of the same transaction."""
        files = self._traffic.transaction(self._buffer(HTTP), self._buffer(FILES), transaction)
        self._wrote(HTTP, 1)
        if files:
            self._wrote(FILES, files)
        if self._observer is not None:
            self._observer.transaction(transaction)
        if self._parts.cuts != self._cuts:
            self._tell_cut(FILES, transaction.ts, transaction.flow)

    def cleartext(self, cleartext: Cleartext) -> None:
        self._cleartext.cleartext(self._buffer(CLEARTEXT), cleartext)
        self._wrote(CLEARTEXT, 1)
        if self._observer is not None:
            self._observer.cleartext(cleartext)
        if cleartext.cut:
            self._tell_of(_SHORTENED, CLEARTEXT, cleartext.ts, cleartext.flow)
        if self._parts.cuts != self._cuts:
            self._tell_cut(CLEARTEXT, cleartext.ts, cleartext.flow)

    def exchanges(
        self,
        exchanges: Sequence[OcspExchange],
        leaks: Sequence[Leak] = (),
        describe: Describe | None = None,
        audits: Sequence[Audit | None] = (),
        on_crls: Sequence[OnCrl | None] | None = None,
    ) -> None:
        """The exchanges of one or more transactions, in order, and the leaks found in them, in the same order.

        Leaks are only looked at here, for the issuer and the software; they are logged by `leaks`. `describe` tells
        these two of an exchange that is no leak. `audits` and `on_crls`, if there are any, go with `exchanges`
        one by one.
        """
        place = 0
        leak: Leak | None = None
        previous = None
        for number, exchange in enumerate(exchanges):
            if place < len(leaks) and leaks[place].exchange is exchange:
                leak = leaks[place]
                place += 1
            elif leak is not None and leak.exchange.request is not exchange.request:
                leak = None
            issuer = software = None
            if leak is not None and leak.exchange is exchange:
                issuer, software = leak.issuer, leak.software
            elif describe is not None:
                issuer, software = describe(exchange)
            elif leak is not None:
                software = leak.software
                if exchange.cert_id is not None and exchange.cert_id.serial_number == leak.serial_number:
                    issuer = leak.issuer
            response, fuid = exchange.response, exchange.resp_fuid
            if response is not None and response is not previous and fuid is not None:
                began = self._traffic.reply_ts
                if fuid != self._traffic.reply_fuid:
                    began = exchange.response_ts or exchange.ts
                self._wrote(OCSP, self._disclosures.ocsp(self._buffer(OCSP), response, fuid, began))
                if self._observer is not None:
                    self._observer.reply(exchange, response, fuid, began)
                if self._parts.cuts != self._cuts:
                    self._tell_cut(OCSP, began, exchange.flow)
            previous = response
            audit = audits[number] if audits else None
            on_crl = on_crls[number] if on_crls is not None else None
            self._disclosures.exchange(self._buffer(OCSP_EXCHANGE), exchange, issuer, software, audit, on_crl)
            if self._script is not None and audit is not None:
                self._leave_audit(exchange, audit)
            self._wrote(OCSP_EXCHANGE, 1)
            if self._observer is not None:
                self._observer.exchange(exchange, issuer, software, audit, on_crl)
            if self._parts.cuts != self._cuts:
                self._tell_cut(OCSP_EXCHANGE, exchange.ts, exchange.flow)
        if self._script is not None:
            self._script.answers.clear()

    def crl(self, fetched: CrlFetch) -> None:
        self._fetches.crl(self._buffer(CRL), fetched)
        self._wrote(CRL, 1)
        if self._observer is not None:
            self._observer.crl(fetched)
        if fetched.crl is not None and fetched.crl.extensions.names_cut:
            self._tell_of(_SHORTENED, CRL, fetched.fetch.ts, fetched.fetch.flow)
        if self._parts.cuts != self._cuts:
            self._tell_cut(CRL, fetched.fetch.ts, fetched.fetch.flow)

    def certificates(self, fetched: CertificateFetch) -> None:
        logged = []
        for certificate in fetched.certificates:
            if self._script is None and not self._fetches.known.is_new(certificate.fingerprint, fetched.ts):
                continue
            begin = self._buffer(X509).size
            self._fetches.certificate(self._buffer(X509), certificate, fetched.ts)
            if self._script is not None:
                key = hash(certificate.fingerprint)
                self._script.certificate(self._log(X509), begin, self._buffer(X509).size, key, fetched.ts)
            else:
                self._wrote(X509, 1)
                logged.append(certificate)
            if certificate.names_cut:
                self._tell_of(_SHORTENED, X509, fetched.ts, fetched.fetch.flow)
            if self._parts.cuts != self._cuts:
                self._tell_cut(X509, fetched.ts, fetched.fetch.flow)
        if logged and self._observer is not None:
            self._observer.certificates(fetched, logged)

    def leaks(self, leaks: Sequence[Leak]) -> None:
        for leak in leaks:
            lines = self._disclosures
            lines.leak(self._buffer(LEAK), leak)
            if self._script is not None:
                if leak.channel == "ocsp":
                    self._script.times(self._log(LEAK), lines.times_at, lines.times_end, leak.times_seen)
                else:
                    self._script.fetched(self._log(LEAK), lines.times_at, lines.times_end, leak.times_seen)
            self._wrote(LEAK, 1)
            is_told = self._observer is not None and self._observer.leak(leak)
            if self._parts.cuts != self._cuts:
                self._tell_cut(LEAK, leak.ts, leak.flow)
            if is_told:
                continue
            if self._notices.is_new(leak):
                begin = self._buffer(NOTICE).size
                lines.notice(self._buffer(NOTICE), leak)
                if self._script is not None:
                    end = self._buffer(NOTICE).size
                    self._script.notice(self._log(NOTICE), begin, end, self._notices.asked, leak.ts)
                self._wrote(NOTICE, 1)
                if self._observer is not None:
                    self._observer.leak_noticed(leak)
                if self._parts.cuts != self._cuts:
                    self._tell_cut(NOTICE, leak.ts, leak.flow)

    def _leave_audit(self, exchange: OcspExchange, audit: Audit) -> None:
        """What was said of the certificate before, other shards know: leaves the field audit open."""
        script, lines = self._script, self._disclosures
        if script is not None and script.answers and script.answers[0][0] is exchange.single:
            asked, log = script.answers[0], self._log(OCSP_EXCHANGE)
            del script.answers[0]
            if audit is not self._audit:
                self._audit, self._audit_bits = audit, bits_of(audit)
            bits = self._audit_bits
            if script.with_names or not script.said(log, lines.audit_at, lines.audit_end, bits, asked):
                script.audit(log, lines.audit_at, lines.audit_end, bits, (*asked[1:], *whose(exchange)))

    def notice(self, notice: Notice) -> None:
        """What a rule raised."""
        self._disclosures.raised(self._buffer(NOTICE), notice)
        self._wrote(NOTICE, 1)
        if self._parts.cuts != self._cuts:
            self._tell_cut(NOTICE, notice.ts, notice.flow)

    def weird(self, weird: Weird) -> None:
        if self._script is not None:
            self._script.weird(self._log(WEIRD), self._buffer(WEIRD).size, weird)
        elif not self._weirds.admit(weird):
            if self._weirds.is_excessive:
                self._weirds.is_excessive = False
                self._tell(Weird(weird.ts, EXCESSIVE, None, None, "LOG"))
        else:
            self._traffic.weird(self._buffer(WEIRD), weird)
            self._wrote(WEIRD, 1)
            if self._observer is not None:
                self._observer.weird(weird)
            if self._parts.cuts != self._cuts:
                if weird.name == _TRUNCATED:  # or it would be told of without end
                    self._cuts = self._parts.cuts
                else:
                    self._tell_cut(WEIRD, weird.ts, weird.flow)

    def _tell_cut(self, stream: int, ts: int, flow: FlowId | None) -> None:
        """The line just written lacks the end of a text, or of several: `logs.max_field_bytes`."""
        self._cuts = self._parts.cuts
        self._tell_of(_TRUNCATED, stream, ts, flow)

    def _tell_of(self, name: str, stream: int, ts: int, flow: FlowId | None) -> None:
        """So much is odd about the line just written."""
        weird = Weird(ts, name, flow, _STREAMS[stream], "LOG")
        if self._script is None:
            self._tell(weird)
        elif stream in (NOTICE, X509):
            self._script.weird_of(self._log(WEIRD), self._buffer(WEIRD).size, weird)
        else:
            self._script.weird(self._log(WEIRD), self._buffer(WEIRD).size, weird)

    def _tell(self, weird: Weird) -> None:
        """What the logs themselves are odd for."""
        self.weird(weird)
        if self.on_weird is not None:
            self.on_weird(weird)

    def health(self, measures: Sequence[Measure]) -> None:
        """What the sensor says of itself; a notice that was told within `suppress_for_s` is not told again."""
        for measure in measures:
            if type(measure) is HealthNotice and not self._health.is_new(measure):
                continue
            log = log_of(measure)
            self._health.line(self._buffer(log), measure)
            self._wrote(log, 1)
            if self._parts.cuts != self._cuts:
                self._tell_cut(log, measure.ts, None)

    def rule_fired(self, fired: tuple[Any, ...]) -> None:
        """One shard's: a rule fired on a line just written; what comes of that, other shards know."""
        if self._script is not None:
            self._script.rule(self._log(NOTICE), self._buffer(NOTICE).size, fired)

    def cut(self, key: int, number: int) -> None:
        """One shard's: all since the last cut came out at this moment of the tracker's (FlowTracker.take_shard)."""
        script, touched, log = self._script, self._touched, 0
        if script is None:
            return
        while touched:
            if touched & 1:
                size = self._buffer(log).size
                self._total += size - self._sizes[log]
                self._sizes[log] = size
                script.copy(log, size)
            touched >>= 1
            log += 1
        self._touched = 0
        script.cut(key, number)
        if self._total >= self._enough and self._on_enough is not None:
            self._on_enough()

    def tell_at(self, octets: int, on_enough: Callable[[], None]) -> None:
        """One shard's: `on_enough` is called behind a cut when so many octets of lines wait, however much one batch
        makes; it takes them."""
        self._enough = octets
        self._on_enough = on_enough

    def take(self) -> list[memoryview]:
        """One shard's lines, log by log; to be let go of before the next line is begun."""
        self._touched = self._total = 0
        for log in range(self._logs):
            self._sizes[log] = 0
        return [out.take_view() for out in self._out[: self._logs]]

    def buffers(self) -> list[LineBuffer]:
        """Log by log, what lines of shards are to be copied to; `hand_over` takes them from there."""
        return self._out[: self._logs]

    def is_new_number(self, number: int, ts: int) -> bool:
        """NoticeMemory.is_new_number of this writer's memory."""
        return self._notices.is_new_number(number, ts)

    def is_new_certificate(self, number: int, ts: int) -> bool:
        """CertificateMemory.is_new_number of this writer's memory."""
        return self._fetches.known.is_new_number(number, ts)

    def hand_over(self) -> None:
        """Hands over the logs of which enough lines wait; there must be no half line."""
        for log in range(self._logs):
            self._wrote(log, 0)

    def flush(self) -> None:
        """Hands over all lines that wait. Lines that the sink cannot take are lost."""
        for stream in range(len(_STREAMS)):
            self._hand_over(stream)

    def close(self) -> None:
        """Idempotent."""
        try:
            if self._observer is not None:
                self._observer.finish()
            self.flush()
        finally:
            self._sink.close()

    def _buffer(self, stream: int) -> LineBuffer:
        self._touched |= 1 << (0 if self._merged else stream)
        return self._out[stream]

    def _log(self, stream: int) -> int:
        return 0 if self._merged else stream

    def _wrote(self, stream: int, lines: int) -> None:
        self._counts[stream] += lines
        if self._buffer(stream).size >= _BATCH and self._script is None:
            self._hand_over(stream)

    def _hand_over(self, stream: int) -> None:
        out = self._buffer(stream)
        if out.size:
            self._sink.write("" if self._merged else _STREAMS[stream], out.take())
