"""CertIDs of one certificate under several hashes."""

from __future__ import annotations

import hashlib

from sensor.audit.identity import Identity
from sensor.ct.memory import MemoryLookup
from sensor.ocsp.model import CertId
from tests.audit.test_table import CA, STRANGER, knowing


def named(algorithm: str, serial: str = "0A", party: object = CA) -> CertId:
    name, key = party.name, party.key_octets  # type: ignore[attr-defined]  # a Party
    return CertId(algorithm, hashlib.new(algorithm, name).digest(), hashlib.new(algorithm, key).digest(), serial)


def test_all_hashes_of_a_known_ca_are_one() -> None:
    identity = Identity(knowing(CA))
    for _ in range(2):
        assert {identity.of(named(each)) for each in ("sha1", "sha256", "sha384", "sha512")} == {named("sha1")}
    assert identity.of(named("sha256", "0B")) == named("sha1", "0B")


def test_of_others_each_is_its_own_until_they_are_known() -> None:
    lookup = MemoryLookup()
    identity = Identity(lookup)
    assert identity.of(named("sha256")) == named("sha256")
    known = Identity(knowing(CA))
    assert known.of(named("sha256", party=STRANGER)) == named("sha256", party=STRANGER)
    odd = CertId("1.2.3", b"n", b"k", "0A")
    assert known.of(odd) is odd
