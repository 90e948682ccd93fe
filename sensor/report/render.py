"""A Summary in, a page of text out, that a person takes in at a glance: 80 columns and wider, with colour or without.

Laid out here and not by a library: what a general one costs to import (45 ms) is a tenth of what a whole replay of a
small capture may take, and every character off the wire has to pass `text.shown` in any case.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

from sensor.health.measures import WAITS
from sensor.report import text
from sensor.report.disclosures import render_clients, render_unlisted
from sensor.report.layout import (
    Line,
    Span,
    beside,
    columns_of,
    fit,
    labelled,
    line_width,
    pad,
    paint,
    title,
    width_of,
    wrap,
    wrap_spans,
)
from sensor.report.summary import FileRead, Responder, Summary
from sensor.report.text import plural, shown

MIN_WIDTH = 60
MAX_WIDTH = 120  # longer lines are harder to read, not easier
SHOWN_FILES = 8
SHOWN_DAMAGE = 8
SHOWN_ROWS = 10
SHOWN_WEIRDS = 12
SHOWN_UNSOUND = 12
SHOWN_NOTICES = 24
_MAX_BAR = 24
_GRAVITY = {"critical": 5, "high": 4, "medium": 3, "low": 2, "informational": 1}
_HIGH = 4

_TROUBLE = frozenset({"revoked", "mismatched", "no reply", "no status"})
_DISCARDED = {
    "behind_fin": "behind a FIN",
    "out_of_window": "out of the window",
    "too_late": "too late",
    "with_reset": "with a RST",
    "before_start": "before the start",
}
_PLAIN = str.maketrans({"─": "-", "━": "=", "…": "~", "·": "-", "µ": "u"})


def wants_colour(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `out` is a terminal that takes colours, and nobody set NO_COLOR (no-color.org)."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and out.isatty()


def print_summary(summary: Summary, out: TextIO, *, width: int | None = None, colour: bool | None = None) -> None:
    """Writes the summary to `out`, `width` cells wide (by default as wide as the terminal; 100 where there is none)."""
    if width is None:
        width = columns_of(out, 100)
    if colour is None:
        colour = wants_colour(out)
    page = "\n".join(paint(line, colour) for line in render_summary(summary, width)) + "\n"
    encoding = out.encoding or "utf-8"
    try:
        page.encode(encoding)
    except UnicodeEncodeError:
        page = page.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    out.write(page)


def render_summary(summary: Summary, width: int = 80) -> list[Line]:
    """The page as lines of styled text, none wider than `width` (which counts as 60 to 120)."""
    width = max(MIN_WIDTH, min(width, MAX_WIDTH))
    half = (width - 4) // 2
    ports, types = _ports(summary, half), _mime_types(summary, half)
    page = _inputs(summary, width)
    for block in (
        beside(ports, types, half + 4) if ports else types,
        _responders(summary, width),
        _unsound(summary, width),
        _raised(summary, width),
        render_clients(summary, width),
        render_unlisted(summary, width),
        _not_readable(summary, width),
    ):
        if block:
            page += [[], *block]
    return page


def _inputs(summary: Summary, width: int) -> list[Line]:
    files = summary.files
    read = [plural(len(files), "input"), plural(sum(f.frames for f in files), "packet")]
    octets = sum(f.octets for f in files)
    if octets:
        read.append(text.octets(octets))
    lines: list[Line] = [title("ocspwatch", " · ".join(read), width)]
    starts = [f.first_ts for f in files if f.first_ts is not None]
    ends = [f.last_ts for f in files if f.last_ts is not None]
    when = text.period(min(starts), max(ends)) if starts and ends else "no packets"
    if len(files) == 1:
        room = width - width_of(when) - 4
        lines.append([("  " + fit(shown(files[0].name), room) + "  ", ""), (when, "dim")])
        return lines + _other_frames(summary, width)
    lines.append([("  " + when, "dim")])
    # Damaged ones are shown whatever their place.
    listed = sorted(sorted(range(len(files)), key=lambda n: not files[n].damage)[:SHOWN_FILES])
    names = min(max((width_of(shown(files[n].name)) for n in listed), default=0), width - 43)
    lines += [_file(files[n], names) for n in listed]
    if len(files) > len(listed):
        lines.append([(f"  and {plural(len(files) - len(listed), 'more input')}", "dim")])
    return lines + _other_frames(summary, width)


def _other_frames(summary: Summary, width: int) -> list[Line]:
    """What was not TCP, in a line or two."""
    ranked = sorted(summary.other_frames.items(), key=lambda item: -item[1])
    if not ranked:
        return []
    kinds = _listed([f"{text.count(times)} {shown(name)}" for name, times in ranked])
    return [[("  " + line, "dim")] for line in wrap(["not TCP:", *kinds], width - 2)]


def _listed(items: list[str]) -> list[str]:
    """With a comma behind each but the last."""
    return [f"{item}," for item in items[:-1]] + items[-1:]


def _file(file: FileRead, width: int) -> Line:
    return [
        ("  " + pad(fit(shown(file.name), width), width), ""),
        (pad(plural(file.frames, "packet"), 20, right=True), "dim"),
        (pad(text.octets(file.octets), 10, right=True) if file.octets else "", "dim"),
        ("  damaged" if file.damage else "", "bad"),
    ]


def _ports(summary: Summary, width: int) -> list[Line]:
    if not summary.connections:
        return []
    ports: dict[int, int] = {}
    services: dict[int, list[str]] = {}
    for (port, service), times in summary.ports.top(len(summary.ports.counts)):
        ports[port] = ports.get(port, 0) + times
        if service is not None:
            services.setdefault(port, []).append(service)
    ranked = sorted(ports.items(), key=lambda item: -item[1])
    rows = [(f"{port:>5}  {', '.join(services.get(port, ()))}", times) for port, times in ranked[:SHOWN_ROWS]]
    rest = summary.connections - sum(times for _, times in rows)
    if rest:
        rows.append(("other", rest))
    return [title("Top TCP ports", plural(summary.connections, "connection"), width), *_bars(rows, width)]


def _mime_types(summary: Summary, width: int) -> list[Line]:
    total = summary.mime_types.total
    if not total:
        return []
    rows = summary.mime_types.top(SHOWN_ROWS)
    rest = total - sum(times for _, times in rows)
    if rest:
        rows.append(("other", rest))
    return [title("Reply MIME types", plural(total, "transaction"), width), *_bars(rows, width)]


def _bars(rows: Sequence[tuple[str, int]], width: int) -> list[Line]:
    """A label, a count, and a bar where there is room for one."""
    most = max(times for _, times in rows)
    digits = len(text.count(most))
    label = min(max(width_of(shown(name)) for name, _ in rows), width - digits - 4)
    bar = min(width - label - digits - 6, _MAX_BAR)
    return [
        [
            ("  " + pad(fit(shown(name), label), label), ""),
            ("  " + pad(text.count(times), digits, right=True), ""),
            ("  " + "━" * max(1, round(bar * times / most)) if bar >= 6 else "", "bar"),
        ]
        for name, times in rows
    ]


def _responders(summary: Summary, width: int) -> list[Line]:
    ranked = sorted(summary.responders.items(), key=lambda item: -item[1].asked)
    if not ranked:
        return []
    rows = [(shown(host), responder) for host, responder in ranked[:SHOWN_ROWS]]
    rest = Responder()
    for _, responder in ranked[SHOWN_ROWS:]:
        rest.merge(responder)
    rest.merge(summary.other_responders)
    asked = sum(r.asked for _, r in rows) + rest.asked
    if rest.asked:
        rows.append(("other responders", rest))
    label = min(max(width_of(host) for host, _ in rows), width // 2 - 8)
    answers = [[_answer(a, n) for a, n in r.answers.top(len(r.answers.counts))] for _, r in rows]
    longest = max(sum(width_of(a) + 2 for a, _ in spans) for spans in answers)
    room = max(8, min(longest, width - label - 30))
    head = "  " + " " * label + pad("asked", 8, right=True) + "  " + pad("answers", room)
    return [
        title("OCSP by responder", plural(asked, "question"), width),
        [(head + pad("valid for", 10, right=True) + pad("delay", 8, right=True), "dim")],
        *(
            line
            for (host, responder), spans in zip(rows, answers, strict=True)
            for line in _responder(host, responder, label, wrap_spans(spans, room), room)
        ),
    ]


def _responder(host: str, responder: Responder, label: int, answers: list[Line], room: int) -> list[Line]:
    """One line, or more where the answers need them."""
    validity, delay = responder.validity.median(), responder.delay.median()
    start = "  " + pad(fit(host, label), label) + pad(text.count(responder.asked), 8, right=True) + "  "
    end = pad("" if validity is None else text.span(validity), 10, right=True)
    end += pad("" if delay is None else text.span(delay), 8, right=True)
    first: Line = [(start, ""), *answers[0], (" " * (room - line_width(answers[0])) + end, "")]
    return [first, *([(" " * len(start), ""), *more] for more in answers[1:])]


def _unsound(summary: Summary, width: int) -> list[Line]:
    """What a person should look at; all findings are in ocsp_exchange.log."""
    ranked = sorted(summary.unsound.items(), key=lambda item: (-item[1].times, item[0].value))
    if not ranked:
        return []
    lines: list[Line] = [title("Replies that are not sound", f"of {plural(summary.audited, 'answer')} audited", width)]
    column = max(width_of(finding.value) for finding, _ in ranked[:SHOWN_UNSOUND])
    for finding, unsound in ranked[:SHOWN_UNSOUND]:
        serial = f" about {shown(unsound.serial_number, 40)}" if unsound.serial_number else ""
        what = f"{plural(unsound.times, 'time')}, first {shown(unsound.host, 60)}{serial}"
        lines += labelled((finding.value, "bad"), what.split(), column, width)
    rest = len(ranked) - SHOWN_UNSOUND
    if rest > 0:
        lines.append([(f"  and {plural(rest, 'more kind')}", "dim")])
    return lines


def _raised(summary: Summary, width: int) -> list[Line]:
    """Which rules fired, the gravest first; each notice is in notice.log."""
    ranked = sorted(
        summary.raised.counts.items(), key=lambda item: (-_GRAVITY.get(item[0][0], 0), -item[1], item[0][1])
    )
    if not ranked:
        return []
    lines: list[Line] = [title("Notices", f"{plural(summary.raised.total, 'notice')} of rules", width)]
    room = width - 24
    for (level, note), times in ranked[:SHOWN_NOTICES]:
        style = "bad" if _GRAVITY.get(level, 0) >= _HIGH else "warn" if level == "medium" else ""
        lines.append([("  " + pad(level, 13), style), (pad(text.count(times), 7, right=True), "")])
        lines[-1].append(("  " + fit(shown(note, 60), room), ""))
    rest = len(ranked) - SHOWN_NOTICES
    if rest > 0:
        besides = summary.raised.total - sum(times for _, times in ranked[:SHOWN_NOTICES])
        lines.append([(f"  and {plural(rest, 'more kind')}, {plural(besides, 'notice')}", "dim")])
    return lines


def _answer(answer: str, times: int) -> Span:
    style = "good" if answer == "good" else "bad" if answer in _TROUBLE else "warn"
    return (f"{text.count(times)} {answer}", "" if answer == "not modified" else style)


def _not_readable(summary: Summary, width: int) -> list[Line]:
    rows: list[tuple[Span, str | list[str]]] = []
    for file in summary.files:
        if not any(where.startswith(f"{file.name}:") for _, where in summary.damage):  # told below, and better
            rows += [((shown(file.name), "bad"), shown(damage)) for damage in file.damage]
    rows += [((shown(name), "bad"), shown(where)) for name, where in summary.damage]
    more = max(0, len(rows) - SHOWN_DAMAGE) + summary.damage_besides
    if more:
        rows = [*rows[:SHOWN_DAMAGE], (("", ""), f"and {text.count(more)} more")]
    if summary.missed_bytes:
        where = f"in {text.count(summary.gapped_connections)} of {plural(summary.connections, 'connection')}"
        rows.append((("lost in capture", "warn"), f"{plural(summary.missed_bytes, 'byte')} {where}"))
    if summary.discarded:
        octets = sum(summary.discarded.values())
        whys = [f"{text.count(count)} {_DISCARDED[why]}" for why, count in sorted(summary.discarded.items())]
        rows.append((("not taken", "warn"), [f"{plural(octets, 'byte')} of TCP:", *_listed(whys)]))
    if summary.ambiguous.total:
        ways = [f"{text.count(times)} by {name}" for name, times in summary.ambiguous.top(SHOWN_WEIRDS)]
        told = [f"{plural(summary.ambiguous.total, 'OCSP exchange')} that can be read otherwise:", *_listed(ways)]
        rows.append((("ambiguous", "bad"), told))
    if summary.lookups_failed:
        failed = f"{plural(summary.lookups_failed, 'look-up')} not answered, graded unlisted"
        rows.append((("certificate cache", "warn"), failed))
    reached = _limits(summary)
    if reached:
        rows.append((("limits reached", "warn"), _listed(reached)))
    if summary.weirds.total:
        rows.append((("odd traffic", "warn"), _weirds(summary)))
    if not rows:
        return [title("Not readable", "", width), [("  Everything was readable.", "good")]]
    column = min(max(width_of(label) for (label, _), _ in rows), width // 3)
    lines: list[Line] = [title("Not readable", "", width)]
    for label, what in rows:
        lines += labelled(label, what.split() if isinstance(what, str) else what, column, width)
    return lines


def _limits(summary: Summary) -> list[str]:
    """What the sensor had to let go of for want of room, by settings key and what it was: docs/limits.md."""
    costs: dict[str, list[str]] = {}
    totals: dict[str, int] = {}
    for name, times in sorted(summary.limits.items()):
        limit, _, cost = name.partition(":")
        if limit not in WAITS:
            totals[limit] = totals.get(limit, 0) + times
            costs.setdefault(limit, [])
            if cost:
                costs[limit].append(f"{text.count(times)} {cost}")
    return [
        f"{limit} {text.count(times)}" + (f" ({', '.join(costs[limit])})" if costs[limit] else "")
        for limit, times in totals.items()
    ]


def _weirds(summary: Summary) -> list[str]:
    told = []
    for name, times in summary.weirds.top(SHOWN_WEIRDS):
        example = summary.weird_examples.get(name)
        told.append(f"{text.count(times)} {shown(name)}" + (f" ({shown(example, 40)})" if example else ""))
    rest = len(summary.weirds.counts) - len(told)
    if rest:
        told.append(f"and {plural(rest, 'more kind')}")
    return _listed(told)
