"""sensor.privacy.fetched: how far a CRL, or an issuer's certificate, narrows down which site it was."""

from __future__ import annotations

import pytest

from sensor.ct.lookup import Issuer
from sensor.ct.memory import MemoryLookup
from sensor.fetch.model import CertificateFetch, CrlFetch, Fetch
from sensor.ocsp.model import Evidence
from sensor.pki.certificates import Certificate
from sensor.pki.crl import NO_EXTENSIONS, Crl, CrlEnd, CrlExtensions, CrlHead, CrlScope
from sensor.pki.x509 import decode_x509
from sensor.privacy.fetched import FetchLeaks
from sensor.privacy.leak import Grade
from sensor.settings import PrivacySettings
from sensor.weird import FlowId
from tests.pki.crls import NAME, certificate

URL = "http://crl.example/17.crl"
FLOW = FlowId("Cx", "10.0.0.1", 50000, "192.0.2.80", 80)
CA = Issuer(1, "CN=Shard CA,C=US", "Shard CA")
ONLY_CA = CrlExtensions(scope=CrlScope((), False, True, False, False, ()))


def fetch(url: str = URL, agent: bytes | None = b"curl/8", client: str = "10.0.0.1") -> Fetch:
    flow = FlowId("Cx", client, 50000, "192.0.2.80", 80)
    return Fetch(flow, 5, "GET", b"crl.example", b"/17.crl", agent, 200, url, "F1", None, 6, Evidence.both)


def crl(entries: int, end: CrlEnd = CrlEnd.whole, extensions: CrlExtensions = NO_EXTENSIONS) -> Crl:
    head = CrlHead(2, b"", CA.name, NAME.public_bytes(), 1, 2)
    rest = (0, 99, 0, False, (), 0, None, (), None, b"", b"", None, None)
    return Crl(end, None, False, head, extensions, entries, *rest)


def known(serial: str, *names: str, is_ca: bool = False, url: str = URL) -> Certificate:
    common_name = names[0]
    return Certificate(serial, CA.name, f"CN={common_name}", common_name, names, (), (), 1, 2, is_ca, False, (), (url,))


def leaks(*certificates: Certificate) -> FetchLeaks:
    lookup = MemoryLookup()
    for each in certificates:
        lookup.add(CA, each)
    return FetchLeaks(PrivacySettings(max_names_logged=3), lookup)


ONE = known("01", "www.shop.example", "shop.example")
OTHER = known("02", "bank.example")
TEN = [known(f"A{i}", f"site{i}.example") for i in range(10)]


@pytest.mark.parametrize(
    ("certificates", "read", "grade", "sites", "site"),
    [
        ([ONE], crl(0), Grade.exact, 1, "shop.example"),
        ([ONE], crl(1), Grade.exact, 1, "shop.example"),  # the entry may be the known one itself
        ([ONE], crl(2), Grade.few, 2, "shop.example"),
        ([ONE, OTHER], crl(0), Grade.few, 2, "shop.example"),
        ([ONE], crl(11), Grade.many, 11, "shop.example"),
        ([*TEN], crl(0), Grade.few, 10, "site0.example"),
        ([*TEN, ONE], crl(0), Grade.many, 11, "site0.example"),
        ([ONE], crl(0, CrlEnd.cut), Grade.few, 2, "shop.example"),
        ([ONE], None, Grade.few, 2, "shop.example"),
        ([known("01", "*.github.io")], crl(0), Grade.many, 1, None),
        ([known("01", "Sub CA", is_ca=True)], crl(3), Grade.ca, 0, None),
        ([known("01", "Sub CA", is_ca=True)], None, Grade.ca, 0, None),
        ([ONE], crl(3, extensions=ONLY_CA), Grade.ca, 0, None),
        ([], crl(0), Grade.unlisted, 0, None),
        ([], None, Grade.unlisted, 0, None),
        ([known("01", "shop.example", url="http://crl.example/18.crl")], crl(0), Grade.unlisted, 0, None),
    ],
)
def test_how_far_a_crl_narrows_it_down(
    certificates: list[Certificate], read: Crl | None, grade: Grade, sites: int, site: str | None
) -> None:
    leak = leaks(*certificates).crl(CrlFetch(fetch(), read))
    assert (leak.channel, leak.serial_number, leak.grade, leak.sites_total) == ("crl", None, grade, sites)
    if grade is not Grade.many:
        assert leak.site == site
    assert leak.issuer == (CA.name if read is not None or (certificates and "18" not in str(certificates)) else None)


def test_more_than_the_look_up_gives_are_many() -> None:
    many = [known(f"{i:04X}", "shop.example") for i in range(65)]
    leak = leaks(*many).crl(CrlFetch(fetch(), crl(0)))
    assert leak.grade is Grade.many


def test_names_are_cut_for_the_log_and_counted() -> None:
    leak = leaks(*TEN).crl(CrlFetch(fetch(), crl(0)))
    assert (len(leak.names), leak.names_total) == (3, 10)
    assert (leak.software, leak.evidence, leak.exchange.single) == ("curl", Evidence.both, None)


def test_a_client_that_asks_again_is_counted() -> None:
    stage = leaks(ONE)
    asked = [
        stage.crl(CrlFetch(fetch(url, client=client), crl(0)))
        for client in ("10.0.0.1", "10.0.0.2")
        for url in (URL, URL, "x")
    ]
    assert [leak.times_seen for leak in asked] == [1, 2, 1, 1, 2, 1]


def test_a_look_up_in_trouble_is_counted_and_claims_nothing() -> None:
    lookup = MemoryLookup()
    lookup.add(CA, ONE)
    lookup.trouble = "locked"
    stage = FetchLeaks(PrivacySettings(), lookup)
    leak = stage.crl(CrlFetch(fetch(), crl(0)))
    assert (leak.grade, leak.issuer, stage.unavailable) == (Grade.unlisted, CA.name, 1)


def test_without_its_request_nothing_is_looked_up() -> None:
    assert leaks(known("01", "a.example", url="")).crl(CrlFetch(fetch(""), crl(0))).grade is Grade.unlisted


def test_an_issuers_certificate_tells_the_ca() -> None:
    decoded = decode_x509(certificate("rsa"), 10)
    leak = leaks().certificates(CertificateFetch(fetch(), 5, (decoded,), 0))
    assert leak is not None
    assert (leak.channel, leak.grade, leak.names, leak.site) == ("ca_issuers", Grade.ca, ("Shard CA",), None)
    assert leak.serial_number == "07"


def test_the_lowest_of_a_chain_is_the_one() -> None:
    import msgspec

    root = decode_x509(certificate("rsa"), 10)
    sub = msgspec.structs.replace(root, subject_der=b"sub", common_name="Sub", fingerprint="02")
    for chain in ((root, sub), (sub, root)):
        leak = leaks().certificates(CertificateFetch(fetch(), 5, chain, 0))
        assert leak is not None
        assert leak.names == ("Sub",)


def test_a_certificate_of_no_ca_tells_nothing_here() -> None:
    import msgspec

    leaf = msgspec.structs.replace(decode_x509(certificate("rsa"), 10), ca=False)
    assert leaks().certificates(CertificateFetch(fetch(), 5, (leaf,), 0)) is None
