"""sensor.workers.crls: a CRL is one shard's own matter, or everybody's, and which is told before it is too late."""

from __future__ import annotations

import pytest

from sensor.fetch.revocations import IssuerHash
from sensor.settings import AuditSettings, CrlSettings
from sensor.workers.crls import SharedCrls
from sensor.workers.playback import NotForSeveral

ONE: IssuerHash = ("sha1", b"one")
OTHER: IssuerHash = ("sha1", b"other")


def test_what_concerns_one_shard_only_is_its_own() -> None:
    crls = SharedCrls(2, CrlSettings(), AuditSettings())
    crls.add(0, (1, 0, 0, [ONE], []))
    crls.add(1, (1, 1, 5, [OTHER], [OTHER]))
    crls.add(0, (9, 0, 0, [], []))
    crls.add(1, (9, 2, 9, [], [OTHER]))


def test_who_asks_about_its_certificates_before_or_afterwards_needs_it() -> None:
    for order in ((0, 1), (1, 0)):
        crls = SharedCrls(2, CrlSettings(), AuditSettings())
        told = [(1, 0, 0, [ONE], []), (0, 1, 5, [], [ONE])]
        crls.add(order[0], told[order[0]])
        with pytest.raises(NotForSeveral, match="a CRL is in the traffic"):
            crls.add(order[1], told[order[1]])


def test_two_crls_of_one_ca_are_compared() -> None:
    crls = SharedCrls(3, CrlSettings(), AuditSettings())
    crls.add(2, (0, 1, 5, [], [ONE]))
    crls.add(1, (0, 1, 5, [], [OTHER]))
    with pytest.raises(NotForSeveral):
        crls.add(0, (0, 1, 5, [], [ONE]))


@pytest.mark.parametrize(
    ("crl", "audit"),
    [
        (CrlSettings(max_asked=5), AuditSettings()),
        (CrlSettings(max_crls=3), AuditSettings()),
        (CrlSettings(max_remembered=9), AuditSettings()),
        (CrlSettings(), AuditSettings(signatures_per_s=0.3)),
    ],
    ids=["max_asked", "max_crls", "max_remembered", "signatures_per_s"],
)
def test_limits_are_those_of_all_together(crl: CrlSettings, audit: AuditSettings) -> None:
    crls = SharedCrls(2, crl, audit)
    crls.add(0, (3, 0, 0, [ONE], []))
    crls.add(1, (2, 1, 4, [OTHER], [OTHER]))
    crls.add(1, (2, 3, 9, [], []))
    with pytest.raises(NotForSeveral, match="more of them"):
        crls.add(0, (4, 1, 1, [], []))


def test_without_crls_any_number_may_be_asked_about() -> None:
    crls = SharedCrls(2, CrlSettings(max_asked=1), AuditSettings())
    crls.add(0, (300, 0, 0, [ONE], []))
    crls.add(1, (300, 0, 0, [ONE], []))
    with pytest.raises(NotForSeveral):
        crls.add(1, (300, 1, 0, [], [OTHER]))
