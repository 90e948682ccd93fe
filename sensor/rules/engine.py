"""Rules over events as their lines are written; what fires becomes a notice.

Packet time is the only time: a replay finds what was found live. Rules stand by service; those of which nothing can be
true of an event are passed over (`sensor.rules.index`), the others are evaluated. Compiled where a compiler is found
(engine.pxd).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sensor.audit.findings import Audit
from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.rules.correlating import Correlator, Finding, make_correlators
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.rules.index import Rules, merge
from sensor.rules.lines import Line, LineReader
from sensor.rules.notices import NoticeBook
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
from sensor.rules.roster import ActiveRule, Roster
from sensor.rules.rule import RuleSet
from sensor.settings import Settings
from sensor.weird import Weird


class RuleEngine:
    """Looks on (`sensor.logs.observer`) while lines are written, and gives notices to `tell`, each at once.

    `complain` is given a weird for each correlation that has to forget something before its time.
    """

    def __init__(
        self,
        rules: RuleSet,
        settings: Settings,
        tell: Callable[[Notice], None],
        complain: Callable[[Weird], None],
    ) -> None:
        self.book = NoticeBook(settings.logs.suppress_for_s, settings.rules.max_suppressed, tell)
        self._lines = LineReader(settings.logs, settings.flow.local_nets)
        self._complain = complain
        correlators = make_correlators(rules, settings.rules)
        self._correlators = correlators
        self.active: dict[str, ActiveRule] = {}
        by_service: dict[str, list[ActiveRule]] = {}
        for rule in rules.events:
            if rule.asleep:
                continue
            heard = tuple(each for each in correlators if rule.head.id in each.rule.rules)
            active = ActiveRule(rule, rule.head.id in rules.quiet, heard)
            self.active[rule.head.id] = active
            by_service.setdefault(rule.service, []).append(active)
        limit = settings.logs.max_field_bytes
        services = {name: Roster(name, found, limit) for name, found in by_service.items()}
        self._conn = services.get("conn")
        self._http = services.get("http")
        self._files = services.get("files")
        self._ocsp = services.get("ocsp")
        self._cleartext = services.get("cleartext")
        self._exchange = services.get("ocsp_exchange")
        self._leak = services.get("leak")
        self._crl = services.get("crl")
        self._x509 = services.get("x509")
        self._weird = services.get("weird")
        self._notice = services.get("notice")
        self._quiet = rules.quiet
        self._deferred: Callable[[str, LoggedEvent], None] | None = None
        self._heard = {
            rule.head.id: tuple(each for each in correlators if rule.head.id in each.rule.rules)
            for rule in rules.correlations
        }

    def defer(self, fired: Callable[[str, LoggedEvent], None]) -> None:
        """From now on no more is done where a rule fires than `fired` is called, for another engine's `fired`."""
        self._deferred = fired

    def fired(self, rule_id: str, event: LoggedEvent) -> None:
        """An engine of the same rules found that this one fires on `event`."""
        self._fired(self.active[rule_id], event)

    @property
    def hits(self) -> dict[str, int]:
        """How often each rule fired, told or not, by its id."""
        found = {key: active.hits for key, active in self.active.items() if active.hits}
        return found | {each.rule.head.id: each.hits for each in self._correlators if each.hits}

    def connection(self, connection: Connection) -> None:
        service = self._conn
        if service is None:
            return
        found = service.always
        for field in service.fields:
            raw = conn_raw(connection, field.code)
            if raw is not None:
                rules = field.candidates(raw)
                if rules:
                    found = merge(found, rules)
        if found:
            end = connection.ts + (connection.duration or 0)
            line, value = partial(self._lines.conn, connection), partial(conn_raw, connection)
            self._check(service, found, LoggedEvent("conn", connection.ts, end, connection.flow, line, value))

    def transaction(self, transaction: HttpTransaction) -> None:
        if self._files is not None:
            self._carried(self._files, transaction)
        service = self._http
        if service is None:
            return
        flow, request, response = transaction.flow, transaction.request, transaction.response
        found = service.always
        for field in service.fields:
            raw = http_raw(flow, request, response, field.code)
            if raw is not None:
                rules = field.candidates(raw)
                if rules:
                    found = merge(found, rules)
        index = service.index
        if index.client is not None and request is not None:
            rules = index.client.candidates(request.headers)
            if rules:
                found = merge(found, rules)
        if index.server is not None and response is not None:
            rules = index.server.candidates(response.headers)
            if rules:
                found = merge(found, rules)
        if found:
            line, value = partial(self._http_line, transaction), partial(http_raw, flow, request, response)
            self._check(service, found, HttpEvent("http", transaction.ts, transaction, line, value))

    def _carried(self, service: Roster, transaction: HttpTransaction) -> None:
        """The lines of files.log of a transaction."""
        place = 0
        flow = transaction.flow
        for message in (transaction.request, transaction.response):
            if message is None:
                continue
            for file in message.files:
                found = service.always
                for field in service.fields:
                    raw = file_raw(flow, file, field.code)
                    if raw is not None:
                        rules = field.candidates(raw)
                        if rules:
                            found = merge(found, rules)
                if found:
                    line, value = partial(self._file_line, transaction, place), partial(file_raw, flow, file)
                    self._check(service, found, HttpEvent("files", file.first_ts, transaction, line, value))
                place += 1

    def reply(self, exchange: OcspExchange, response: OcspResponse, fuid: str, began: int) -> None:
        service = self._ocsp
        if service is None:
            return
        singles = response.responses
        repeats = len(singles) > 1  # then all with one CertID say what the first says
        for place, single in enumerate(singles):
            found = service.always
            for field in service.fields:
                raw = ocsp_raw(single, field.code)
                if raw is not None:
                    rules = field.candidates(raw)
                    if rules:
                        found = merge(found, rules)
            if repeats:
                found = tuple(range(len(service.rules)))
            if found:
                line = partial(self._ocsp_line, response, fuid, began, place)
                value = None if repeats else partial(ocsp_raw, single)
                self._check(service, found, LoggedEvent("ocsp", began, began, exchange.flow, line, value))

    def cleartext(self, cleartext: Cleartext) -> None:
        service = self._cleartext
        if service is None:
            return
        found = service.always
        for field in service.fields:
            raw = cleartext_raw(cleartext, field.code)
            if raw is not None:
                rules = field.candidates(raw)
                if rules:
                    found = merge(found, rules)
        if found:
            line, value = partial(self._lines.cleartext, cleartext), partial(cleartext_raw, cleartext)
            ts = cleartext.ts
            self._check(service, found, LoggedEvent("cleartext", ts, ts, cleartext.flow, line, value))

    def exchange(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> None:
        service = self._exchange
        if service is None:
            return
        found = service.always
        for field in service.fields:
            raw = exchange_raw(exchange, issuer, software, audit, on_crl, field.code)
            if raw is not None:
                rules = field.candidates(raw)
                if rules:
                    found = merge(found, rules)
        if service.of_cert_id and exchange.cert_id is not None:
            rules = service.from_cert_id(exchange)
            if rules:
                found = merge(found, rules)
        if service.of_answer and exchange.response is not None:
            rules = service.from_answer(exchange)
            if rules:
                found = merge(found, rules)
        if found:
            end = max(exchange.ts, exchange.response_ts or 0)
            line = partial(self._lines.exchange, exchange, issuer, software, audit, on_crl)
            value = partial(exchange_raw, exchange, issuer, software, audit, on_crl)
            event = LoggedEvent("ocsp_exchange", exchange.ts, end, exchange.flow, line, value)
            self._check(service, found, event)

    def crl(self, fetched: CrlFetch) -> None:
        service = self._crl
        if service is not None:
            fetch = fetched.fetch
            end = max(fetch.ts, fetch.response_ts or 0)
            event = LoggedEvent("crl", fetch.ts, end, fetch.flow, partial(self._lines.crl, fetched))
            self._check(service, service.always, event)

    def certificates(self, fetched: CertificateFetch, logged: Sequence[X509]) -> None:
        service = self._x509
        if service is not None:
            ts, flow = fetched.ts, fetched.fetch.flow
            for each in logged:
                line = partial(self._lines.certificate, each, ts)
                self._check(service, service.always, LoggedEvent("x509", ts, ts, flow, line))

    def leak(self, leak: Leak, noticed: bool) -> None:
        service = self._leak
        if service is not None:
            found = service.always
            for field in service.fields:
                raw = leak_raw(leak, field.code)
                if raw is not None:
                    rules = field.candidates(raw)
                    if rules:
                        found = merge(found, rules)
            if found:
                line, value = partial(self._lines.leak, leak), partial(leak_raw, leak)
                self._check(service, found, LoggedEvent("leak", leak.ts, leak.ts, leak.flow, line, value))
        service = self._notice
        if service is not None and noticed:
            line = partial(self._lines.leak_notice, leak)
            self._check(service, service.always, LoggedEvent("notice", leak.ts, leak.ts, leak.flow, line))

    def weird(self, weird: Weird) -> None:
        service = self._weird
        if service is None:
            return
        found = service.always
        for field in service.fields:
            raw = _weird_raw(weird, field.code)
            if raw is not None:
                rules = field.candidates(raw)
                if rules:
                    found = merge(found, rules)
        if found:
            line, value = partial(self._lines.weird, weird), partial(_weird_raw, weird)
            self._check(service, found, LoggedEvent("weird", weird.ts, weird.ts, weird.flow, line, value))

    def finish(self) -> None:
        for correlator in self._correlators:
            for finding in correlator.finish():
                self._found(correlator, finding)

    def _check(self, service: Roster, found: Rules, event: LoggedEvent) -> None:
        for number in found:
            active = service.rules[number]
            if active.matches(event):
                self._fired(active, event)

    def _fired(self, active: ActiveRule, event: LoggedEvent) -> None:
        if self._deferred is not None:
            self._deferred(active.rule.head.id, event)
            return
        active.hits += 1
        if not active.is_quiet:
            notice = self.book.event(active.rule.head, event)
            if notice is not None:
                self._noticed(notice, event)
        if active.correlators:
            self._correlate(active.rule.head.id, active.correlators, event)

    def _correlate(self, rule_id: str, correlators: Iterable[Correlator], event: LoggedEvent) -> None:
        for correlator in correlators:
            before = correlator.forgotten
            for finding in correlator.feed(rule_id, event):
                self._found(correlator, finding)
            if correlator.forgotten > before == 0:
                head = correlator.rule.head
                self._complain(Weird(event.ts, "correlation_state_forgotten", None, head.id, "RULES"))

    def _found(self, correlator: Correlator, finding: Finding) -> None:
        correlator.hits += 1
        head = correlator.rule.head
        if head.id not in self._quiet:
            notice = self.book.correlation(head, finding.event, finding.group, finding.count)
            if notice is not None:
                self._noticed(notice, finding.event)
        self._correlate(head.id, self._heard[head.id], finding.event)

    def _noticed(self, notice: Notice, event: LoggedEvent) -> None:
        """Rules over notices see those of other rules, too, but not those of one another."""
        service = self._notice
        if service is not None and event.service != "notice":
            line = partial(self._lines.notice, notice)
            shown = LoggedEvent("notice", notice.ts, notice.end, notice.flow, line)
            self._check(service, service.always, shown)

    def _http_line(self, transaction: HttpTransaction) -> Line:
        return self._lines.transaction(transaction)[0]

    def _file_line(self, transaction: HttpTransaction, place: int) -> Line:
        return self._lines.transaction(transaction)[1][place]

    def _ocsp_line(self, response: OcspResponse, fuid: str, began: int, place: int) -> Line:
        return self._lines.ocsp(response, fuid, began)[place]


def _weird_raw(weird: Weird, code: int) -> Any:
    if code < 10:
        return None if weird.flow is None else flow_raw(weird.flow, code)
    if code == 10:
        return weird.name
    return (weird.addl or None) if code == 11 else weird.source
