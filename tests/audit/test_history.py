"""sensor.audit.history: what is said of a certificate against what was said before."""

from __future__ import annotations

from sensor.audit.findings import findings_of
from sensor.audit.history import History
from sensor.ocsp.model import CertStatus, SingleResponse
from tests.audit.replies import ASKED, HOUR, NOW, REPLY, SINGLE, changed

GOOD = SINGLE
REVOKED = changed(SINGLE, cert_status=CertStatus.revoked, revocation_reason="keyCompromise", revocation_time=NOW)
HELD = changed(REVOKED, revocation_reason="certificateHold")
UNKNOWN = changed(SINGLE, cert_status=CertStatus.unknown)


def at(single: SingleResponse, hours: int) -> SingleResponse:
    moved: SingleResponse = changed(single, this_update=NOW + hours * HOUR)
    return moved


def told(*singles: SingleResponse, history: History | None = None) -> list[set[str]]:
    """What is found about each of these answers, each of a reply of its own, produced at thisUpdate."""
    history = History(100) if history is None else history
    return [
        {
            finding.value
            for finding in findings_of(
                history.check(changed(REPLY, produced_at=single.this_update), single, single.cert_id, True)
            )
        }
        for single in singles
    ]


def test_the_same_again_and_ordinary_changes_are_nothing() -> None:
    assert told(at(GOOD, 0), at(GOOD, 0), at(GOOD, 5), at(GOOD, 2)) == [set()] * 4
    assert told(at(UNKNOWN, 0), at(GOOD, 1), at(REVOKED, 2), at(REVOKED, 3)) == [set()] * 4
    assert told(at(GOOD, 0), at(HELD, 1), at(GOOD, 2)) == [set()] * 3
    assert told(at(REVOKED, 0), at(UNKNOWN, 9)) == [set()] * 2  # expired since, and no longer known


def test_a_revocation_that_is_undone_is_told_once() -> None:
    assert told(at(REVOKED, 0), at(GOOD, 1), at(GOOD, 2)) == [set(), {"status_undone"}, set()]


def test_older_information_with_another_status() -> None:
    assert told(at(REVOKED, 5), at(GOOD, 0), at(GOOD, 0), at(REVOKED, 6)) == [
        set(),
        {"status_outdated"},
        {"status_outdated"},
        set(),
    ]
    assert told(at(GOOD, 5), at(REVOKED, 0)) == [set(), {"status_outdated"}]


def test_thisupdate_is_rounded_so_that_producedat_decides() -> None:
    history = History(100)
    early, late = changed(REPLY, produced_at=NOW), changed(REPLY, produced_at=NOW + 60)
    assert history.check(early, GOOD, GOOD.cert_id, True) == 0
    assert history.check(late, REVOKED, GOOD.cert_id, True) == 0
    assert [finding.value for finding in findings_of(history.check(early, GOOD, GOOD.cert_id, True))] == [
        "status_outdated"
    ]


def test_two_statuses_of_one_moment() -> None:
    assert told(at(GOOD, 0), at(REVOKED, 0)) == [set(), {"status_conflicting"}]
    assert told(at(REVOKED, 0), at(GOOD, 0), at(REVOKED, 0)) == [set(), {"status_conflicting"}, set()]


def test_a_hold_is_a_revocation() -> None:
    assert told(at(HELD, 0), at(GOOD, 0), at(REVOKED, 0)) == [set(), {"status_conflicting"}, set()]
    assert told(at(HELD, 5), at(GOOD, 0)) == [set(), {"status_outdated"}]


def test_certificates_are_told_apart() -> None:
    other = changed(GOOD, cert_id=changed(ASKED, issuer_key_hash=b"o" * 20))
    assert told(at(REVOKED, 5), at(other, 0)) == [set(), set()]


def test_what_is_not_credible_is_compared_and_not_remembered() -> None:
    history = History(100)
    forged = changed(REPLY, produced_at=NOW + HOUR)
    assert history.check(forged, at(REVOKED, 9), GOOD.cert_id, False) == 0
    assert len(history) == 0
    assert told(at(GOOD, 0), history=history) == [set()]
    assert history.check(forged, at(REVOKED, 9), GOOD.cert_id, False) == 0
    assert told(at(GOOD, 1), history=history) == [set()]


def test_an_answer_without_thisupdate_says_nothing() -> None:
    history = History(100)
    assert history.check(REPLY, changed(GOOD, this_update=None), GOOD.cert_id, True) == 0
    assert len(history) == 0


def test_memory_is_bounded_and_the_longest_unseen_goes() -> None:
    history = History(3)
    certificates = [changed(REVOKED, cert_id=changed(ASKED, serial_number=f"{n:02X}")) for n in range(4)]
    told(*certificates[:3], certificates[0], certificates[3], history=history)
    assert (len(history), history.forgotten) == (3, 1)
    good = [changed(each, cert_status=CertStatus.good) for each in certificates]
    assert told(at(good[1], -9), history=history) == [set()]  # forgotten
    assert told(at(good[0], -9), history=history) == [{"status_outdated"}]
