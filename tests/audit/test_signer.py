"""sensor.audit.signer: what of a certificate decides whether it may sign OCSP, also where the library refuses it."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sensor.audit.signer import Signer, decode_signer
from sensor.pki.oids import encode_oid
from tests.audit.signing import DAY, NOW, Party, certify
from tests.ocsp.wire import seq, tlv

CA = certify("A CA", ca=True)
DELEGATE = certify("A delegate", by=CA, eku=True, nocheck=True)


def read(party: Party) -> Signer:
    signer = decode_signer(party.der)
    assert signer is not None
    return signer


def test_a_delegate() -> None:
    signer = read(DELEGATE)
    certificate = DELEGATE.certificate
    digest = hashlib.sha1(DELEGATE.key_octets, usedforsecurity=False).hexdigest().upper()
    assert signer.names == (f"byKey:{digest}", "byName:CN=A delegate")
    assert (signer.is_ca, signer.ocsp_signing, signer.nocheck) == (False, True, True)
    assert signer.not_before == int(certificate.not_valid_before_utc.timestamp()) * 10**9
    assert signer.not_after == int(certificate.not_valid_after_utc.timestamp()) * 10**9
    assert signer.signed == certificate.tbs_certificate_bytes
    assert signer.signature == certificate.signature
    assert signer.key_info in DELEGATE.der


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (CA, (True, False, False)),
        (certify("x", by=CA, eku=True), (False, True, False)),
        (certify("x", by=CA, nocheck=True), (False, False, True)),
        (certify("x", by=CA, any_eku=True), (False, False, False)),
        (certify("x", by=CA, ca=True, eku=True, nocheck=True), (True, True, True)),
    ],
)
def test_purposes(party: Party, expected: tuple[bool, bool, bool]) -> None:
    signer = read(party)
    assert (signer.is_ca, signer.ocsp_signing, signer.nocheck) == expected


def test_a_certificate_that_the_library_refuses() -> None:
    """A version 1 certificate with extensions: pyca raises when they are touched; a negative serial number."""
    marker = DELEGATE.der.index(b"\xa0\3\2\1\2")
    odd = DELEGATE.der[: marker + 4] + b"\x0f" + DELEGATE.der[marker + 5 :]
    with pytest.raises((ValueError, x509.InvalidVersion)):
        x509.load_der_x509_certificate(odd)
    signer = decode_signer(odd)
    assert signer is not None
    assert signer.names == read(DELEGATE).names


def test_of_an_extension_that_comes_twice_the_first_counts() -> None:
    usage = encode_oid("2.5.29.37")
    mine = seq(tlv(6, usage), tlv(4, seq(tlv(6, encode_oid("1.3.6.1.5.5.7.3.9")))))
    assert mine in DELEGATE.der
    other = seq(tlv(6, usage), tlv(4, seq(tlv(6, encode_oid("1.3.6.1.5.5.7.3.1")))))
    assert len(mine) == len(other)
    # The two extensions behind one another, in the place of this one and of nocheck's next to it.
    place = DELEGATE.der.index(mine)
    nocheck = seq(tlv(6, encode_oid("1.3.6.1.5.5.7.48.1.5")), tlv(4, b"\5\0"))
    for first, expected in ((mine, True), (other, False)):
        der = DELEGATE.der.replace(mine, first)
        signer = decode_signer(der)
        assert signer is not None
        assert signer.ocsp_signing is expected
    assert nocheck in DELEGATE.der[place:]


def test_what_cannot_be_read() -> None:
    good = DELEGATE.der
    assert decode_signer(b"") is None
    assert decode_signer(good[:-80]) is None
    assert decode_signer(seq(seq(b"\4\1x"))) is None
    assert decode_signer(good + b"\0" * 20000) is None
    start = good.index(b"\x17\x0d")
    assert decode_signer(good[: start + 2] + b"999999999999Z" + good[start + 15 :]) is None
    for octet in range(0, len(good) - 1, 7):
        assert decode_signer(good[:octet]) is None


def test_years_of_both_kinds_of_time() -> None:
    late = certify("late", by=CA, end=DAY * 365 * 40)
    assert read(late).not_after == int((NOW + DAY * 365 * 40).timestamp()) * 10**9


@given(st.binary(max_size=80), st.integers(0, len(DELEGATE.der) - 1))
def test_nothing_makes_it_raise(noise: bytes, place: int) -> None:
    decode_signer(noise)
    decode_signer(DELEGATE.der[:place] + noise)
    decode_signer(DELEGATE.der[:place] + noise + DELEGATE.der[place + len(noise) :])
