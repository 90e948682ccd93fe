"""What several workers counted, each of its own flows, as values that go from one process to another, and added up.

Who reads does not trust who writes, which parses strangers' bytes: only plain values of these types are taken, and the
summary's own limits hold for what comes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from sensor.audit.findings import Finding
from sensor.privacy.leak import Grade
from sensor.report.board import MAX_LATEST, Board, Disclosure
from sensor.report.summary import MAX_DAMAGE, MAX_KEYS, Distinct, FileRead, Responder, Summary
from sensor.report.tally import Sample, Tally

SHOWN = 100
"""Clients and sites of each worker that are named on the screen of all."""
TOLD_APART = 4096
"""... and up to how many are told apart there."""

# A hundred workers' sums of a million of the former, and of the latter, still are numbers of 64 bits.
Count = Annotated[int, Meta(ge=0, le=1 << 36)]
Total = Annotated[int, Meta(ge=0, le=1 << 56)]
Counts = tuple[list[tuple[str, Count]], Total]
"""A Tally of texts."""
Drawn = tuple[list[int], Annotated[int, Meta(ge=1, le=1 << 56)]]
"""A Sample."""
_FARTHEST: Final = 1 << 62  # nanoseconds, 146 years: what is valid for longer is so for that long


class Set(msgspec.Struct, frozen=True, array_like=True):
    """A Distinct."""

    numbers: bytes
    is_full: bool


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A Responder. `host` is None for all that have no place of their own."""

    host: bytes | None
    asked: Total
    answers: Counts
    validity: Drawn
    delay: Drawn


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A Told."""

    client: str
    label: str
    kind: Annotated[int, Meta(ge=-3, le=1 << 36)]
    software: str
    grade: Grade
    sites_total: Count
    times: Total
    certificates: Total
    asked: bool
    revoked: bool
    is_crl: bool


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A Summary."""

    file: FileRead
    connections: Total
    gapped_connections: Total
    missed_bytes: Total
    ports: tuple[list[tuple[tuple[int, str | None], Total]], Total]
    mime_types: Counts
    responders: list[Asked]
    audited: Total
    unsound: list[tuple[Finding, bytes, str, Count]]
    told: list[Line]
    told_besides: Total
    clients: Set
    sites: Set
    certificates: Set
    leaks: Total
    unlisted: tuple[list[tuple[tuple[str | None, str], Total]], Total]
    weirds: Counts
    weird_examples: dict[str, str]
    raised: tuple[list[tuple[tuple[str, str], Total]], Total]
    damage: list[tuple[str, str]]
    damage_besides: Total
    other_frames: dict[str, Count]
    lookups_failed: Total
    limits: dict[str, Total]
    discarded: dict[str, Total]


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What a screen shows of a Board."""

    leaks: Total
    latest: list[Disclosure]
    clients: list[tuple[str, Count]]
    sites: list[tuple[str, Count]]
    clients_total: Set
    sites_total: Set


def glance_at(board: Board) -> Glance:
    """As it is now; at the next leak it is out of date."""
    return Glance(
        leaks=board.leaks,
        latest=board.latest(MAX_LATEST),
        clients=board.clients.top(SHOWN),
        sites=board.sites.top(SHOWN),
        clients_total=_set(board.clients_total, TOLD_APART),
        sites_total=_set(board.sites_total, TOLD_APART),
    )


class Glances:
    """Several boards as one, for the screen."""

    def __init__(self, glances: Sequence[Glance] = ()) -> None:
        self.leaks = sum(each.leaks for each in glances)
        self._latest = [one for each in glances for one in each.latest]
        self.clients = Tally(MAX_KEYS)
        self.sites = Tally(MAX_KEYS)
        self.clients_total = Distinct()
        self.sites_total = Distinct()
        for each in glances:
            self.clients.merge(each.clients, 0)
            self.sites.merge(each.sites, 0)
            _join(self.clients_total, each.clients_total)
            _join(self.sites_total, each.sites_total)

    def latest(self, number: int) -> list[Disclosure]:
        """At most so many, the newest first."""
        return nlargest(number, self._latest, key=attrgetter("ts"))


def count_up(summary: Summary, file: FileRead) -> Counted:
    """All that it has counted, of this input."""
    responders = [_asked(host, responder) for host, responder in summary.responders.items()]
    return Counted(
        file=file,
        connections=summary.connections,
        gapped_connections=summary.gapped_connections,
        missed_bytes=summary.missed_bytes,
        ports=_tally(summary.ports),
        mime_types=_tally(summary.mime_types),
        responders=[*responders, _asked(None, summary.other_responders)],
        audited=summary.audited,
        unsound=[(what, one.host, one.serial_number, one.times) for what, one in summary.unsound.items()],
        told=[
            Line(
                *key,
                told.grade,
                told.sites_total,
                told.times,
                told.certificates,
                told.asked,
                told.revoked,
                told.is_crl,
            )
            for key, told in summary.told.items()
        ],
        told_besides=summary.told_besides,
        clients=_set(summary.clients_total),
        sites=_set(summary.sites_total),
        certificates=_set(summary.certificates_total),
        leaks=summary.leaks,
        unlisted=_tally(summary.unlisted),
        weirds=_tally(summary.weirds),
        weird_examples=summary.weird_examples,
        raised=_tally(summary.raised),
        damage=summary.damage,
        damage_besides=summary.damage_besides,
        other_frames=summary.other_frames,
        lookups_failed=summary.lookups_failed,
        limits=summary.limits,
        discarded=summary.discarded,
    )


def add_up(summary: Summary, counted: Counted) -> None:
    """Adds it to `summary`, all but the input. A certificate that two workers saw one client ask about counts twice in
    its line: each knows only its own flows."""
    summary.connections += counted.connections
    summary.gapped_connections += counted.gapped_connections
    summary.missed_bytes += counted.missed_bytes
    summary.ports.merge(*counted.ports)
    summary.mime_types.merge(*counted.mime_types)
    summary.unlisted.merge(*counted.unlisted)
    summary.weirds.merge(*counted.weirds)
    summary.raised.merge(*counted.raised)
    for asked in counted.responders:
        _add_responder(summary, asked)
    summary.audited += counted.audited
    for finding, host, serial, times in counted.unsound:
        summary.count_audited(0, [(host, serial, finding)])
        summary.unsound[finding].times += times - 1
    for line in counted.told:
        _add_line(summary, line)
    summary.told_besides += counted.told_besides
    _join(summary.clients_total, counted.clients)
    _join(summary.sites_total, counted.sites)
    _join(summary.certificates_total, counted.certificates)
    summary.leaks += counted.leaks
    for name, example in counted.weird_examples.items():
        if len(summary.weird_examples) < MAX_KEYS:
            summary.weird_examples.setdefault(name, example)
    room = max(0, MAX_DAMAGE - len(summary.damage))
    summary.damage += counted.damage[:room]
    summary.damage_besides += counted.damage_besides + len(counted.damage[room:])
    for name, frames in counted.other_frames.items():
        summary.other_frames[name] = summary.other_frames.get(name, 0) + frames
    summary.lookups_failed += counted.lookups_failed
    for limit, times in counted.limits.items():
        summary.limits[limit] = summary.limits.get(limit, 0) + times
    for why, octets in counted.discarded.items():
        summary.discarded[why] = summary.discarded.get(why, 0) + octets


def one_input(name: str, files: Sequence[FileRead], damage: Sequence[str] = ()) -> FileRead:
    """What several took from the same place, each a part of it, as one, called `name`."""
    starts = [file.first_ts for file in files if file.first_ts is not None]
    ends = [file.last_ts for file in files if file.last_ts is not None]
    return FileRead(
        name,
        sum(file.frames for file in files),
        sum(file.octets for file in files),
        min(starts, default=None),
        max(ends, default=None),
        (*(f"{file.name}: {what}" for file in files for what in file.damage), *damage),
    )


def _add_responder(summary: Summary, asked: Asked) -> None:
    if asked.host is None:
        responder = summary.other_responders
    else:
        responder = summary.responders.get(asked.host) or summary.new_responder(asked.host)
    responder.merge_counts(asked.asked, *asked.answers)
    responder.validity.merge(*asked.validity)
    responder.delay.merge(*asked.delay)


def _add_line(summary: Summary, line: Line) -> None:
    key = (line.client, line.label, line.kind, line.software)
    told = summary.told.get(key) or summary.new_told(key, line.grade.value)
    told.times += line.times
    told.certificates += line.certificates
    told.sites_total = max(told.sites_total, line.sites_total)
    told.asked = told.asked or line.asked
    told.revoked = told.revoked or line.revoked
    told.is_crl = told.is_crl or line.is_crl


def _tally(tally: Tally) -> tuple[list[tuple[Any, int]], int]:
    return list(tally.counts.items()), tally.other


def _asked(host: bytes | None, responder: Responder) -> Asked:
    return Asked(host, responder.asked, _tally(responder.answers), _drawn(responder.validity), _drawn(responder.delay))


def _drawn(sample: Sample) -> Drawn:
    """A stranger's reply may say that it is valid until the year 9999."""
    values, stride = sample.state()
    return [max(-_FARTHEST, min(value, _FARTHEST)) for value in values], stride


def _set(distinct: Distinct, at_most: int | None = None) -> Set:
    if at_most is None:
        return Set(distinct.numbers(), distinct.is_full)
    return Set(distinct.numbers(at_most), distinct.is_full or len(distinct) > at_most)


def _join(distinct: Distinct, other: Set) -> None:
    distinct.merge(other.numbers[: len(other.numbers) & -8], other.is_full)
