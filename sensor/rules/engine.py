"""Rules over events as their lines are written; what fires becomes a notice.

Packet time is the only time: a replay finds what was found live. Rules stand by service; those of which nothing can be
true of an event are passed over (`sensor.rules.index`), the others are evaluated on the event's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sensor.audit.findings import Audit
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.privacy.leak import Leak
from sensor.rules.correlating import Correlator, Finding, make_correlators
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.rules.lines import Line, LineReader
from sensor.rules.matching import Matcher, compile_expression
from sensor.rules.notices import NoticeBook
from sensor.rules.rule import EventRule, RuleSet
from sensor.settings import Settings
from sensor.weird import Weird


class _Active:
    """A rule that can fire."""

    def __init__(self, rule: EventRule, is_quiet: bool, correlators: tuple[Correlator, ...]) -> None:
        self.rule = rule
        self.matches: Matcher = compile_expression(rule.expression)
        self.is_quiet = is_quiet
        self.correlators = correlators
        self.hits = 0


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
        self._book = NoticeBook(settings.logs.suppress_for_s, settings.rules.max_suppressed, tell)
        self._lines = LineReader(settings.logs, settings.flow.local_nets)
        self._complain = complain
        correlators = make_correlators(rules, settings.rules)
        self._correlators = correlators
        self._by_service: dict[str, list[_Active]] = {}
        self.active: dict[str, _Active] = {}
        for rule in rules.events:
            if rule.asleep:
                continue
            heard = tuple(each for each in correlators if rule.head.id in each.rule.rules)
            active = _Active(rule, rule.head.id in rules.quiet, heard)
            self.active[rule.head.id] = active
            self._by_service.setdefault(rule.service, []).append(active)
        self._quiet = rules.quiet
        self._heard = {
            rule.head.id: tuple(each for each in correlators if rule.head.id in each.rule.rules)
            for rule in rules.correlations
        }

    @property
    def hits(self) -> dict[str, int]:
        """How often each rule fired, told or not, by its id."""
        found = {key: active.hits for key, active in self.active.items() if active.hits}
        return found | {each.rule.head.id: each.hits for each in self._correlators if each.hits}

    @property
    def book(self) -> NoticeBook:
        return self._book

    def connection(self, connection: Connection) -> None:
        rules = self._by_service.get("conn")
        if rules:
            end = connection.ts + (connection.duration or 0)
            make = self._lines.conn
            self._check(rules, LoggedEvent("conn", connection.ts, end, connection.flow, lambda: make(connection)))

    def transaction(self, transaction: HttpTransaction) -> None:
        rules, of_files = self._by_service.get("http"), self._by_service.get("files")
        if of_files:
            _, lines = self._lines.transaction(transaction)
            files = [f for m in (transaction.request, transaction.response) if m is not None for f in m.files]
            for file, line in zip(files, lines, strict=True):
                self._check(of_files, HttpEvent("files", file.first_ts, transaction, partial(_same, line)))
        if rules:
            make = self._lines.transaction
            self._check(rules, HttpEvent("http", transaction.ts, transaction, lambda: make(transaction)[0]))

    def reply(self, exchange: OcspExchange, response: OcspResponse, fuid: str, began: int) -> None:
        rules = self._by_service.get("ocsp")
        if rules:
            for line in self._lines.ocsp(response, fuid, began):
                self._check(rules, LoggedEvent("ocsp", began, began, exchange.flow, partial(_same, line)))

    def cleartext(self, cleartext: Cleartext) -> None:
        rules = self._by_service.get("cleartext")
        if rules:
            make = self._lines.cleartext
            event = LoggedEvent("cleartext", cleartext.ts, cleartext.ts, cleartext.flow, lambda: make(cleartext))
            self._check(rules, event)

    def exchange(self, exchange: OcspExchange, issuer: str | None, software: str | None, audit: Audit | None) -> None:
        rules = self._by_service.get("ocsp_exchange")
        if rules:
            make = self._lines.exchange
            end = max(exchange.ts, exchange.response_ts or 0)
            event = LoggedEvent(
                "ocsp_exchange", exchange.ts, end, exchange.flow, lambda: make(exchange, issuer, software, audit)
            )
            self._check(rules, event)

    def leak(self, leak: Leak, noticed: bool) -> None:
        rules = self._by_service.get("leak")
        if rules:
            make = self._lines.leak
            self._check(rules, LoggedEvent("leak", leak.ts, leak.ts, leak.flow, lambda: make(leak)))
        rules = self._by_service.get("notice")
        if rules and noticed:
            make = self._lines.leak_notice
            self._check(rules, LoggedEvent("notice", leak.ts, leak.ts, leak.flow, lambda: make(leak)))

    def weird(self, weird: Weird) -> None:
        rules = self._by_service.get("weird")
        if rules:
            make = self._lines.weird
            self._check(rules, LoggedEvent("weird", weird.ts, weird.ts, weird.flow, lambda: make(weird)))

    def finish(self) -> None:
        for correlator in self._correlators:
            for finding in correlator.finish():
                self._found(correlator, finding)

    def _check(self, rules: Iterable[_Active], event: LoggedEvent) -> None:
        for active in rules:
            if active.matches(event):
                self._fired(active, event)

    def _fired(self, active: _Active, event: LoggedEvent) -> None:
        active.hits += 1
        if not active.is_quiet:
            notice = self._book.event(active.rule.head, event)
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
            notice = self._book.correlation(head, finding.event, finding.group, finding.count)
            if notice is not None:
                self._noticed(notice, finding.event)
        self._correlate(head.id, self._heard[head.id], finding.event)

    def _noticed(self, notice: Notice, event: LoggedEvent) -> None:
        """Rules over notices see those of other rules, too, but not those of one another."""
        rules = self._by_service.get("notice")
        if rules and event.service != "notice":
            make = self._lines.notice
            self._check(rules, LoggedEvent("notice", notice.ts, notice.end, notice.flow, lambda: make(notice)))


def _same(line: Line) -> Line:
    return line
