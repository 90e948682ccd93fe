"""A summary that grows, and what a person who watches wants to see of it: the latest disclosures, who and what most.

Compiled where a compiler is found (board.pxd): what is kept for every leak is not put into words before it is shown.
"""

from __future__ import annotations

from collections import deque

import msgspec

from sensor.privacy.leak import Grade, Leak
from sensor.report.summary import MAX_KEYS, Summary
from sensor.report.tally import Tally

MAX_LATEST = 200


class Disclosure(msgspec.Struct, frozen=True):
    """One leak in brief. `about` is off the wire, or out of a certificate."""

    ts: int
    client: str
    grade: Grade
    about: str
    software: str


Brief = tuple[int, str, str | None, int, Grade, str | None, str | None, str]
"""Time, client, site, number of sites, grade, first name, serial number, software. Not the leak itself: with it the
messages would be kept."""


class Board(Summary):
    """As Summary, and what is new of it."""

    def __init__(self) -> None:
        super().__init__()
        self._latest: deque[Brief] = deque(maxlen=MAX_LATEST)
        self.clients = Tally(MAX_KEYS)
        self.sites = Tally(MAX_KEYS)

    def leak(self, leak: Leak) -> None:
        Summary.leak(self, leak)
        self.show(leak)

    def show(self, leak: Leak) -> None:
        """Only what is about this one; `leak` counts it, too."""
        brief = _in_brief(leak)
        self._latest.append(brief)
        self.clients.add(brief[1])
        if brief[2] is not None:
            self.sites.add(brief[2])

    def latest(self, number: int) -> list[Disclosure]:
        """At most so many, the newest first."""
        briefs = self._latest
        newest = [briefs[-1 - n] for n in range(min(number, len(briefs)))]
        return [Disclosure(brief[0], brief[1], brief[4], _about(brief), brief[7]) for brief in newest]


def _in_brief(leak: Leak) -> Brief:
    flow, names = leak.flow, leak.names
    return (
        leak.ts,
        flow.orig_h,
        leak.site,
        leak.sites_total,
        leak.grade,
        names[0] if names else None,
        leak.serial_number,
        leak.software,
    )


def _about(brief: Brief) -> str:
    """What was disclosed: the site, the CA, or only a serial number."""
    _, _, site, sites_total, grade, name, serial, _ = brief
    if site is not None:
        return f"{site}, one of {sites_total} sites" if sites_total > 1 else site
    if grade is Grade.ca and name is not None:
        return name
    return f"serial {serial}"
