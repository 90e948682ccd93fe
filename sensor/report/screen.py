"""What a running sensor shows on a terminal, as lines of styled text; `report.terminal` puts them there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from sensor.health.measures import percent
from sensor.health.metrics import Report
from sensor.report import text
from sensor.report.board import Board, Disclosure
from sensor.report.disclosures import total_of
from sensor.report.layout import Line, Span, beside, fit, line_width, pad, title, width_of
from sensor.report.merged import Glances
from sensor.report.text import plural, shown

MAX_WIDTH = 120  # as the summary
_TOP = 10
_SIDE_BY_SIDE = 70  # columns from which two lists fit next to each other
_WITH_CLOCK = 56  # columns from which a disclosure has its time
_WITH_GRADE = 40  # ... and its grade
_BEHIND_NS = 3_000_000_000  # an interface on which nothing comes is up to two seconds behind
_OVER = 5  # moments over which a rate is taken


class Rates(msgspec.Struct, frozen=True):
    """In a second."""

    packets: float = 0.0
    bits: float = 0.0
    dropped: float = 0.0


class Pace:
    """Reports, one after the other, to rates over the last few of them."""

    def __init__(self) -> None:
        self._moments: deque[tuple[float, int, int, int]] = deque(maxlen=_OVER)

    def add(self, at: float, report: Report) -> Rates:
        """`at` in seconds of a clock that never runs back."""
        totals = report.totals
        now = (at, totals.frames, totals.wire_bytes, report.running.dropped_frames)
        self._moments.append(now)
        before = self._moments[0]
        took = now[0] - before[0]
        if took <= 0:
            return Rates()
        packets, octets, dropped = ((new - old) / took for new, old in zip(now[1:], before[1:], strict=True))
        return Rates(packets, 8 * octets, dropped)


class Moment(msgspec.Struct, frozen=True):
    """What there is to show. `now` is in seconds since 1970, `note` the last thing that was said besides."""

    source: str
    now: float
    report: Report
    rates: Rates
    board: Board | Glances
    note: str = ""


def render_screen(moment: Moment, columns: int, rows: int) -> list[Line]:
    """At most `rows` lines, none as wide as `columns`: behind each there is room to clear what was there before. What
    there is no room for is left out, the lists first."""
    columns = max(1, columns - 1)
    width = min(columns, MAX_WIDTH)
    head = [*_head(moment, width), *(whole_parts(line, width) for line in _state(moment))]
    foot: list[Line] = [[(fit(shown(moment.note), width), "warn")]] if moment.note else []
    room = rows - len(head) - len(foot)
    page = head
    if room >= 3:
        most = min(_TOP, (room - 4) // 3) if room >= 10 else 0
        latest = room - 2 - (most + 2 if most else 0)
        page += [[], *_latest(moment.board, width, latest)]
        if most:
            page += [[] for _ in range(rows - len(foot) - len(page) - most - 2)]
            page += [[], *_most(moment.board, width, most)]
    return [cut(line, columns) for line in [*page[: max(0, rows - len(foot))], *foot][:rows]]


def render_line(report: Report, rates: Rates) -> str:
    """The same in one line, for a log."""
    totals, levels = report.totals, report.levels
    parts = [
        f"{rates.packets:,.0f} packets/s",
        _bits(rates.bits),
        f"{report.running.dropped_frames:,} dropped",
        f"{percent(totals.ack_gaps, totals.acks):.2f}% of acknowledgments unseen",
        plural(levels.flows, "connection"),
        plural(totals.leaks, "disclosure"),
    ]
    return ", ".join(parts + ["emergency mode"] * levels.emergency)


def _head(moment: Moment, width: int) -> list[Line]:
    up = text.long_span(int((moment.now - moment.report.started_at) * 1e9))
    clock = text.moment(int(moment.now * 1e9)).rpartition(" ")[2]
    name = f"ocspwatch  {shown(moment.source)}"
    return [title(fit(name, width - 2), f"up {up} · {clock} UTC", width)]


def _state(moment: Moment) -> list[Line]:
    """What comes, what is lost, what is held; and, if need be, what is wrong."""
    report, rates = moment.report, moment.rates
    totals, levels, running = report.totals, report.levels, report.running
    lost = percent(running.dropped_frames, running.link_frames)
    unseen = percent(totals.ack_gaps, totals.acks)
    first: Line = [
        (f"  {rates.packets:,.0f} packets/s  {_bits(rates.bits)}", "strong"),
        (f"   {plural(totals.frames, 'packet')}, {text.octets(totals.wire_bytes)}", ""),
    ]
    second: Line = [
        (f"  {running.dropped_frames:,} dropped", "bad" if rates.dropped else "warn" if running.dropped_frames else ""),
        (f", {lost:.2f}%", ""),
        (f"   {unseen:.2f}% of acknowledgments unseen", "warn" if unseen >= 1 else ""),
    ]
    if running.interface_dropped_frames:
        second.append((f"   {running.interface_dropped_frames:,} lost by the interface", "warn"))
    if running.lag_ns is not None and running.lag_ns > _BEHIND_NS:
        second.append((f"   {text.span(running.lag_ns)} behind", "warn"))
    third: Line = [(f"  {plural(levels.flows, 'connection')}, {levels.flows_half_open:,} half-open", "")]
    alarms = [("emergency mode", "bad")] if levels.emergency else []
    if totals.internal_errors:
        alarms.append((plural(totals.internal_errors, "internal error"), "bad"))
    if running.log_lines_dropped:
        alarms.append((f"{plural(running.log_lines_dropped, 'log line')} lost", "bad"))
    if levels.leaks_waiting:
        alarms.append((f"{plural(levels.leaks_waiting, 'disclosure')} waiting for the look-up cache", "warn"))
    fourth: Line = [(f"{'   ' if place else '  '}{said}", style) for place, (said, style) in enumerate(alarms)]
    return [first, second, third, *([fourth] if fourth else [])]


def _latest(board: Board | Glances, width: int, rows: int) -> list[Line]:
    """A heading and the newest disclosures, the newest first."""
    clients, sites = total_of(board.clients_total, "client"), total_of(board.sites_total, "site")
    told = f"{board.leaks:,} so far · {clients} · {sites}" if board.leaks else ""
    lines: list[Line] = [title("Latest disclosures", told, width)]
    newest = board.latest(rows)
    if not newest:
        return [*lines, [("  none yet", "dim")]][: rows + 1]
    room = min(max(width_of(shown(each.client)) for each in newest), max(8, width // 3))
    return lines + [_disclosure(each, room, width) for each in newest]


def _disclosure(one: Disclosure, clients: int, width: int) -> Line:
    clock = text.moment(one.ts).rpartition(" ")[2]
    line: Line = [
        (f"  {clock}  " if width >= _WITH_CLOCK else "  ", "dim"),
        (pad(fit(shown(one.client), clients), clients), ""),
        (f"  {one.grade.value:<8}  " if width >= _WITH_GRADE else "  ", one.grade.value),
    ]
    room = width - line_width(line)
    software = shown(one.software)
    about = fit(shown(one.about), max(1, room))
    left = room - width_of(about) - width_of(software) - 2
    if left >= 0 and software:
        return [*line, (about, "strong"), (" " * (left + 2) + software, "dim")]
    return [*line, (about, "strong")]


def _most(board: Board | Glances, width: int, rows: int) -> list[Line]:
    """Two lists with a heading each: who disclosed most often, and what was disclosed most often."""
    clients = [(shown(client), times) for client, times in board.clients.top(rows)]
    sites = [(shown(site), times) for site, times in board.sites.top(rows)]
    if width < _SIDE_BY_SIDE:
        return [title("Top sites", "", width), *_list(sites, width)]
    half = (width - 4) // 2
    left = [title("Top clients", "", half), *_list(clients, half)]
    return beside(left, [title("Top sites", "", half), *_list(sites, half)], half + 4)


def _list(counted: Sequence[tuple[str, int]], width: int) -> list[Line]:
    if not counted:
        return [[("  none yet", "dim")]]
    digits = max(len(f"{times:,}") for _, times in counted)
    names = max(1, width - digits - 4)
    return [[("  " + pad(fit(name, names), names) + "  ", ""), (f"{times:>{digits},}", "")] for name, times in counted]


def _bits(bits: float) -> str:
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if bits < 999.5:
            return f"{bits:.0f} {unit}" if unit == "bit/s" or bits >= 99.95 else f"{bits:.1f} {unit}"
        bits /= 1000
    return f"{bits:,.1f} Gbit/s"


def whole_parts(line: Line, width: int) -> Line:
    """The line without the parts at its end for which there is no room; the first one stays."""
    kept = list(line)
    while len(kept) > 1 and line_width(kept) > width:
        kept.pop()
    return kept


def cut(line: Line, columns: int) -> Line:
    """The line's first `columns` cells."""
    kept: list[Span] = []
    for content, style in line:
        room = columns - line_width(kept)
        if width_of(content) > room:
            while content and width_of(content) > room:
                content = content[:-1]  # noqa: PLW2901  (cut until it fits)
            kept.append((content, style))
            break
        kept.append((content, style))
    return kept
