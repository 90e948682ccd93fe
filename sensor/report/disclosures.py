"""The part of the page that the program is for: who told the network about which sites, the gravest first."""

from __future__ import annotations

import re

from sensor.privacy.leak import Grade
from sensor.report import text
from sensor.report.layout import Line, fit, pad, title, width_of, wrap
from sensor.report.summary import Distinct, Summary, Told
from sensor.report.text import plural, shown

SHOWN_CLIENTS = 12
SHOWN_TOLD = 8  # of one client
SHOWN_SERIALS = 5
_NOTE_WIDTH = 22

_GRAVITY = (Grade.ca, Grade.unlisted, Grade.many, Grade.few, Grade.exact)
_EXPLAINED = {
    Grade.exact: "the certificate names one site",
    Grade.few: "2 to 10 sites",
    Grade.many: "more than 10, or any under a shared suffix",
    Grade.ca: "an intermediate, which tells the CA only",
    Grade.unlisted: "not in the cache, yet the serial links one visit to the next",
}


def render_clients(summary: Summary, width: int) -> list[Line]:
    """Each client with what it told, each site once; and what the grades mean."""
    if not summary.leaks:
        return [title("Who disclosed what", "", width), [("  Nobody was seen asking about a certificate.", "good")]]
    clients: dict[str, dict[tuple[Grade, str], Told]] = {}
    software: dict[str, dict[str, None]] = {}
    for (address, _, _, program), told in summary.told.items():
        _merge(clients.setdefault(address, {}), told)
        software.setdefault(address, {})[program] = None
    ranked = sorted(clients, key=lambda address: (-_weight(clients[address]), _natural(address)))[:SHOWN_CLIENTS]
    subjects = {address: _subjects(clients[address]) for address in ranked}
    widths = [width_of(head) + width_of(tail) for rows in subjects.values() for _, head, tail in rows]
    longest = max(widths, default=0)
    room = min(longest, width - 14 - 2 - _NOTE_WIDTH)
    totals = (
        total_of(summary.clients_total, "client"),
        total_of(summary.sites_total, "site"),
        total_of(summary.certificates_total, "certificate"),
    )
    lines: list[Line] = [title("Who disclosed what", " · ".join(totals), width)]
    for address in ranked:
        programs = ", ".join(shown(s) for s in list(software[address])[:4]) + (", ..." * (len(software[address]) > 4))
        name = fit(shown(address), 45)  # the longest IPv6 text
        lines.append([("  " + name, "strong"), ("  " + fit(programs, width - width_of(name) - 4), "dim")])
        lines += [_line(told, head, tail, room) for told, head, tail in subjects[address][:SHOWN_TOLD]]
        if len(subjects[address]) > SHOWN_TOLD:
            lines.append([(f"    and {text.count(len(subjects[address]) - SHOWN_TOLD)} more", "dim")])
    more = len(summary.clients_total) - len(ranked)
    if more > 0:
        lines.append([(f"  and {_over(summary.clients_total)}{plural(more, 'more client')}, all in leak.log", "dim")])
    grades = {grade for told in clients.values() for grade, _ in told}
    meaning = "; ".join(f"{grade.value}: {why}" for grade, why in _EXPLAINED.items() if grade in grades)
    return [*lines, *([("  " + line, "dim")] for line in wrap(meaning.split(), width - 2))]


def render_unlisted(summary: Summary, width: int) -> list[Line]:
    """The serials most often asked about that the cache does not know."""
    serials = summary.unlisted.top(SHOWN_SERIALS)
    if not serials:
        return []
    issuers = [shown(text.common_name(i)) if i is not None else "unknown issuer" for (i, _), _ in serials]
    column = min(max(len(serial) for (_, serial), _ in serials), 40)
    room = min(max(map(width_of, issuers)), width - column - 20)
    lines = [title("Unlisted serials", "ocspwatch ct import adds certificates to the cache", width)]
    for ((issuer, serial), times), name in zip(serials, issuers, strict=True):
        lines.append(
            [
                ("  " + pad(fit(shown(serial), column), column), ""),
                ("  " + pad(fit(name, room), room), "" if issuer else "dim"),
                ("  " + plural(times, "time"), "dim"),
            ]
        )
    more = len(summary.unlisted.counts) - len(serials)
    if more:
        over = "over " if summary.unlisted.other else ""
        lines.append([(f"  and {over}{plural(more, 'more serial')}", "dim")])
    return lines


def total_of(distinct: Distinct, noun: str) -> str:
    """How many, at least."""
    return _over(distinct) + plural(len(distinct), noun)


def _over(distinct: Distinct) -> str:
    return "over " if distinct.is_full else ""


def _merge(tolds: dict[tuple[Grade, str], Told], told: Told) -> None:
    """One for each grade and label, whatever program told it, and however many sites its certificates named."""
    one = tolds.setdefault((told.grade, told.label), Told(told.grade, told.label))
    one.times += told.times
    one.certificates += told.certificates
    one.sites_total = max(one.sites_total, told.sites_total)
    one.asked |= told.asked
    one.is_crl |= told.is_crl
    one.revoked |= told.revoked


def _weight(tolds: dict[tuple[Grade, str], Told]) -> int:
    """Orders clients by how many sites they told exactly, then by how many of a few, and so on."""
    return sum(1000 ** _GRAVITY.index(grade) for grade, _ in tolds)


def _natural(address: str) -> list[str]:
    return [part.zfill(5) for part in re.split(r"[.:]", address)]


def _subjects(tolds: dict[tuple[Grade, str], Told]) -> list[tuple[Told, str, str]]:
    """What was told, the gravest first: the name that may be cut, and what follows it."""
    ranked = sorted(tolds.values(), key=lambda told: (-_GRAVITY.index(told.grade), -told.times, told.label))
    return [(told, *_subject(told)) for told in ranked]


def _subject(told: Told) -> tuple[str, str]:
    label = shown(told.label)
    if told.grade is Grade.unlisted and told.is_crl:
        return label, ""
    if told.grade is Grade.unlisted:
        issuer = f"of {shown(text.common_name(told.label))}" if told.label else "of an unknown issuer"
        return f"{plural(max(1, told.certificates), 'serial')} {issuer}", ""
    if told.grade is Grade.few:
        return label, " or " + plural(told.sites_total - 1, "other site")
    if told.grade is Grade.many:
        return label, f", one of {told.sites_total:,} sites" if told.sites_total > 1 else " or any site under it"
    return label, ""


def _line(told: Told, head: str, tail: str, room: int) -> Line:
    notes = [plural(told.times, "time")]
    if told.is_crl:
        notes.append("by CRL")
    if told.revoked:
        notes.append("revoked")
    if not told.asked:
        notes.append("reply only")
    subject = fit(head, room - width_of(tail)) + tail
    return [
        ("    " + pad(told.grade.value, 10), told.grade.value),
        (pad(subject, room), "dim" if told.grade is Grade.ca else ""),
        ("  " + ", ".join(notes), "bad" if told.revoked else "dim"),
    ]
