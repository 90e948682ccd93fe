"""sensor.fetch.revocations: certificates asked about and CRLs that went by, in either order and within limits."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509

from sensor.fetch.revocations import Revocations
from sensor.ocsp.model import CertId, CertStatus, Evidence, OcspExchange, SingleResponse
from sensor.pki.serial_index import SerialIndex, key_of
from sensor.settings import CrlSettings
from tests.fetch.fetching import FLOW, NOW
from tests.pki.crls import NAME, OTHER, START, make, read, scope

OWN = NAME.public_bytes()
URL = "http://crl.example/1.crl"


def cert_id(serial: str, name: bytes = OWN, algorithm: str = "sha1") -> CertId:
    return CertId(algorithm, hashlib.new(algorithm, name).digest(), bytes(20), serial)


def see(memory: Revocations, der: bytes, url: str = URL) -> None:
    memory.remember(url, read(der, index=SerialIndex(memory.budget), watch=memory.watch)[0])


def test_a_crl_seen_before_the_question() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1, 2, 0xABCDEF]))
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        assert memory.ask(cert_id("ABCDEF", algorithm=algorithm), None) == URL
        assert memory.ask(cert_id("03", algorithm=algorithm), None) is None
    assert memory.ask(cert_id("02", OTHER.public_bytes()), None) is None
    assert memory.ask(cert_id("-02"), None) is None


def exchange(cert: CertId | None) -> OcspExchange:
    both = Evidence.both
    return OcspExchange(FLOW, NOW, cert, both, "GET", None, None, None, "1.1", 200, None, None, None, None, None, None)


def test_exchanges_are_told_together() -> None:
    memory = Revocations(CrlSettings())
    asked = [exchange(cert_id("02")), exchange(None), exchange(cert_id("03"))]
    assert memory.on_crls(asked) is None
    see(memory, make([3]))
    assert memory.on_crls(asked) == [None, None, URL]
    assert memory.on_crls(asked[:2]) is None


def test_one_seen_after_it() -> None:
    memory = Revocations(CrlSettings())
    question = cert_id("02")
    assert memory.watch(OWN) == frozenset()
    assert memory.ask(question, None) is None
    assert memory.watch(OWN) == {key_of("02")}
    assert memory.watch(OTHER.public_bytes()) == frozenset()
    see(memory, make([1, 2]))
    assert memory.ask(question, None) == URL
    assert memory.ask(cert_id("02"), None) == URL  # another record of the same


def test_the_latest_answer_is_remembered() -> None:
    memory = Revocations(CrlSettings())
    single = SingleResponse(cert_id("02"), CertStatus.good, None, None, 5, 6)
    memory.ask(cert_id("02"), single)
    memory.ask(cert_id("02"), None)
    assert memory.answer(OWN, "02") is single
    assert memory.answer(OWN, "03") is None
    assert memory.answer(OWN, "02...") is None


def test_a_newer_one_takes_the_place_of_an_older_one() -> None:
    memory = Revocations(CrlSettings())
    question = cert_id("02")
    day = START - START.replace(hour=0)
    see(memory, make([2]))
    assert memory.ask(question, None) == URL
    see(memory, make([1], update=START - day))
    assert memory.ask(question, None) == URL  # an older one changes nothing
    see(memory, make([1], update=START + day))
    assert memory.ask(question, None) is None


def test_shards_stand_side_by_side() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1], scope("http://crl.example/1.crl")), "http://crl.example/1.crl")
    see(memory, make([2], scope("http://crl.example/2.crl")), "http://crl.example/2.crl")
    assert memory.ask(cert_id("01"), None) == "http://crl.example/1.crl"
    assert memory.ask(cert_id("02"), None) == "http://crl.example/2.crl"


def test_a_delta_is_not_remembered() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([2], (x509.CRLNumber(8), False), (x509.DeltaCRLIndicator(7), True)))
    assert memory.ask(cert_id("02"), None) is None


def test_an_indirect_one_speaks_of_other_cas() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1, 2], scope(indirect=True), issuers={2: OTHER}))
    assert memory.ask(cert_id("01"), None) == URL
    assert memory.ask(cert_id("02"), None) is None
    assert memory.ask(cert_id("02", OTHER.public_bytes()), None) == URL
    assert memory.ask(cert_id("01", OTHER.public_bytes()), None) is None


def test_so_many_questions() -> None:
    memory = Revocations(CrlSettings(max_asked=3))
    for serial in ("01", "02", "03", "04", "05"):
        memory.ask(cert_id(serial), None)
    assert memory.forgotten_questions == 2
    assert memory.watch(OWN) == {key_of("03"), key_of("04"), key_of("05")}
    for serial in ("01", "02", "03"):
        memory.ask(cert_id(serial, OTHER.public_bytes()), None)
    assert memory.watch(OWN) == frozenset()


def test_so_many_crls() -> None:
    memory = Revocations(CrlSettings(max_crls=2))
    for i in (1, 2, 3):
        see(memory, make([i], scope(f"http://crl.example/{i}.crl")), f"http://crl.example/{i}.crl")
    assert memory.forgotten_crls == 1
    assert [memory.ask(cert_id(f"0{i}"), None) is not None for i in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize("limit", [150, 0])
def test_so_many_entries(limit: int) -> None:
    memory = Revocations(CrlSettings(max_remembered=limit))
    first, second = make(range(1, 101)), make(range(101, 201), scope("http://x.example/"))
    see(memory, first)
    assert (memory.ask(cert_id("01"), None) is not None) == (limit > 0)
    see(memory, second, "http://x.example/")
    assert memory.ask(cert_id("01"), None) is None
    assert (memory.ask(cert_id("65"), None) is not None) == (limit > 0)
    assert memory.forgotten_crls == (1 if limit else 0)
    assert memory.budget.refused == (0 if limit else 200)
    assert memory.budget.free == (50 if limit else 0)
