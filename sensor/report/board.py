"""A summary that grows, and what a person who watches wants to see of it: the latest disclosures, who and what most."""

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


class Board(Summary):
    """As Summary; `latest` has the newest last."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: deque[Disclosure] = deque(maxlen=MAX_LATEST)
        self.clients: Tally[str] = Tally(MAX_KEYS)
        self.sites: Tally[str] = Tally(MAX_KEYS)
        self._takers[Leak] = self.leak

    def leak(self, leak: Leak) -> None:
        super().leak(leak)
        self.show(leak)

    def show(self, leak: Leak) -> None:
        """Only what is about this one; `leak` counts it, too."""
        client = leak.flow.orig_h
        self.latest.append(Disclosure(leak.ts, client, leak.grade, about(leak), leak.software))
        self.clients.add(client)
        if leak.site is not None:
            self.sites.add(leak.site)


def about(leak: Leak) -> str:
    """What was disclosed: the site, the CA, or only a serial number."""
    if leak.site is not None:
        if leak.sites_total > 1:
            return f"{leak.site}, one of {leak.sites_total} sites"
        return leak.site
    if leak.grade is Grade.ca and leak.names:
        return leak.names[0]
    return f"serial {leak.serial_number}"
