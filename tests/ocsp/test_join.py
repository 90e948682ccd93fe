"""sensor.ocsp.join: which answer belongs to which question."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from sensor.ocsp.join import pair
from sensor.ocsp.model import CertId, CertStatus, SingleResponse

HASHES = {"sha1": b"1" * 20, "sha256": b"2" * 32, "sha384": b"3" * 48}


def cid(serial: str, algorithm: str = "sha1") -> CertId:
    return CertId(algorithm, HASHES[algorithm], HASHES[algorithm], serial)


def answer(cert_id: CertId, status: str = "good") -> SingleResponse:
    return SingleResponse(cert_id, CertStatus(status), None, None, 0, 0)


def test_one_and_one() -> None:
    pairs = pair((cid("01"),), (answer(cid("01")),))
    assert pairs.asked == ((cid("01"), answer(cid("01"))),)
    assert (pairs.unasked, pairs.conflicting) == ((), ())


def test_several_in_any_order() -> None:
    pairs = pair((cid("01"), cid("02"), cid("03")), (answer(cid("03"), "revoked"), answer(cid("01"))))
    assert pairs.asked == (
        (cid("01"), answer(cid("01"))),
        (cid("02"), None),
        (cid("03"), answer(cid("03"), "revoked")),
    )
    assert pairs.unasked == ()


def test_the_same_certificate_twice_is_one() -> None:
    assert len(pair((cid("01"), cid("01")), ()).asked) == 1
    assert pair((), (answer(cid("01")), answer(cid("01")))).unasked == (answer(cid("01")),)


def test_every_part_of_the_cert_id_counts() -> None:
    asked = cid("01")
    for other in (
        CertId("sha1", b"x" * 20, asked.issuer_key_hash, "01"),
        CertId("sha1", asked.issuer_name_hash, b"x" * 20, "01"),
        CertId("sha256", asked.issuer_name_hash, asked.issuer_key_hash, "01"),
        cid("02"),
    ):
        pairs = pair((asked,), (answer(other),))
        assert pairs.asked == ((asked, None),)
        assert pairs.unasked == (answer(other),)


def test_sha1_and_sha256_of_one_certificate() -> None:
    """RFC 9919 3.2.1: one only where the reply has both."""
    both = (answer(cid("01")), answer(cid("01", "sha256")))
    assert pair((cid("01"),), both).unasked == ()
    assert pair((cid("01"),), both).asked == ((cid("01"), both[0]),)
    assert pair((cid("01", "sha256"),), both).asked == ((cid("01", "sha256"), both[1]),)
    assert pair((cid("01", "sha256"), cid("01")), both).asked == ((cid("01", "sha256"), both[1]),)
    assert pair((), both).unasked == (both[0],)
    assert len(pair((cid("01"), cid("01", "sha256")), ()).asked) == 2
    assert len(pair((cid("01"),), both[1:]).unasked) == 1


def test_what_is_no_twin() -> None:
    revoked = answer(cid("01", "sha256"), "revoked")
    assert pair((cid("01"),), (answer(cid("01")), revoked)).unasked == (revoked,)
    three = tuple(answer(cid("01", algorithm)) for algorithm in HASHES)
    assert len(pair((cid("01"),), three).unasked) == 2
    other = answer(cid("02", "sha256"))
    assert pair((cid("01"),), (answer(cid("01")), other)).unasked == (other,)


def test_conflicts() -> None:
    first, second = answer(cid("01")), answer(cid("01"), "revoked")
    pairs = pair((cid("01"),), (first, second, second))
    assert pairs.asked == ((cid("01"), first),)
    assert pairs.conflicting == (cid("01"),)
    assert pair((cid("01"),), (first, first)).conflicting == ()


IDS = st.builds(cid, st.sampled_from(["01", "02", "03"]), st.sampled_from(sorted(HASHES)))
ANSWERS = st.builds(answer, IDS, st.sampled_from(["good", "revoked", "unknown"]))


@given(st.lists(IDS, max_size=6), st.lists(ANSWERS, max_size=6))
def test_nothing_is_lost_and_nothing_is_twice(asked: list[CertId], answers: list[SingleResponse]) -> None:
    pairs = pair(tuple(asked), tuple(answers))
    ids = [cert_id for cert_id, _ in pairs.asked]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= set(asked)
    assert all(single is None or single.cert_id == cert_id for cert_id, single in pairs.asked)
    assert not {single.cert_id for single in pairs.unasked} & set(asked)
    known = {cert_id.serial_number for cert_id in ids} | {single.cert_id.serial_number for single in pairs.unasked}
    assert {cert_id.serial_number for cert_id in asked} | {a.cert_id.serial_number for a in answers} == known


def test_linear() -> None:
    def seconds(n: int) -> float:
        asked = tuple(cid(f"{i:04X}") for i in range(n))
        answers = tuple(answer(each) for each in reversed(asked))
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            pair(asked, answers)
            best = min(best, time.process_time() - start)
        return best

    assert any(seconds(8000) < 2.8 * seconds(4000) + 0.005 for _ in range(6)), "a busy machine gets several chances"
