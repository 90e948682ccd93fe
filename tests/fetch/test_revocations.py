"""sensor.fetch.revocations: certificates asked about and CRLs that went by, in either order and within limits."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509

from sensor.audit.findings import Finding
from sensor.fetch.findings import Weight
from sensor.fetch.model import OnCrl
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


def see(memory: Revocations, der: bytes, url: str = URL, weight: Weight = Weight.verified) -> None:
    memory.remember(url, read(der, index=SerialIndex(memory.budget), watch=memory.watch)[0], weight)


def on(memory: Revocations, cert: CertId) -> str | None:
    """The URL of the CRL that the certificate is on."""
    found = memory.ask(cert, None)
    return None if found is None else found.url


def test_a_crl_seen_before_the_question() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1, 2, 0xABCDEF]))
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        assert on(memory, cert_id("ABCDEF", algorithm=algorithm)) == URL
        assert on(memory, cert_id("03", algorithm=algorithm)) is None
    assert on(memory, cert_id("02", OTHER.public_bytes())) is None
    assert on(memory, cert_id("-02")) is None


def exchange(cert: CertId | None) -> OcspExchange:
    both = Evidence.both
    return OcspExchange(FLOW, NOW, cert, both, "GET", None, None, None, "1.1", 200, None, None, None, None, None, None)


def test_exchanges_are_told_together() -> None:
    memory = Revocations(CrlSettings())
    asked = [exchange(cert_id("02")), exchange(None), exchange(cert_id("03"))]
    assert memory.on_crls(asked, ()) is None
    see(memory, make([3]))
    assert memory.on_crls(asked, ()) == [None, None, OnCrl(URL, True, None)]
    assert memory.on_crls(asked[:2], ()) is None


def test_one_seen_after_it() -> None:
    memory = Revocations(CrlSettings())
    question = cert_id("02")
    assert memory.watch(OWN) == frozenset()
    assert on(memory, question) is None
    assert memory.watch(OWN) == {key_of("02")}
    assert memory.watch(OTHER.public_bytes()) == frozenset()
    see(memory, make([1, 2]))
    assert on(memory, question) == URL
    assert on(memory, cert_id("02")) == URL  # another record of the same


def test_the_latest_answer_is_remembered() -> None:
    memory = Revocations(CrlSettings())
    single = SingleResponse(cert_id("02"), CertStatus.good, None, None, 5, 6)
    memory.ask(cert_id("02"), single, ())
    memory.ask(cert_id("02"), None)
    assert memory.answer(OWN, "02") is single
    memory.ask(cert_id("02"), single, (Finding.signature_invalid,))
    assert memory.answer(OWN, "02") is None  # whoever said it need not be the responder
    memory.ask(cert_id("02"), single)
    assert memory.answer(OWN, "02") is None  # audit is off
    assert memory.answer(OWN, "03") is None
    assert memory.answer(OWN, "02...") is None


def test_a_newer_one_takes_the_place_of_an_older_one() -> None:
    memory = Revocations(CrlSettings())
    question = cert_id("02")
    day = START - START.replace(hour=0)
    see(memory, make([2]))
    assert on(memory, question) == URL
    see(memory, make([1], update=START - day))
    assert on(memory, question) == URL  # an older one changes nothing
    see(memory, make([1], update=START + day))
    assert on(memory, question) is None


def test_an_emptied_one_takes_the_place_too() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([2]))
    assert on(memory, cert_id("02")) == URL
    see(memory, make([], update=START + datetime.timedelta(days=1)))
    assert on(memory, cert_id("02")) is None


def test_of_two_of_one_moment_the_higher_number_counts() -> None:
    for first, second, there in ((7, 8, False), (8, 7, True), (7, 7, True)):
        memory = Revocations(CrlSettings())
        see(memory, make([1, 2], (x509.CRLNumber(first), False)))
        see(memory, make([1], (x509.CRLNumber(second), False)))
        assert (on(memory, cert_id("02")) is not None) == there


def test_the_address_it_came_from_makes_no_other_crl_of_it() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([2]))
    see(memory, make([1], update=START + datetime.timedelta(days=1)), "http://mirror.example/1.crl?x=1")
    assert on(memory, cert_id("02")) is None


def test_one_that_was_not_checked_says_less() -> None:
    memory = Revocations(CrlSettings())
    day = datetime.timedelta(days=1)
    see(memory, make([2]), weight=Weight.unverified)
    assert memory.ask(cert_id("02"), None) == OnCrl(URL, False, None)
    see(memory, make([2], update=START - day), weight=Weight.verified)
    assert memory.ask(cert_id("02"), None) == OnCrl(URL, True, None)
    see(memory, make([1], update=START + day), weight=Weight.unverified)
    assert memory.ask(cert_id("02"), None) == OnCrl(URL, True, None)  # it cannot clear anyone
    assert memory.ask(cert_id("01"), None) is None
    see(memory, make([3], update=START + 2 * day), weight=Weight.none)
    assert memory.ask(cert_id("03"), None) is None


def test_of_several_a_verified_one_is_told_of() -> None:
    memory = Revocations(CrlSettings())
    day = datetime.timedelta(days=1)
    see(memory, make([2], scope("http://crl.example/1.crl")))
    later = make([2], scope("http://crl.example/2.crl"), update=START + day)
    see(memory, later, "http://crl.example/2.crl", Weight.unverified)
    assert memory.ask(cert_id("02"), None) == OnCrl(URL, True, None)
    see(memory, later, "http://crl.example/2.crl")
    assert memory.ask(cert_id("02"), None) == OnCrl("http://crl.example/2.crl", True, None)


def test_is_the_crl_newer_than_the_answer() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([2]))
    update = int(START.timestamp()) * 10**9
    for this_update, newer in ((update - 1, True), (update, False), (update + 1, False), (None, None)):
        single = SingleResponse(cert_id("02"), CertStatus.good, None, None, this_update, None)
        assert memory.ask(cert_id("02"), single) == OnCrl(URL, True, newer)


def test_shards_stand_side_by_side() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1], scope("http://crl.example/1.crl")), "http://crl.example/1.crl")
    see(memory, make([2], scope("http://crl.example/2.crl")), "http://crl.example/2.crl")
    assert on(memory, cert_id("01")) == "http://crl.example/1.crl"
    assert on(memory, cert_id("02")) == "http://crl.example/2.crl"


def test_a_delta_is_not_remembered() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([2], (x509.CRLNumber(8), False), (x509.DeltaCRLIndicator(7), True)))
    assert on(memory, cert_id("02")) is None


def test_an_indirect_one_speaks_of_other_cas() -> None:
    memory = Revocations(CrlSettings())
    see(memory, make([1, 2], scope(indirect=True), issuers={2: OTHER}))
    assert on(memory, cert_id("01")) == URL
    assert on(memory, cert_id("02")) is None
    assert on(memory, cert_id("02", OTHER.public_bytes())) == URL
    assert on(memory, cert_id("01", OTHER.public_bytes())) is None


def test_so_many_questions() -> None:
    memory = Revocations(CrlSettings(max_asked=3))
    for serial in ("01", "02", "03", "04", "05"):
        on(memory, cert_id(serial))
    assert memory.forgotten_questions == 2
    assert memory.watch(OWN) == {key_of("03"), key_of("04"), key_of("05")}
    for serial in ("01", "02", "03"):
        on(memory, cert_id(serial, OTHER.public_bytes()))
    assert memory.watch(OWN) == frozenset()


def test_so_many_crls() -> None:
    memory = Revocations(CrlSettings(max_crls=2))
    for i in (1, 2, 3):
        see(memory, make([i], scope(f"http://crl.example/{i}.crl")), f"http://crl.example/{i}.crl")
    assert memory.forgotten_crls == 1
    assert [on(memory, cert_id(f"0{i}")) is not None for i in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize("limit", [150, 0])
def test_so_many_entries(limit: int) -> None:
    memory = Revocations(CrlSettings(max_remembered=limit))
    first, second = make(range(1, 101)), make(range(101, 201), scope("http://x.example/"))
    see(memory, first)
    assert (on(memory, cert_id("01")) is not None) == (limit > 0)
    see(memory, second, "http://x.example/")
    assert on(memory, cert_id("01")) is None
    assert (on(memory, cert_id("65")) is not None) == (limit > 0)
    assert memory.forgotten_crls == (1 if limit else 0)
    assert memory.budget.refused == (0 if limit else 200)
    assert memory.budget.free == (50 if limit else 0)


def test_a_delta_ends_what_an_older_crl_said() -> None:
    memory = Revocations(CrlSettings())
    asked = cert_id("02")
    see(memory, make([1, 2], (x509.CRLNumber(7), False)))
    assert on(memory, asked) == URL
    later = START + datetime.timedelta(hours=1)
    delta = read(make([2], (x509.DeltaCRLIndicator(7), True), (x509.CRLNumber(8), False), update=later))[0]
    memory.remove(NAME.public_bytes(), "02", delta)
    assert on(memory, asked) is None
    assert on(memory, cert_id("01")) == URL
    see(memory, make([1, 2], (x509.CRLNumber(7), False)))
    assert on(memory, asked) is None  # what it ended does not come back by the same
    see(memory, make([2], (x509.CRLNumber(9), False), update=later + datetime.timedelta(hours=1)))
    assert on(memory, asked) == URL
    memory.remove(NAME.public_bytes(), "-02", delta)
    memory.remove(NAME.public_bytes(), "77", delta)
    memory.remove(NAME.public_bytes(), "02", delta)  # an old one
    assert on(memory, asked) == URL
