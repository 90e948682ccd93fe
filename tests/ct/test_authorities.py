"""sensor.ct.authorities: who is its own issuer, and by what its certificates may name it."""

from __future__ import annotations

import hashlib

import pytest

from sensor.ct.authorities import RefusedError, ca_of, signed_itself
from sensor.pki.certificates import decode_certificate
from tests.ct.pki import Ca, make_root


def test_a_root_signed_itself(root: Ca) -> None:
    assert signed_itself(decode_certificate(root.der, 9))


def test_another_of_the_same_name_did_not(root: Ca) -> None:
    """A CA's new key under its old one: same names, another key's signature."""
    rolled = root.intermediate(root.subject.rfc4514_string().partition("=")[2])
    assert not signed_itself(decode_certificate(rolled.der, 9))


def test_one_that_pretends_to(root: Ca) -> None:
    octets = bytearray(root.der)
    octets[-1] ^= 1
    decoded = decode_certificate(bytes(octets), 9)
    if decoded.authority_key_id is not None and decoded.authority_key_id == decoded.subject_key_id:
        with pytest.raises(RefusedError, match="not signed by the issuer it names"):
            signed_itself(decoded)
    else:
        assert not signed_itself(decoded)


def test_its_key_identifiers() -> None:
    decoded = decode_certificate(make_root("Identified").der, 9)
    ca = ca_of(4, decoded)
    assert ca.number == 4 and ca.certificate == decoded.der
    assert ca.sha1 == hashlib.sha1(decoded.key_octets, usedforsecurity=False).digest()
    assert ca.key_ids == {ca.sha1, decoded.subject_key_id} - {None, b""}
