"""The composition root: wires the stages together and moves what comes out of one into the next.

It knows the order of the stages and nothing of what they do: frames go in at one end, log lines come out at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sensor.audit.stage import AuditStage
from sensor.capture.index import run_stop
from sensor.capture.source import FrameBatch, PacketSource
from sensor.ct.lookup import CtLookup, LateLookup
from sensor.fetch.model import CertificateFetch, CrlFetch
from sensor.fetch.stage import CRL_SUFFIXES, FetchStage
from sensor.flow.conn import Connection
from sensor.flow.decode import OUTCOMES
from sensor.flow.ledger import Ledger
from sensor.flow.stream import StreamReader
from sensor.flow.tracker import FlowTracker, Mark
from sensor.health.counters import Levels, Named, Running, Totals
from sensor.health.measures import Meter
from sensor.http.cleartext import count_unread, read_cleartext
from sensor.http.reader import HttpReader
from sensor.http.second import SecondReading
from sensor.http.transaction import HttpTransaction
from sensor.logs.script import Script
from sensor.logs.sinks.sink import SinkError
from sensor.logs.writer import LogWriter
from sensor.ocsp.exchange import OcspDecoder
from sensor.ocsp.model import OcspExchange
from sensor.privacy.attribution import LeakStage
from sensor.privacy.fetched import FetchLeaks
from sensor.privacy.leak import Leak
from sensor.report.notes import Tallier
from sensor.settings import Settings
from sensor.weird import FlowId, Weird

if TYPE_CHECKING:  # for several workers only
    from sensor.audit.shared import SharedVerdicts

_OCSP_TYPES = frozenset({"application/ocsp-request", "application/ocsp-response"})
_SETTLED_WITHIN_S = 1.0
_ENDED_AT_ONCE = 1024  # flows, at the end of the input: what they leave fits into the processor's cache


class Accounts(msgspec.Struct, frozen=True):
    """Where every frame and every payload byte went. payload = delivered + duplicate + discarded + held at the end."""

    frames: int
    wire_bytes: int
    outcomes: dict[str, int]
    flows: int
    flows_evicted: int
    payload_bytes: int
    delivered_bytes: int
    duplicate_bytes: int
    discarded_bytes: int
    held_bytes: int
    gap_bytes: int
    fragments: int
    fragments_expired: int
    discarded: dict[str, int]
    cut_bytes: int


class Pipeline:
    """One sensor: feed it batches, `finish` it, and the logs are written. `writer` and `summary` may be None.

    With `health.in_replay` it measures itself in packet time, by cutting the batches where an interval ends; who has
    a clock calls `measure` instead.
    """

    def __init__(self, settings: Settings, lookup: CtLookup, writer: LogWriter | None, summary: Tallier | None) -> None:
        self._out: list[object] = []
        http = settings.http
        out = self._out
        self._http = http
        self._with_cleartext = writer is not None and settings.logs.cleartext
        self._form_limit = http.max_form_bytes if settings.logs.cleartext else 0
        self._unread = 0

        late = lookup if isinstance(lookup, LateLookup) else None
        prompt = lookup if late is None else late.prompt
        self._fetches = FetchStage(settings.crl, settings.audit, prompt)
        self.revocations = self._fetches.revocations
        self.revocations.catch_up = self._catch_up
        self._sink_error: SinkError | None = None
        new_tap = self._fetches.new_tap

        ledger = Ledger()

        def make_reader(flow: FlowId, probation: bool) -> StreamReader:
            return HttpReader(flow, out, http, probation=probation, new_tap=new_tap, ledger=ledger)

        self.tracker = FlowTracker(settings.flow, make_reader, out, ledger)
        self._ocsp = OcspDecoder(settings.ocsp)
        self._audit = AuditStage(settings.audit, prompt) if settings.audit.enabled else None
        self._leaks = LeakStage(settings.privacy, lookup, prompt)
        self._fetch_leaks = FetchLeaks(settings.privacy, prompt)
        self._lookup = prompt
        self._describe = self._leaks.describe
        self._deferred = late
        self._writer = writer
        self._summary = summary
        if writer is not None and summary is not None:
            writer.on_weird = summary.weird
        self._on_error: Callable[[FlowId, Exception], None] | None = None
        self._errors = 0
        self.limits_beside: Callable[[], dict[str, int]] | None = None
        """What `limits` has besides: of what is behind the writer."""
        self._meter = Meter(settings.health)
        self._by_packets = settings.health.in_replay and writer is not None
        self.clock: Callable[[], int] | None = None
        """If set, nanoseconds for `packets_ns` and `messages_ns`: time spent on packets, on what is in them."""
        self.packets_ns = 0
        self.messages_ns = 0
        self.leak_counts: dict[str, int] = {}
        """Leaks by grade."""
        self.transactions = 0
        self.exchanges = 0
        self.leaks = 0

    def prepare(self) -> None:
        """Reads what is otherwise read when it is first needed: later files may be out of reach."""
        self._leaks.prepare()

    def take_shard(
        self, shard: int, shards: int, seed: int, script: Script, verdicts: SharedVerdicts | None = None
    ) -> None:
        """From now on this is one of several that share the flows (FlowTracker); `script` is to be played for all."""
        self.tracker.take_shard(shard, shards, seed)
        self.revocations.share()
        self._leaks.defer()
        self._fetch_leaks.defer()
        if self._audit is not None:
            self._audit.history.defer(script.answers)
            self._audit.signatures.take_part(shards, verdicts)

    @property
    def signatures_over_budget(self) -> int:
        """How often a signature was not checked because too many had been."""
        return 0 if self._audit is None else self._audit.signatures.over_budget

    def run(self, source: PacketSource, progress: Callable[[], None] | None = None) -> None:
        """All of `source`, then `finish`. `progress` is called after each batch."""
        for batch in source.batches():
            self.feed(batch)
            if source.weirds:
                self.take_weirds(source.weirds)
            if progress is not None:
                progress()
        self.finish()
        self.take_weirds(source.weirds)

    def feed(self, batch: FrameBatch) -> None:
        if batch.first == batch.stop:
            self._idle(batch)
            return
        if self._by_packets:
            self._feed_measured(batch)
            return
        if self.clock is not None:
            self._feed_timed(batch, self.clock)
            return
        self.tracker.feed(batch)
        self._drain()

    def _feed_timed(self, batch: FrameBatch, clock: Callable[[], int]) -> None:
        began = clock()
        self.tracker.feed(batch)
        between = clock()
        self._drain()
        self.packets_ns += between - began
        self.messages_ns += clock() - between

    def _idle(self, batch: FrameBatch) -> None:
        """The source waits for more: time may pass all the same, and whoever reads the logs should not wait."""
        if batch.quiet_until:
            self.tracker.advance(batch.quiet_until)
        self._drain()
        if self._writer is not None:
            self._writer.flush()

    def finish(self) -> None:
        """The input is over: all flows end here; look-ups still out are awaited."""
        while self.tracker.finish(_ENDED_AT_ONCE):
            self._drain()
        self._drain()
        if self._deferred is not None:
            self._tell(self._leaks.settle(self._deferred.settle(_SETTLED_WITHIN_S)))
        if self._by_packets and self._meter.due >= 0:
            if self._writer is not None:
                self._writer.flush()  # what is behind it counts, too
            self.measure(self.tracker.now)
        for look in at_end:
            look(self)

    def _feed_measured(self, batch: FrameBatch) -> None:
        """Measures before the first frame of each interval, wherever the batches are cut."""
        meter, first, stop, number = self._meter, batch.first, batch.stop, batch.number
        while batch.first < stop:
            ts = batch.ts[batch.first]
            meter.begin(ts)
            if ts >= meter.due:
                self.measure(meter.due)
                meter.skip_to(ts)
            batch.stop = run_stop(batch.ts, batch.first, stop, meter.due, False)
            self.tracker.feed(batch)
            self._drain()
            batch.number += batch.stop - batch.first
            batch.first = batch.stop
        batch.first, batch.stop, batch.number = first, stop, number

    def measure(self, ts: int, running: Running | None = None) -> None:
        """Writes what there is to say of the time since the last measurement; it is `ts` now, in nanoseconds.

        Who measures by a clock does so first when it starts: that says nothing and begins the first interval.
        """
        if self._meter.due < 0:
            self._meter.begin(ts)
            return
        weirds = {} if self._writer is None else dict(self._writer.weird_counts)
        named = Named(weirds=weirds, limits=self.limits())
        measures = self._meter.measure(ts, self.totals(), self.levels(), running, named)
        if self._writer is not None:
            self._writer.health(measures)

    def totals(self) -> Totals:
        """What has been counted so far."""
        tracker, leaks = self.tracker, self._leaks
        reassembler = tracker.reassembler
        counts = tracker.counts
        lines = {} if self._writer is None else self._writer.counts
        weirds = 0 if self._writer is None else sum(self._writer.weird_counts.values())
        odd = sum(count for (_, weird), count in zip(OUTCOMES, counts, strict=True) if weird is not None)
        return Totals(
            frames=tracker.frames,
            wire_bytes=tracker.wire_bytes,
            tcp_frames=counts[0],
            fragment_frames=counts[1],
            ordinary_frames=sum(counts) - counts[0] - counts[1] - odd,
            odd_frames=odd,
            flows=tracker.flows_seen,
            flows_evicted=tracker.evicted,
            emergencies=tracker.emergency.times,
            timers=tracker.timers,
            fragments_expired=tracker.defragmenter.expired,
            payload_bytes=reassembler.payload_bytes,
            delivered_bytes=reassembler.delivered_bytes,
            duplicate_bytes=reassembler.duplicate_bytes,
            discarded_bytes=reassembler.discards.total,
            **{f"discarded_{why}_bytes": count for why, count in reassembler.discards.by_why().items()},
            cut_bytes=reassembler.discards.cut,
            gap_bytes=reassembler.gap_bytes,
            acks=reassembler.acks,
            ack_gaps=reassembler.ack_gaps,
            transactions=self.transactions,
            files=lines.get("files", 0),
            exchanges=self.exchanges,
            leaks=self.leaks,
            weirds=weirds,
            internal_errors=self.internal_errors,
            fields_cut=0 if self._writer is None else self._writer.fields_cut,
            lookups_found=leaks.found,
            lookups_not_found=leaks.not_found,
            lookups_unavailable=leaks.unavailable,
            lookups_late=0 if self._deferred is None else self._deferred.late,
            lookups_refused=0 if self._deferred is None else self._deferred.refused,
            log_lines=sum(lines.values()),
        )

    def discarded(self) -> dict[str, int]:
        """Octets of TCP payload that no reader was told of, by why: `flow.reassembly`."""
        return {why: octets for why, octets in self.tracker.reassembler.discards.by_why().items() if octets}

    def limits(self) -> dict[str, int]:
        """How often each limit was reached so far, by settings key, and behind a colon what it cost; those that were.
        Of what weirds tell by their names, weirds are the count."""
        found = {
            **self.tracker.limits(),
            "http.max_form_bytes": self._unread,
            **self._lookup.limits(),
            "privacy.max_tracked": self._leaks.forgotten + self._fetch_leaks.forgotten,
            "privacy.max_waiting_bytes": self._leaks.not_held,
            "crl.max_asked": self.revocations.forgotten_questions if self.revocations.watched else 0,
            "crl.max_crls": self.revocations.forgotten_crls - self.revocations.forgotten_for_room,
            "crl.max_remembered": self.revocations.forgotten_for_room,
        }
        if self._audit is not None:
            found["audit.max_certificates"] = self._audit.history.forgotten
            found["audit.signatures_per_s"] = self._audit.signatures.over_budget
            found["audit.max_verdicts"] = self._audit.signatures.forgotten
        if self._deferred is not None:
            found["ct.max_waiting"] = self._deferred.refused
        if self._writer is not None:
            found.update(self._writer.limits())
        if self.limits_beside is not None:
            found.update(self.limits_beside())
        return {key: times for key, times in found.items() if times}

    def levels(self) -> Levels:
        """What there is at the moment."""
        tracker = self.tracker
        return Levels(
            flows=len(tracker.flows),
            flows_half_open=tracker.half_open(),
            timers=tracker.timers_set(),
            held_bytes=tracker.reassembler.total_held,
            fragment_bytes=tracker.defragmenter.held_bytes,
            emergency=tracker.emergency.is_on,
            lookups_waiting=0 if self._deferred is None else self._deferred.waiting,
            leaks_waiting=self._leaks.waiting,
        )

    def set_back(self, now: int) -> None:
        """The clock was set back to `now`. Packet time does not run backwards: to go on, every flow would end with each
        of its packets; so all end once, here, and begin anew with their next one."""
        while self.tracker.finish(_ENDED_AT_ONCE):
            self._drain()
        self._drain()
        self.tracker.begin_anew()
        self._weird(Weird(now, "clock_jump", None, "set back", "CAPTURE"))

    def take_weirds(self, weirds: list[Weird]) -> None:
        """Oddities that a source met, in the order in which they are; empties the list."""
        for weird in weirds:
            self._weird(weird)
        weirds.clear()

    def accounts(self) -> Accounts:
        """Where the frames and bytes went so far."""
        tracker = self.tracker
        reassembler = tracker.reassembler
        return Accounts(
            tracker.frames,
            tracker.wire_bytes,
            tracker.outcomes(),
            tracker.flows_seen,
            tracker.evicted,
            reassembler.payload_bytes,
            reassembler.delivered_bytes,
            reassembler.duplicate_bytes,
            reassembler.discards.total,
            tracker.held_bytes(),
            reassembler.gap_bytes,
            tracker.defragmenter.fragments,
            tracker.defragmenter.expired,
            reassembler.discards.by_why(),
            reassembler.discards.cut,
        )

    def complete_summary(self) -> None:
        """Give the summary what comes from no observation."""
        if self._summary is not None:
            ordinary = ("tcp", "ip_fragment")
            self._summary.other_frames = {k: n for k, n in self.tracker.outcomes().items() if k not in ordinary}
            self._summary.lookups_failed = self._leaks.unavailable + self._fetch_leaks.unavailable
            self._summary.limits = self.limits()
            self._summary.discarded = self.discarded()

    def _drain(self) -> None:
        """What the flows have produced since the last time, in order."""
        if self._sink_error is not None:
            raise self._sink_error
        if self._deferred is not None and self._leaks.waiting:
            self._tell(self._leaks.settle(self._deferred.take_late()))
        out = self._out
        if not out:
            return
        writer, summary = self._writer, self._summary
        for item in out:
            if type(item) is Connection:  # isinstance takes ten times as long to say no
                if writer is not None:
                    writer.connection(item)
                if summary is not None:
                    summary.connection(item)
            elif type(item) is HttpTransaction or type(item) is SecondReading:
                try:
                    if type(item) is HttpTransaction:
                        self._transaction(item)
                    else:
                        self._second(item)  # type: ignore[arg-type]  # mypy does not narrow what it is not
                except SinkError:
                    raise
                except Exception as error:  # noqa: BLE001  (a bug of ours costs this message, not the others)
                    self._contain(item, error)
            elif type(item) is Weird:
                self._weird(item)
            elif type(item) is Mark and writer is not None:
                writer.cut(item.key, item.number)
        out.clear()

    def _catch_up(self) -> None:
        """While packets are read. That nothing can be written is no fault of the flow that is: it is told behind it."""
        try:
            self._drain()
        except SinkError as error:
            self._sink_error = error

    def contain_errors(self, on_error: Callable[[FlowId, Exception], None]) -> None:
        """From now on a bug of ours is told to `on_error` and costs the flow or message it met; else it goes on up."""
        self._on_error = on_error
        self.tracker.on_error = on_error

    @property
    def internal_errors(self) -> int:
        """Bugs of ours that were contained."""
        return self._errors + self.tracker.internal_errors

    def _contain(self, item: HttpTransaction | SecondReading, error: Exception) -> None:
        if self._on_error is None:
            raise error
        self._errors += 1
        ts = item.ts if isinstance(item, HttpTransaction) else item.transaction.ts
        self._weird(Weird(ts, "internal_error", item.flow, type(error).__name__, "HTTP"))
        self._on_error(item.flow, error)

    def _transaction(self, transaction: HttpTransaction) -> None:
        writer, summary = self._writer, self._summary
        self.transactions += 1
        if writer is not None:
            writer.transaction(transaction)
        if summary is not None:
            summary.transaction(transaction)
        request, response = transaction.request, transaction.response
        fetched = request is not None and request.target[-4:] in CRL_SUFFIXES
        if response is not None:
            for file in response.files:
                if file.reading is not None or (type(file.content) is bytes and file.mime_type not in _OCSP_TYPES):
                    fetched = True
        if fetched:
            self._fetched(transaction)
        events = self._ocsp.feed(transaction)
        exchanges = [event for event in events if type(event) is OcspExchange]
        if self._form_limit and request is not None and request.files:
            self._unread += count_unread(request, self._form_limit)
        if self._with_cleartext and writer is not None:
            cleartext = read_cleartext(transaction, bool(exchanges), self._http)
            if cleartext is not None:
                writer.cleartext(cleartext)
        if not events:
            return
        if transaction.repeated:
            exchanges = []
        if exchanges:
            first = exchanges[0]
            reply = first.response
            if reply is not None:
                for der in reply.certs:
                    self._lookup.issuer_from_traffic(der)
            audits = () if self._audit is None else self._audit.feed(exchanges, transaction)
            leaks = self._leaks.feed(exchanges)
            self.exchanges += len(exchanges)
            if writer is not None:
                writer.exchanges(exchanges, leaks, self._describe, audits, self.revocations.on_crls(exchanges, audits))
            if summary is not None:
                for exchange in exchanges:
                    summary.exchange(exchange)
                if audits:
                    summary.audits(exchanges, audits)
            if leaks:
                self._tell(leaks)
        if len(exchanges) != len(events):
            for event in events:
                if type(event) is Weird:
                    self._weird(event)

    def _second(self, reading: SecondReading) -> None:
        """What was perhaps said, beside what the other logs tell: its exchanges, and what they gave away. It has no
        files, and is not audited: what is remembered of replies is what was surely said."""
        exchanges = [
            msgspec.structs.replace(event, orig_fuid=None, resp_fuid=None)
            for event in self._ocsp.feed(reading.transaction)
            if type(event) is OcspExchange
            and not (reading.known_reply and (event.request is None or event.cert_id not in event.request.cert_ids))
            and not (event.response is None and reading.known_request)
        ]
        if not exchanges:
            return
        leaks = self._leaks.feed(exchanges)
        self.exchanges += len(exchanges)
        if self._writer is not None:
            self._writer.exchanges(exchanges, leaks, self._leaks.describe)
        if self._summary is not None:
            for exchange in exchanges:
                self._summary.exchange(exchange)
        if leaks:
            self._tell(leaks)

    def _fetched(self, transaction: HttpTransaction) -> None:
        """CRLs and certificates, if there are any."""
        writer = self._writer
        for event in self._fetches.feed(transaction):
            if type(event) is Weird:
                self._weird(event)
            elif type(event) is CrlFetch:
                if writer is not None:
                    writer.crl(event)
                if not event.further:
                    self._tell([self._fetch_leaks.crl(event)])
            elif type(event) is CertificateFetch:
                if writer is not None:
                    writer.certificates(event)
                leak = self._fetch_leaks.certificates(event)
                if leak is not None:
                    self._tell([leak])

    def _tell(self, leaks: list[Leak]) -> None:
        self.leaks += len(leaks)
        for leak in leaks:
            grade = leak.grade._value_  # its property costs ten times as much
            self.leak_counts[grade] = self.leak_counts.get(grade, 0) + 1
        if self._writer is not None:
            self._writer.leaks(leaks)
        if self._summary is not None:
            for leak in leaks:
                self._summary.leak(leak)

    def _weird(self, weird: Weird) -> None:
        if self._writer is not None:
            self._writer.weird(weird)
        if self._summary is not None:
            self._summary.weird(weird)


at_end: list[Callable[[Pipeline], None]] = []
"""Called with each pipeline whose input is over: a test sees there that its accounts balance."""
