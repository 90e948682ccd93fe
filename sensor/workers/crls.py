"""Whether CRLs can stay with the shards that saw them: nobody else is about certificates of those CAs."""

from __future__ import annotations

from sensor.fetch.revocations import IssuerHash, Told
from sensor.settings import AuditSettings, CrlSettings
from sensor.workers.playback import NotForSeveral

_BURST_S = 10  # seconds' worth of signatures that are checked at once, as in fetch.audit


class SharedCrls:
    """What all shards have told of CRLs and questions so far.

    A CRL concerns what is asked about certificates of its issuers, before and afterwards, and other CRLs of theirs.
    While all of that is one shard's, and no limit over all CRLs can have been reached, the shard alone gets it right.
    """

    def __init__(self, shards: int, crl: CrlSettings, audit: AuditSettings) -> None:
        self._told: list[Told | None] = [None] * shards
        self._asked_of: list[set[IssuerHash]] = [set() for _ in range(shards)]
        self._crls_of: list[set[IssuerHash]] = [set() for _ in range(shards)]
        self._max_questions = crl.max_asked
        self._max_serials = crl.max_remembered
        self._max_crls = crl.max_crls
        if audit.enabled and audit.signatures_per_s:
            self._max_crls = min(self._max_crls, int(audit.signatures_per_s * _BURST_S))

    def add(self, shard: int, told: Told) -> None:
        """Raises NotForSeveral if one process has to see it all; nothing that this concerns may have been played."""
        self._told[shard] = told
        self._asked_of[shard].update(told[3])
        self._crls_of[shard].update(told[4])
        sums = [sum(column) for column in zip(*[each[:3] for each in self._told if each is not None], strict=True)]
        questions, crls, serials = sums
        if not crls:
            return
        if crls > self._max_crls or serials > self._max_serials or questions > self._max_questions:
            raise NotForSeveral("there are CRLs, and more of them, or of what is asked, than is remembered")
        for one, crls_of in enumerate(self._crls_of):
            for other in range(len(self._told)):
                if one != other and not crls_of.isdisjoint(self._asked_of[other] | self._crls_of[other]):
                    raise NotForSeveral("a CRL is in the traffic, of a CA that other flows are about, too")
