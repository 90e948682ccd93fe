"""Rules over events as their lines are written; what fires becomes a notice.

Packet time is the only time: a replay finds what was found live. Rules stand by service; those of which nothing can be
true of an event are passed over (`sensor.rules.index`), the others are evaluated. Compiled where a compiler is found
(engine.pxd).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sensor.audit.findings import Audit
from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import BodyFile, HttpTransaction
from sensor.logs.observer import Notice
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.rules.correlating import Correlator, Finding, make_correlators
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.rules.index import Rules, merge
from sensor.rules.lines import Line, LineReader
from sensor.rules.notices import NoticeBook
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
        # What is asked about each event; an event that a rule may match has its own.
        self._conn_probe = ConnProbe.__new__(ConnProbe)
        self._http_probe = HttpProbe.__new__(HttpProbe)
        self._file_probe = FileProbe.__new__(FileProbe)
        self._ocsp_probe = OcspProbe.__new__(OcspProbe)
        self._exchange_probe = ExchangeProbe.__new__(ExchangeProbe)
        self._leak_probe = LeakProbe.__new__(LeakProbe)
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
        probe = self._conn_probe
        probe.look_at(connection)
        found = service.guarded(service.candidates(probe), probe)
        if found:
            probe = ConnProbe(connection)
            end = connection.ts + (connection.duration or 0)
            line = partial(self._lines.conn, connection)
            self._check(service, found, LoggedEvent("conn", connection.ts, end, connection.flow, line, probe))

    def transaction(self, transaction: HttpTransaction) -> None:
        if self._files is not None:
            self._carried(self._files, transaction)
        service = self._http
        if service is None:
            return
        request, response = transaction.request, transaction.response
        probe = self._http_probe
        probe.look_at(transaction)
        found = service.candidates(probe)
        index = service.index
        if index.client is not None and request is not None:
            found = merge(found, index.client.candidates(request.headers))
        if index.server is not None and response is not None:
            found = merge(found, index.server.candidates(response.headers))
        if found:
            found = service.guarded(found, probe)
        if found:
            probe = HttpProbe(transaction)
            line = partial(self._http_line, transaction)
            self._check(service, found, HttpEvent("http", transaction.ts, transaction, line, probe))

    def _carried(self, service: Roster, transaction: HttpTransaction) -> None:
        """The lines of files.log of a transaction."""
        place = 0
        request, response = transaction.request, transaction.response
        if request is not None and request.files:
            place = self._files_of(service, transaction, request.files, 0)
        if response is not None and response.files:
            self._files_of(service, transaction, response.files, place)

    def _files_of(self, service: Roster, transaction: HttpTransaction, files: tuple[BodyFile, ...], place: int) -> int:
        """Of one message; `place`: how many lines were before. Returns how many are behind it."""
        probe = self._file_probe
        for file in files:
            probe.look_at(transaction.flow, file)
            found = service.guarded(service.candidates(probe), probe)
            if found:
                own = FileProbe(transaction.flow, file)
                line = partial(self._file_line, transaction, place)
                self._check(service, found, HttpEvent("files", file.first_ts, transaction, line, own))
            place += 1
        return place

    def reply(self, exchange: OcspExchange, response: OcspResponse, fuid: str, began: int) -> None:
        service = self._ocsp
        if service is None:
            return
        singles = response.responses
        repeats = len(singles) > 1  # then all with one CertID say what the first says
        probe = self._ocsp_probe
        for place, single in enumerate(singles):
            if repeats:
                found = tuple(range(len(service.rules)))
            else:
                probe.look_at(single)
                found = service.guarded(service.candidates(probe), probe)
            if found:
                line = partial(self._ocsp_line, response, fuid, began, place)
                event = LoggedEvent("ocsp", began, began, exchange.flow, line, None if repeats else OcspProbe(single))
                self._check(service, found, event)

    def cleartext(self, cleartext: Cleartext) -> None:
        service = self._cleartext
        if service is None:
            return
        probe = CleartextProbe(cleartext)
        found = service.guarded(service.candidates(probe), probe)
        if found:
            line = partial(self._lines.cleartext, cleartext)
            ts = cleartext.ts
            self._check(service, found, LoggedEvent("cleartext", ts, ts, cleartext.flow, line, probe))

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
        probe = self._exchange_probe
        probe.look_at(exchange, issuer, software, audit, on_crl)
        found = service.candidates(probe)
        if service.of_cert_id:
            found = merge(found, service.from_cert_id(exchange))
        if service.of_answer:
            found = merge(found, service.from_answer(exchange))
        if found:
            found = service.guarded(found, probe)
        if found:
            end = max(exchange.ts, exchange.response_ts or 0)
            probe = ExchangeProbe(exchange, issuer, software, audit, on_crl)
            line = partial(self._lines.exchange, exchange, issuer, software, audit, on_crl)
            event = LoggedEvent("ocsp_exchange", exchange.ts, end, exchange.flow, line, probe)
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

    def leak(self, leak: Leak) -> bool:
        service = self._leak
        if service is None:
            return False
        probe = self._leak_probe
        probe.look_at(leak)
        found = service.guarded(service.candidates(probe), probe)
        if not found:
            return False
        probe = LeakProbe(leak)
        line = partial(self._lines.leak, leak)
        return self._check(service, found, LoggedEvent("leak", leak.ts, leak.ts, leak.flow, line, probe))

    def leak_noticed(self, leak: Leak) -> None:
        service = self._notice
        if service is not None:
            line = partial(self._lines.leak_notice, leak)
            self._check(service, service.always, LoggedEvent("notice", leak.ts, leak.ts, leak.flow, line))

    def weird(self, weird: Weird) -> None:
        service = self._weird
        if service is None:
            return
        probe = WeirdProbe(weird)
        found = service.guarded(service.candidates(probe), probe)
        if found:
            line = partial(self._lines.weird, weird)
            self._check(service, found, LoggedEvent("weird", weird.ts, weird.ts, weird.flow, line, probe))

    def limits(self) -> dict[str, int]:
        crowded_out = sum([each.crowded_out for each in self._correlators])
        return {
            "rules.max_suppressed": self.book.forgotten,
            "rules.max_groups": sum([each.forgotten for each in self._correlators]) - crowded_out,
            "rules.max_correlated_events": crowded_out,
            "rules.max_group_events": sum([each.dropped for each in self._correlators]),
        }

    def finish(self) -> None:
        for correlator in self._correlators:
            for finding in correlator.finish():
                self._found(correlator, finding)

    def _check(self, service: Roster, found: Rules, event: LoggedEvent) -> bool:
        """Whether one fired that speaks for the built-in notice."""
        instead = False
        for number in found:
            active = service.rules[number]
            if active.matcher.test(event):
                instead = instead or active.is_instead
                self._fired(active, event)
        return instead

    def _fired(self, active: ActiveRule, event: LoggedEvent) -> None:
        if self._deferred is not None:
            self._deferred(active.head.id, event)
            return
        active.hits += 1
        if not active.is_quiet:
            notice = self.book.event(active.head, event)
            if notice is not None:
                self._noticed(notice, event)
        if active.correlators:
            self._correlate(active.head.id, active.correlators, event)

    def _correlate(self, rule_id: str, correlators: tuple[Correlator, ...], event: LoggedEvent) -> None:
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
