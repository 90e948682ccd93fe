"""From exchanges and answers to leaks."""

from __future__ import annotations

import msgspec
import pytest

from sensor.ct.lookup import Found, Issuer, NotFound, Unavailable
from sensor.ocsp.model import Evidence, OcspResponse
from sensor.pki.certificates import Certificate
from sensor.privacy.attribution import LeakStage, certificate_names, judge
from sensor.privacy.leak import Grade
from sensor.privacy.sites import SiteIndex
from sensor.privacy.suffixes import public_suffixes
from sensor.settings import PrivacySettings

ISSUER = Issuer(7, "CN=Example Issuing CA 1,O=Example Trust,C=XX", "Example Issuing CA 1")
INDEX = SiteIndex()
HOSTS = tuple(f"www.h{n}.example" for n in range(300))


def certificate(
    *dns: str,
    serial: str = "0A",
    cn: str | None = None,
    ips: tuple[str, ...] = (),
    emails: tuple[str, ...] = (),
    is_ca: bool = False,
    subject: str = "",
    left_out: int = 0,
) -> Certificate:
    return Certificate(
        serial, ISSUER.name, subject, cn, dns, ips, emails, 1_700_000_000, 1_710_000_000, is_ca, False, (), (), left_out
    )


def found(certificate: Certificate) -> Found:
    return Found(certificate, ISSUER, "test", 1_700_000_000)


@pytest.mark.parametrize(
    ("known", "grade", "site", "sites_total", "names_total"),
    [
        (certificate("www.a.example"), Grade.exact, "a.example", 1, 1),
        (certificate("www.a.example", "a.example", "*.a.example"), Grade.exact, "a.example", 1, 3),
        (certificate("www.a.example", "b.example"), Grade.few, "a.example", 2, 2),
        (certificate("www.a.example", "b.example", cn="b.example"), Grade.few, "b.example", 2, 2),
        (certificate("b.example", cn="cdn.c.example"), Grade.few, "c.example", 2, 2),
        (certificate("b.example", cn="Example Ltd"), Grade.exact, "b.example", 1, 1),
        (certificate(*HOSTS[:10]), Grade.few, "h0.example", 10, 10),
        (certificate(*HOSTS[:11]), Grade.many, "h0.example", 11, 11),
        (certificate(*HOSTS), Grade.many, "h0.example", 300, 300),
        (certificate("*.github.io"), Grade.many, "github.io", 1, 1),
        (certificate("intranet"), Grade.exact, "intranet", 1, 1),
        (certificate(ips=("192.0.2.1",)), Grade.exact, "192.0.2.1", 1, 1),
        (certificate(ips=("192.0.2.1",), cn="192.0.2.1"), Grade.exact, "192.0.2.1", 1, 1),
        (certificate(emails=("alice@mail.example",), cn="Alice"), Grade.exact, "mail.example", 1, 1),
        (certificate(cn="Developer ID Application: A"), Grade.exact, "Developer ID Application: A", 1, 1),
        (certificate(subject="O=Nobody"), Grade.exact, "O=Nobody", 1, 1),
        (certificate("www.a.example", cn="a"), Grade.exact, "a.example", 1, 1),
        (certificate("www.a.example", left_out=10), Grade.exact, "a.example", 1, 11),
        (certificate("www.a.example", left_out=11), Grade.many, "a.example", 1, 12),
        (certificate("evil\x1b[2J"), Grade.exact, "evil\x1b[2J", 1, 1),
        (certificate(cn="Example Issuing CA 2", is_ca=True), Grade.ca, None, 0, 1),
        (certificate("host.example", is_ca=True, subject="CN=X"), Grade.ca, None, 0, 1),
    ],
)
def test_verdict(known: Certificate, grade: Grade, site: str | None, sites_total: int, names_total: int) -> None:
    verdict = judge(found(known), INDEX, 10)
    assert (verdict.grade, verdict.site, verdict.sites_total) == (grade, site, sites_total)
    assert verdict.names_total == names_total
    assert verdict.names == certificate_names(known)[:10] if grade is not Grade.ca else len(verdict.names) == 1
    assert (verdict.issuer, verdict.found_in) == (ISSUER.name, "test")
    assert (verdict.not_before, verdict.not_after) == (1_700_000_000, 1_710_000_000)


@pytest.mark.parametrize(
    ("answer", "issuer"), [(NotFound(), None), (NotFound(ISSUER), ISSUER.name), (Unavailable("locked"), None)]
)
def test_what_is_not_known_is_never_guessed(answer: NotFound | Unavailable, issuer: str | None) -> None:
    verdict = judge(answer, INDEX, 10)
    assert (verdict.grade, verdict.issuer) == (Grade.unlisted, issuer)
    assert (verdict.site, verdict.names, verdict.names_total, verdict.sites_total) == (None, (), 0, 0)
    assert (verdict.found_in, verdict.not_before, verdict.not_after) == (None, None, None)


def stage(lookup, answers=None, **settings) -> LeakStage:
    return LeakStage(PrivacySettings(**settings), lookup(answers or {}))


def test_a_leak_says_who_asked_about_whom(wire, lookup) -> None:
    cid = wire.cert_id("0A")
    known = found(certificate("www.a.example", serial="0A"))
    leaks = stage(lookup, {(cid.issuer_key_hash, "0A"): known})
    (leak,) = leaks.feed([wire.exchange(cid, asked=wire.request(cid), client="192.0.2.9")])
    assert (leak.flow.orig_h, leak.site, leak.grade, leak.software) == (
        "192.0.2.9",
        "a.example",
        Grade.exact,
        "Windows CryptoAPI",
    )
    assert (leak.ts, leak.channel, leak.serial_number, leak.evidence) == (1_000_000_000, "ocsp", "0A", Evidence.both)
    assert (leak.names, leak.found_in, leak.times_seen) == (("www.a.example",), "test", 1)


def test_names_logged_are_cut_and_counted(wire, lookup) -> None:
    cid = wire.cert_id()
    leaks = stage(lookup, {(cid.issuer_key_hash, "0A"): found(certificate(*HOSTS))}, max_names_logged=3)
    (leak,) = leaks.feed([wire.exchange(cid, asked=wire.request(cid))])
    assert (leak.names, leak.names_total, leak.sites_total) == (HOSTS[:3], 300, 300)


def test_same_serial_of_two_issuers_is_two_certificates(wire, lookup) -> None:
    one, other = wire.cert_id("0A", b"k" * 20), wire.cert_id("0A", b"j" * 20)
    leaks = stage(lookup, {(b"k" * 20, "0A"): found(certificate("a.example"))})
    told = leaks.feed([wire.exchange(one, asked=wire.request(one)), wire.exchange(other, asked=wire.request(other))])
    assert [(k.site, k.grade, k.times_seen) for k in told] == [
        ("a.example", Grade.exact, 1),
        (None, Grade.unlisted, 1),
    ]


REPLY = OcspResponse(0)


@pytest.mark.parametrize(
    ("asked_for", "answered", "evidence", "method", "leaked"),
    [
        ("0A", "0A", Evidence.both, "GET", True),
        ("0A", "0A", Evidence.request, "GET", True),
        ("0A", "0A", Evidence.mismatch, "GET", True),  # asked about, and answered with something else
        ("0A", "0B", Evidence.mismatch, "GET", False),  # answered, and never asked about (O12)
        (None, "0B", Evidence.response, None, True),  # the request was not captured
        (None, "0B", Evidence.response, "POST", True),  # its body was not readable
        (None, "0B", Evidence.response, "GET", False),  # something else was asked for
        (None, "0B", Evidence.response, "HEAD", False),
        ("0A", None, Evidence.both, "GET", False),  # nothing to attribute
        (None, None, Evidence.response, None, False),
    ],
)
def test_only_what_was_asked_is_claimed(wire, lookup, asked_for, answered, evidence, method, leaked: bool) -> None:
    asked = wire.request(wire.cert_id(asked_for)) if asked_for else None
    about = wire.cert_id(answered) if answered else None
    made = wire.exchange(about, asked=asked, reply=REPLY, evidence=evidence, method=method)
    leaks = stage(lookup).feed([made])
    assert [(k.serial_number, k.evidence, k.exchange) for k in leaks] == [(answered, evidence, made)] * leaked


def test_a_get_that_is_not_readable_but_looks_like_ocsp_is_a_question(wire, lookup) -> None:
    odd = wire.exchange(wire.cert_id("0B"), reply=REPLY, evidence=Evidence.response)
    odd = msgspec.structs.replace(odd, uri=b"/ocsp/MFEwTzBNMEswSTAJBgUrDgMCGgUABBTBL0V27RVZ7LBduom")
    assert [k.evidence for k in stage(lookup).feed([odd])] == [Evidence.response]


def test_one_transaction_discloses_a_certificate_once_whatever_the_hash(wire, lookup) -> None:
    sha1, sha256 = wire.cert_id("0A", b"k" * 20), wire.cert_id("0A", b"K" * 32, "sha256")
    known = found(certificate("a.example"))
    leaks = stage(lookup, {(b"k" * 20, "0A"): known, (b"K" * 32, "0A"): known})
    reply = OcspResponse(0)
    both = [wire.exchange(c, reply=reply, evidence=Evidence.response, method=None) for c in (sha1, sha256)]
    assert [k.times_seen for k in leaks.feed(both)] == [1]
    again = OcspResponse(0, "again")
    both = [wire.exchange(c, reply=again, evidence=Evidence.response, method=None) for c in (sha256, sha1)]
    assert [k.times_seen for k in leaks.feed(both)] == [2]


def test_hashes_of_a_known_issuer_are_one_issuer_even_for_an_unlisted_serial(wire, lookup) -> None:
    sha1, sha256 = wire.cert_id("0A", b"k" * 20), wire.cert_id("0A", b"K" * 32, "sha256")
    leaks = stage(lookup, {(b"k" * 20, "0A"): NotFound(ISSUER), (b"K" * 32, "0A"): NotFound(ISSUER)})
    told = [leaks.feed([wire.exchange(c, asked=wire.request(c))])[0] for c in (sha1, sha256)]
    assert [k.times_seen for k in told] == [1, 2]
    unknown = stage(lookup)
    assert [unknown.feed([wire.exchange(c, asked=wire.request(c))])[0].times_seen for c in (sha1, sha256)] == [1, 1]


def test_every_disclosure_is_told_and_counted_by_client_and_certificate(wire, lookup) -> None:
    leaks = stage(lookup)
    one, two = wire.cert_id("0A"), wire.cert_id("0B")
    made = [
        wire.exchange(one, asked=wire.request(one, two)),
        wire.exchange(two, asked=wire.request(one, two)),
        wire.exchange(one, asked=wire.request(one)),
        wire.exchange(one, asked=wire.request(one), client="192.0.2.2"),
        wire.exchange(one, asked=wire.request(one, one)),
    ]
    told = leaks.feed(made)
    assert [(k.flow.orig_h[-1], k.serial_number, k.times_seen) for k in told] == [
        ("1", "0A", 1),
        ("1", "0B", 1),
        ("1", "0A", 2),
        ("2", "0A", 1),
        ("1", "0A", 3),
    ]


def test_a_certificate_named_twice_in_one_request_is_one_disclosure(wire, lookup) -> None:
    cid = wire.cert_id()
    asked = wire.request(cid, cid)
    assert len(stage(lookup).feed([wire.exchange(cid, asked=asked), wire.exchange(cid, asked=asked)])) == 1


def test_tracking_is_bounded(wire, lookup) -> None:
    leaks = stage(lookup, max_tracked=2)
    ids = [wire.cert_id(f"{n:02X}") for n in (1, 2, 3, 1)]
    told = [leaks.feed([wire.exchange(c, asked=wire.request(c))])[0].times_seen for c in ids]
    assert (told, leaks.forgotten) == ([1, 1, 1, 1], 2)


def test_lookups_that_failed_are_counted_not_remembered(wire, lookup) -> None:
    cid = wire.cert_id()
    fake = lookup({(cid.issuer_key_hash, "0A"): Unavailable("locked")})
    leaks = LeakStage(PrivacySettings(), fake)
    assert leaks.feed([wire.exchange(cid, asked=wire.request(cid))])[0].grade is Grade.unlisted
    assert leaks.unavailable == 1
    fake.answers[(cid.issuer_key_hash, "0A")] = found(certificate("a.example"))
    (leak,) = leaks.feed([wire.exchange(cid, asked=wire.request(cid))])
    assert (leak.grade, leak.site, leaks.unavailable) == (Grade.exact, "a.example", 1)


def test_a_renewed_row_is_judged_anew(wire, lookup) -> None:
    cid = wire.cert_id()
    fake = lookup({(cid.issuer_key_hash, "0A"): found(certificate("a.example"))})
    leaks = LeakStage(PrivacySettings(), fake)
    assert leaks.feed([wire.exchange(cid, asked=wire.request(cid))])[0].site == "a.example"
    fake.answers[(cid.issuer_key_hash, "0A")] = found(certificate("b.example"))
    assert leaks.feed([wire.exchange(cid, asked=wire.request(cid))])[0].site == "b.example"


def test_a_batch_is_one_lookup_and_nothing_asked_is_none(wire, lookup) -> None:
    fake = lookup()
    leaks = LeakStage(PrivacySettings(), fake)
    assert leaks.feed([]) == []
    assert leaks.feed([wire.exchange(None)]) == []
    ids = [wire.cert_id("01"), wire.cert_id("02")]
    leaks.feed([wire.exchange(c, asked=wire.request(*ids)) for c in ids])
    assert fake.calls == [2]


def test_a_request_alone_creates_no_name(wire, lookup) -> None:
    """C8: what the traffic says of a certificate's holder never becomes a name."""
    cid = wire.cert_id()
    asked = msgspec.structs.replace(wire.request(cid), requestor_name="bank.example")
    (leak,) = stage(lookup).feed([wire.exchange(cid, asked=asked, host=b"bank.example")])
    assert (leak.site, leak.names, leak.grade) == (None, (), Grade.unlisted)


@pytest.mark.parametrize(
    ("answer", "issuer"),
    [
        (NotFound(), None),
        (NotFound(ISSUER), ISSUER.name),
        (Unavailable("x"), None),
        (found(certificate("a")), ISSUER.name),
    ],
)
def test_an_exchange_that_is_no_leak_can_be_described(wire, lookup, answer, issuer: str | None) -> None:
    about, asked = wire.cert_id("0B"), wire.request(wire.cert_id("0A"))
    leaks = stage(lookup, {(about.issuer_key_hash, "0B"): answer})
    unasked = wire.exchange(about, asked=asked, evidence=Evidence.mismatch)
    assert leaks.feed([unasked]) == []
    assert leaks.describe(unasked) == (issuer, "Windows CryptoAPI")
    assert leaks.describe(wire.exchange(None)) == (None, "unknown")


def test_the_public_suffix_list_is_read_when_a_name_needs_it(wire, lookup) -> None:
    cid = wire.cert_id()
    fake = lookup()
    leaks = LeakStage(PrivacySettings(), fake)
    public_suffixes.cache_clear()
    leaks.feed([wire.exchange(cid, asked=wire.request(cid))])
    assert public_suffixes.cache_info().currsize == 0
    fake.answers[(cid.issuer_key_hash, "0A")] = found(certificate("a.example"))
    leaks.feed([wire.exchange(cid, asked=wire.request(cid))])
    assert public_suffixes.cache_info().currsize == 1


@pytest.mark.parametrize(
    ("urls", "host", "is_foreign"),
    [
        (("http://ocsp.a.example/x",), b"ocsp.a.example", False),
        (("HTTP://u@Ocsp.A.example:80",), b"OCSP.a.example:80", False),
        (("http://[2001:db8::1]:2560/",), b"[2001:db8::1]:2560", False),
        (("http://ocsp.a.example", "http://ocsp.b.example"), b"ocsp.b.example", False),
        (("http://ocsp.a.example",), b"ocsp.c2.example", True),
        (("http://ocsp.a.example",), b"198.51.100.1", True),
        (("http://ocsp.a.example",), b"", True),
        (("http://ocsp.a.example",), None, False),
        ((), b"ocsp.c2.example", False),
        (("ldap:///cn=x", "ocsp.a.example", ""), b"ocsp.c2.example", False),
    ],
)
def test_a_responder_that_the_certificate_does_not_name(wire, lookup, urls, host, is_foreign: bool) -> None:
    cid = wire.cert_id("0A")
    known = found(msgspec.structs.replace(certificate("www.a.example", serial="0A"), ocsp_urls=urls))
    (leak,) = stage(lookup, {(cid.issuer_key_hash, "0A"): known}).feed(
        [wire.exchange(cid, asked=wire.request(cid), host=host)]
    )
    assert leak.foreign_responder is is_foreign
