"""What the logs about the sensor itself say; see `logs.records`, of which they are a part."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from sensor.logs.schema import Count, Interval, Record


class StatsRecord(Record, frozen=True, kw_only=True):
    """What went through the sensor since the line before: Zeek's fields. Of `replay` only with health.in_replay."""

    peer: str
    """Who measured: ocspwatch."""
    mem: Count | UnsetType = UNSET
    """Memory in use, in MB; left out in replay, as are all fields that depend on more than the packets."""
    pkts_proc: Count
    """Packets processed."""
    bytes_recv: Count
    """Bytes of these packets on the wire."""
    pkts_dropped: Count | UnsetType = UNSET
    """Packets that the kernel dropped because the sensor was too slow."""
    pkts_link: Count | UnsetType = UNSET
    """Packets that the kernel had for the sensor, dropped ones included."""
    pkt_lag: Interval | UnsetType = UNSET
    """How far the last packet processed lies back."""
    events_proc: Count
    """Observations made: connections, transactions, exchanges, disclosures, weirds."""
    events_queued: Count
    """The same: none waits here."""
    active_tcp_conns: Count
    """TCP connections in memory."""
    active_udp_conns: Count
    """Always 0: UDP is not followed."""
    active_icmp_conns: Count
    """Always 0: ICMP is not followed."""
    tcp_conns: Count
    """TCP connections begun."""
    udp_conns: Count
    """Always 0."""
    icmp_conns: Count
    """Always 0."""
    timers: Count
    """Timers set."""
    active_timers: Count
    """Timers that are set."""
    files: Count
    """Lines of files.log."""
    active_files: Count
    """Always 0: a body is counted when it is over."""
    dns_requests: Count
    """Always 0."""
    active_dns_requests: Count
    """Always 0."""
    reassem_tcp_size: Count
    """Bytes held because of a hole before them."""
    reassem_file_size: Count
    """Always 0."""
    reassem_frag_size: Count
    """Bytes of IP fragments held."""
    reassem_unknown_size: Count
    """Always 0."""


class CaptureLossRecord(Record, frozen=True, kw_only=True):
    """How much of what was acknowledged was not captured, wherever it was lost: exactly Zeek's fields."""

    ts_delta: Interval
    """Time since the line before."""
    peer: str
    """Who measured: ocspwatch."""
    gaps: Count
    """Acknowledgments of data that was not seen."""
    acks: Count
    """Acknowledgments of something new, in connections whose handshake was seen."""
    percent_lost: float
    """gaps of acks, in percent; 0.0 if there were none."""


class OwnStatsRecord(Record, frozen=True, kw_only=True):
    """What Zeek's stats.log has no field for; since the line before, unless it says otherwise."""

    ts_delta: Interval
    """Time since the line before."""
    peer: str
    """Who measured: ocspwatch."""
    emergency: bool
    """Whether the sensor is in emergency mode now: shorter timeouts."""
    emergencies: Count
    """How often it went into it."""
    pkts_lost_by_interface: Count | UnsetType = UNSET
    """Packets that the interfaces say they lost: no counter of the sensor's own has them."""
    pkts_tcp: Count
    """Packets with TCP, of stats.log's pkts_proc."""
    pkts_fragment: Count
    """... that are fragments."""
    pkts_other: Count
    """... without TCP."""
    pkts_odd: Count
    """... that could not be decoded; weird.log says why."""
    half_open_conns: Count
    """Connections in memory of which only the SYN was seen, now."""
    evicted_conns: Count
    """Connections dropped before their time because the table was full."""
    fragments_expired: Count
    """Datagrams whose fragments did not all come."""
    payload_bytes: Count
    """TCP payload seen: the sum of the next three and of what is held."""
    delivered_bytes: Count
    """... put in order."""
    duplicate_bytes: Count
    """... that had been seen before."""
    discarded_bytes: Count
    """... outside of what was expected: the sum of the next five."""
    discarded_behind_fin_bytes: Count
    """Of these, what came behind a FIN that ended its direction."""
    discarded_out_of_window_bytes: Count
    """... too far ahead of what was expected."""
    discarded_too_late_bytes: Count
    """... held, and passed over when a gap was given up."""
    discarded_with_reset_bytes: Count
    """... in a segment with RST."""
    discarded_before_start_bytes: Count
    """... of numbers before the first one of its direction."""
    cut_bytes: Count
    """TCP payload cut off its segments by the capture; gap_bytes has it, too, where more came behind."""
    gap_bytes: Count
    """TCP payload that was not seen."""
    transactions: Count
    """Lines of http.log."""
    exchanges: Count
    """Lines of ocsp_exchange.log."""
    leaks: Count
    """Lines of leak.log."""
    weirds: Count
    """Weirds, logged or held back."""
    lookups_found: Count
    """Certificates looked up and known."""
    lookups_not_found: Count
    """... not known."""
    lookups_unavailable: Count
    """... that could not be looked up."""
    lookups_late: Count
    """Answers that came later than they were waited for; the disclosure was logged then."""
    lookups_refused: Count
    """Look-ups not tried because too many waited."""
    lookups_waiting: Count
    """Look-ups that wait for an answer, now."""
    leaks_waiting: Count
    """Disclosures that wait for one, now."""
    log_lines: Count
    """Lines written to all logs."""
    log_fields_cut: Count
    """Texts in them of which the end is missing: `logs.max_field_bytes`, the weird `log_string_field_truncated`."""
    log_lines_dropped: Count | UnsetType = UNSET
    """Lines that could not be written, and are lost."""
    log_queue_bytes: Count | UnsetType = UNSET
    """Bytes of lines that wait to be written, now."""
    internal_errors: Count
    """Bugs of ours; each has cost one connection or message."""
    cpu: Interval | UnsetType = UNSET
    """Processor time used."""


class WeirdStatsRecord(Record, frozen=True, kw_only=True):
    """How often each weird happened since the lines before, logged or not: exactly Zeek's fields."""

    name: str
    """Which oddity, as in weird.log."""
    num_seen: Count
    """How often."""


class LimitsRecord(Record, frozen=True, kw_only=True):
    """A limit that was reached since the lines before: docs/limits.md says what it bounds and what gives way."""

    ts_delta: Interval
    """Time since the lines before."""
    peer: str
    """Who measured: ocspwatch."""
    limit: str
    """Its settings key."""
    cost: str | UnsetType = UNSET
    """What had to go, where the limit has several ways: closed, half_open, oldest, oldest_http, oldest_ocsp."""
    times: Count
    """How often."""
