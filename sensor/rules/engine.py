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
from sensor.fetch.model import CertificateFetch, CrlFetch
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.rules.correlating import Correlator, Finding, make_correlators
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.rules.index import FieldIndex, Rules, ServiceIndex, can_index, merge
from sensor.rules.lines import Line, LineReader
from sensor.rules.matching import Matcher, compile_expression
from sensor.rules.notices import NoticeBook
from sensor.rules.probes import (
    NONCE_ECHOED,
    cleartext_raw,
    conn_raw,
    exchange_raw,
    file_raw,
    flow_raw,
    http_raw,
    leak_raw,
    ocsp_raw,
)
from sensor.rules.requirement import requirement
from sensor.rules.rule import EventRule, RuleSet
from sensor.settings import Settings
from sensor.weird import Weird

_MAX_REMEMBERED = 1024  # records of each kind


class ActiveRule:
    """A rule that can fire."""

    def __init__(self, rule: EventRule, is_quiet: bool, correlators: tuple[Correlator, ...]) -> None:
        self.rule = rule
        self.matches: Matcher = compile_expression(rule.expression)
        self.is_quiet = is_quiet
        self.correlators = correlators
        self.hits = 0


class _Service:
    """The rules of one service, and where to look which of them an event may match."""

    def __init__(self, name: str, rules: list[ActiveRule], limit: int) -> None:
        can = partial(can_index, name)
        required = [requirement(active.rule.expression, can) for active in rules]
        self.rules = rules
        self.index = ServiceIndex(name, required, limit)
        self.fields: list[FieldIndex] = self.index.fields
        self.always: Rules = self.index.always
        # Of exchanges, the fields of what the decoder gives one record for, however often a message comes: what they
        # lead to is remembered by the record's id(), which is its own while it is kept here.
        self.of_cert_id: list[FieldIndex] = []
        self.of_answer: list[FieldIndex] = []
        if name == "ocsp_exchange":
            self.of_cert_id = [field for field in self.fields if 20 <= field.code < 30]
            self.of_answer = [field for field in self.fields if field.code >= 40 and field.code != NONCE_ECHOED]
            self.fields = [field for field in self.fields if field not in self.of_cert_id + self.of_answer]
        self.cert_ids: dict[int, tuple[object, Rules]] = {}
        self.answers: dict[int, tuple[object, object, Rules]] = {}


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
        services = {name: _Service(name, found, limit) for name, found in by_service.items()}
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

    def _carried(self, service: _Service, transaction: HttpTransaction) -> None:
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
        self, exchange: OcspExchange, issuer: str | None, software: str | None, audit: Audit | None, on_crl: str | None
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
            rules = self._of_cert_id(service, exchange)
            if rules:
                found = merge(found, rules)
        if service.of_answer and exchange.response is not None:
            rules = self._of_answer(service, exchange)
            if rules:
                found = merge(found, rules)
        if found:
            end = max(exchange.ts, exchange.response_ts or 0)
            line = partial(self._lines.exchange, exchange, issuer, software, audit, on_crl)
            value = partial(exchange_raw, exchange, issuer, software, audit, on_crl)
            event = LoggedEvent("ocsp_exchange", exchange.ts, end, exchange.flow, line, value)
            self._check(service, found, event)

    def _of_cert_id(self, service: _Service, exchange: OcspExchange) -> Rules:
        """What the fields of its CertID lead to."""
        cert_id = exchange.cert_id
        kept = service.cert_ids.get(id(cert_id))
        if kept is not None:
            return kept[1]
        found = _of_exchange(service.of_cert_id, exchange)
        if len(service.cert_ids) >= _MAX_REMEMBERED:
            service.cert_ids.clear()
        service.cert_ids[id(cert_id)] = (cert_id, found)
        return found

    def _of_answer(self, service: _Service, exchange: OcspExchange) -> Rules:
        """What the fields of its reply, and of the SingleResponse in it, lead to."""
        single, response = exchange.single, exchange.response
        if single is None:
            return _of_exchange(service.of_answer, exchange)
        kept = service.answers.get(id(single))
        if kept is not None and kept[1] is response:
            return kept[2]
        found = _of_exchange(service.of_answer, exchange)
        if len(service.answers) >= _MAX_REMEMBERED:
            service.answers.clear()
        service.answers[id(single)] = (single, response, found)
        return found

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

    def _check(self, service: _Service, found: Rules, event: LoggedEvent) -> None:
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


def _of_exchange(fields: list[FieldIndex], exchange: OcspExchange) -> Rules:
    found: Rules = ()
    for field in fields:
        raw = exchange_raw(exchange, None, None, None, None, field.code)
        if raw is not None:
            rules = field.candidates(raw)
            if rules:
                found = merge(found, rules)
    return found


def _weird_raw(weird: Weird, code: int) -> Any:
    if code < 10:
        return None if weird.flow is None else flow_raw(weird.flow, code)
    if code == 10:
        return weird.name
    return (weird.addl or None) if code == 11 else weird.source
