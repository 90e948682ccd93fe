"""sensor.fetch.stage: what a transaction fetched, whole and otherwise, and what is odd about it."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.fetch.stage import url_of
from sensor.http.transaction import HttpTransaction
from sensor.ocsp.model import CertId, Evidence
from sensor.pki.crl import CrlEnd
from sensor.settings import CrlSettings
from sensor.weird import Weird
from tests.fetch.fetching import FLOW, NOW, SECOND, make_stage, transaction
from tests.pki.crls import NAME, certificate, make, scope

URL = "http://crl.example/shard/17.crl"
CRL = make(range(1, 200), (x509.CRLNumber(7), False), scope(URL))


def test_a_crl_fetched() -> None:
    stage = make_stage()
    (event,) = stage.feed(transaction(stage, CRL))
    assert isinstance(event, CrlFetch) and event.crl is not None
    fetch, crl = event.fetch, event.crl
    assert (fetch.flow, fetch.ts, fetch.response_ts) == (FLOW, NOW, NOW + SECOND)
    assert (fetch.method, fetch.url, fetch.http_status, fetch.evidence) == ("GET", URL, 200, Evidence.both)
    assert (fetch.user_agent, fetch.mime_type) == (b"curl/8", "application/pkix-crl")
    assert (crl.end, crl.entries, crl.extensions.number) == (CrlEnd.whole, 199, "07")


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"cut": 900}, CrlEnd.cut),
        ({"gap_at": 3000}, CrlEnd.hole),
        ({"status": b"206 Partial Content", "fields": b"Content-Range: bytes 0-8000/99999\r\n"}, CrlEnd.whole),
    ],
)
def test_in_part(options: dict[str, object], end: CrlEnd) -> None:
    stage = make_stage()
    (event,) = stage.feed(transaction(stage, CRL, step=500, **options))  # type: ignore[arg-type]  # a few of each type
    assert isinstance(event, CrlFetch) and event.crl is not None
    assert (event.crl.end, event.crl.head is not None, event.crl.entries > 10) == (end, True, True)


@pytest.mark.parametrize(
    ("body", "options", "evidence"),
    [
        (b"", {"status": b"304 Not Modified"}, Evidence.both),
        (
            CRL[500:],
            {"status": b"206 Partial Content", "fields": b"Content-Range: bytes 500-900/9000\r\n"},
            Evidence.both,
        ),
        (None, {}, Evidence.request),
    ],
)
def test_a_crl_that_was_asked_for_and_did_not_come(
    body: bytes | None, options: dict[str, object], evidence: Evidence
) -> None:
    stage = make_stage()
    found = transaction(stage, body, **options)  # type: ignore[arg-type]  # a few of each type
    (event,) = stage.feed(found)
    assert isinstance(event, CrlFetch)
    assert (event.crl, event.fetch.url, event.fetch.evidence) == (None, URL, evidence)
    other = transaction(stage, body, b"/index.html", **options)  # type: ignore[arg-type]  # likewise
    assert stage.feed(other) == []


def test_an_error_page_is_no_crl() -> None:
    stage = make_stage()
    assert stage.feed(transaction(stage, b"<html>", status=b"404 Not Found")) == []
    claimed = transaction(stage, b"<html>no such", fields=b"Content-Type: application/pkix-crl\r\n")
    (event,) = stage.feed(claimed)
    assert isinstance(event, Weird)
    assert (event.name, event.addl, event.source) == ("crl_parse_error", "not a CRL", "X509")


def test_a_broken_one_and_a_limit_are_told_apart() -> None:
    broken = bytearray(CRL)
    broken[CRL.rindex(b"\x17\x0d2")] = 0xFF  # the date of the last entry
    stage = make_stage()
    names = [event.name for event in stage.feed(transaction(stage, bytes(broken))) if isinstance(event, Weird)]
    assert names == ["crl_parse_error"]
    stage = make_stage(CrlSettings(max_bytes=1000))
    weird, event = stage.feed(transaction(stage, CRL))
    assert isinstance(weird, Weird) and isinstance(event, CrlFetch)
    assert weird.name == "asn1_limit"


def test_entries_that_find_no_room_are_told() -> None:
    stage = make_stage(CrlSettings(max_remembered=100))
    weird, event = stage.feed(transaction(stage, CRL))
    assert isinstance(weird, Weird) and isinstance(event, CrlFetch)
    assert weird.name == "crl_not_remembered"
    assert weird.addl is not None and weird.addl.endswith("of 199 entries are remembered")


def asked(serial: str, name: bytes = NAME.public_bytes(), algorithm: str = "sha1") -> CertId:
    import hashlib

    return CertId(algorithm, hashlib.new(algorithm, name).digest(), bytes(20), serial)


def test_asked_before_the_crl_and_after_it() -> None:
    stage = make_stage()
    ask = stage.revocations.ask
    assert ask(asked("05"), None) is None
    assert ask(asked("0300"), None) is None
    (event,) = stage.feed(transaction(stage, CRL))
    assert isinstance(event, CrlFetch)
    assert [entry.serial_number for entry in event.asked] == ["05"]
    assert event.asked_total == 1
    assert ask(asked("05"), None) == OnCrl(URL, False, None)
    assert ask(asked("06", algorithm="sha256"), None) == OnCrl(URL, False, None)
    assert ask(asked("0300"), None) is None


def test_certificates_in_der_pem_and_pkcs7() -> None:
    stage = make_stage()
    one, two = certificate("ec"), certificate("rsa")
    loaded = [x509.load_der_x509_certificate(der) for der in (one, two)]
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in loaded)
    bundle, bundle_pem = (pkcs7.serialize_certificates(loaded, form) for form in (Encoding.DER, Encoding.PEM))
    cms, odd = bundle_pem.replace(b"PKCS7", b"CMS"), pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE")
    bodies = [(one, b"/ca.cer", 1), (pem, b"/ca.crt", 2), (bundle, b"/ca.p7c", 2), (bundle, b"/x", 2)]
    bodies += [(bundle_pem, b"/x", 2), (cms, b"/x", 2), (odd, b"/x", 2)]
    for body, target, count in bodies:
        (event,) = stage.feed(transaction(stage, body, target))
        assert isinstance(event, CertificateFetch)
        assert len(event.certificates) == count
        assert {each.key_type for each in event.certificates} <= {"ecdsa", "rsa"}
        assert event.ts == NOW + SECOND


def test_certificates_have_limits_and_broken_ones_are_told() -> None:
    stage = make_stage(CrlSettings(max_certificates=2))
    pem = x509.load_der_x509_certificate(certificate()).public_bytes(Encoding.PEM)
    weird, event = stage.feed(transaction(stage, pem * 5, b"/ca.pem"))
    assert isinstance(weird, Weird) and isinstance(event, CertificateFetch)
    assert (weird.name, weird.addl) == ("x509_more_follow", "3 in the same file are not logged")
    assert (len(event.certificates), event.left_out) == (2, 3)
    junk = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % base64.b64encode(b"\x30\x03\2\1\1")
    weird, event = stage.feed(transaction(stage, junk + pem, b"/ca.pem"))
    assert isinstance(weird, Weird) and isinstance(event, CertificateFetch)
    assert (weird.name, event.left_out) == ("x509_parse_error", 1)


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        (b"/a.crl?x=1", b"CRL.Example:80", "http://crl.example/a.crl?x=1"),
        (b"/a.crl", b"crl.example:8080", "http://crl.example:8080/a.crl"),
        (b"HTTP://CRL.example:80/A.crl", b"proxy.example:3128", "http://crl.example/A.crl"),
        (b"/a\xff.crl", b"crl.example", "http://crl.example/a\\xff.crl"),
        (b"/a.crl", b"", "http://192.0.2.5/a.crl"),
        (b"/" + b"a" * 5000, b"crl.example", "http://crl.example/" + "a" * 2029),
    ],
)
def test_the_address_that_was_asked_for(target: bytes, host: bytes, url: str) -> None:
    stage = make_stage()
    assert url_of(transaction(stage, b"", target, host=host)) == url


def test_without_its_request() -> None:
    stage = make_stage()
    whole = transaction(stage, CRL)
    (event,) = stage.feed(HttpTransaction(FLOW, NOW, 1, None, whole.response))
    assert isinstance(event, CrlFetch)
    assert (event.fetch.url, event.fetch.evidence, event.fetch.method) == ("", Evidence.response, None)


@given(st.binary(max_size=400), st.sampled_from([b"application/pkix-crl", b"application/pkix-cert", b"text/plain"]))
def test_any_octets_never_raise(body: bytes, claim: bytes) -> None:
    stage = make_stage()
    for content in (body, certificate()[:200] + body, CRL[:200] + body, b"-----BEGIN CERTIFICATE-----\n" + body):
        for event in stage.feed(transaction(stage, content, fields=b"Content-Type: %b\r\n" % claim)):
            assert isinstance(event, (CrlFetch, Weird))


def test_crls_behind_the_first_are_said() -> None:
    stage = make_stage(CrlSettings(max_in_file=2))
    pem = b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(CRL) + b"-----END X509 CRL-----\n"
    first, second, weird = stage.feed(transaction(stage, pem * 5))
    assert isinstance(first, CrlFetch) and isinstance(second, CrlFetch) and isinstance(weird, Weird)
    assert (first.further, second.further) == (False, True)
    assert (weird.name, weird.addl) == ("crl_more_follow", "3 in the same file are not read")


def test_a_certificate_is_found_on_any_crl_of_a_file() -> None:
    stage = make_stage()
    other = make([0x9999], (x509.CRLNumber(8), False), scope("http://crl.example/shard/18.crl"))
    pem = b"".join(
        b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n" for der in (CRL, other)
    )
    one, two = stage.feed(transaction(stage, pem))
    assert isinstance(one, CrlFetch) and isinstance(two, CrlFetch)
    assert stage.revocations.ask(asked("9999"), None) == OnCrl(URL, False, None)
    assert stage.revocations.ask(asked("05"), None) == OnCrl(URL, False, None)


def test_a_bundle_without_certificates_is_said() -> None:
    stage = make_stage()
    der = x509.load_der_x509_certificate(certificate())
    bundle = pkcs7.serialize_certificates([der], Encoding.DER)
    at = bundle.index(der.public_bytes(Encoding.DER))
    assert bundle[at - 4 : at - 2] == b"\xa0\x82"
    none = bundle[: at - 4] + b"\xa1" + bundle[at - 3 :]  # what were certificates are CRLs now
    (weird,) = stage.feed(transaction(stage, none, b"/x"))
    assert isinstance(weird, Weird) and (weird.name, weird.addl) == ("x509_parse_error", "no certificate in it")


@pytest.mark.parametrize(
    ("body", "fields", "what"),
    [
        (b"<html>log in first</html>", b"Content-Type: text/html\r\n", "text/html"),
        (
            pkcs7.serialize_certificates([x509.load_der_x509_certificate(certificate())], Encoding.DER),
            b"Content-Type: application/pkix-crl\r\n",
            "application/pkcs7-mime",
        ),
        (
            b"--b\r\nContent-Type: application/pkix-crl\r\n\r\n" + CRL + b"\r\n--b--\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            "application/pkix-crl",
        ),
    ],
)
def test_a_crl_in_another_form_is_said(body: bytes, fields: bytes, what: str) -> None:
    stage = make_stage()
    weirds = [event for event in stage.feed(transaction(stage, body, fields=fields)) if isinstance(event, Weird)]
    assert [(event.name, event.addl) for event in weirds] == [("crl_in_other_form", what)]
    other = stage.feed(transaction(stage, body, b"/index.html", fields=fields))
    assert not [event for event in other if isinstance(event, Weird)]
