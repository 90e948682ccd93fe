"""sensor.ct.traffic: limits and economy; what is believed and what is not is in tests/contract."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sensor.ct import traffic
from sensor.ct.lookup import Issuer
from sensor.ct.traffic import KnownIssuer, TrafficIssuers
from sensor.pki.name_text import decode_name
from tests.ct.pki import START, Ca, decoded, make_root, name, new_key


class Trust:
    """Knows some CAs, and counts how often it is asked."""

    def __init__(self, *cas: Ca) -> None:
        self.cas = [
            KnownIssuer(Issuer(n, decode_name(decoded(ca.der).subject_der), ""), ca.der) for n, ca in enumerate(cas, 1)
        ]
        self.asked = 0

    def __call__(self, wanted: str) -> list[KnownIssuer]:
        self.asked += 1
        return [ca for ca in self.cas if ca.issuer.name == wanted]


def test_the_same_bytes_are_judged_once(root: Ca) -> None:
    trust = Trust(root)
    issuers = TrafficIssuers(trust, 1 << 20)
    delegate, sub = root.issue("delegate.example"), root.intermediate("Sub").der
    first = issuers.offer(sub)
    assert issuers.offer(delegate) is None
    asked = trust.asked
    for _ in range(10):
        assert issuers.offer(bytes(bytearray(sub))) == first
        assert issuers.offer(delegate) is None
    assert (trust.asked, issuers.count) == (asked, 1)


def test_what_was_judged_is_remembered_within_bounds(root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_MAX_JUDGED_BYTES", 5000)
    issuers = TrafficIssuers(Trust(root), 1 << 20)
    for number in range(100):
        assert issuers.offer(number.to_bytes(1, "big") * 400) is None
        assert issuers._judged_bytes == sum(map(len, issuers._judged)) <= 5000


def test_how_many_are_accepted(root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_MAX_ISSUERS", 3)
    issuers = TrafficIssuers(Trust(root), 1 << 20)
    accepted = [issuers.offer(root.intermediate(f"Sub {n}").der) for n in range(5)]
    assert [issuer.number if issuer else None for issuer in accepted] == [-1, -2, -3, None, None]


def test_how_many_namesakes_are_tried(root: Ca) -> None:
    namesakes = [make_root("Root One", aki=False) for _ in range(9)]
    last = namesakes[-1].intermediate("Sub", key=new_key()).der
    assert TrafficIssuers(Trust(*namesakes), 1 << 20).offer(last) is None
    assert TrafficIssuers(Trust(*namesakes[1:]), 1 << 20).offer(last) is not None


def test_large_certificates(root: Ca) -> None:
    sub = root.intermediate("Sub").der
    small, exact = TrafficIssuers(Trust(root), len(sub) - 1), TrafficIssuers(Trust(root), len(sub))
    assert small.offer(sub) is None
    assert exact.offer(sub) is not None
    assert (small.too_large, exact.too_large) == (1, 0)


def test_who_may_vouch(root: Ca) -> None:
    """An end entity's key vouches for nobody, though its certificate was imported."""
    key = new_key()
    printer = Ca(name("printer"), key, root.certificate)
    builder = (
        x509.CertificateBuilder()
        .subject_name(printer.subject)
        .issuer_name(printer.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + datetime.timedelta(days=1))
    )
    subject_key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = builder.add_extension(x509.BasicConstraints(False, None), True).add_extension(subject_key_id, False)
    printer.certificate = usage.sign(key, root.digest())
    assert TrafficIssuers(Trust(printer), 1 << 20).offer(printer.intermediate("Sub").der) is None
    old_root = Ca(printer.subject, key, builder.sign(key, root.digest()))  # no extensions: a root of the nineties
    old_root.aki = False
    assert decoded(old_root.certificate.public_bytes(Encoding.DER)).has_extensions is False
    assert TrafficIssuers(Trust(old_root), 1 << 20).offer(old_root.intermediate("Sub").der) is not None


def test_a_ca_that_may_not_sign_certificates_is_no_issuer(root: Ca) -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, True, False, False)
    assert TrafficIssuers(Trust(root), 1 << 20).offer(root.issue("x", ca=True, extra=((usage, True),))) is None


def test_forgetting_judgements_keeps_who_was_accepted(root: Ca) -> None:
    issuers = TrafficIssuers(Trust(root), 1 << 20)
    sub = root.intermediate("Sub")
    issuer = issuers.offer(sub.der)
    issuers.forget_judgements()
    assert issuers.issuer(sub.cert_id(5)) == issuer is not None
    assert issuers.offer(sub.der) == issuer
    assert issuers.count == 1
