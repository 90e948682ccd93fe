"""Issuers known from a cluster: what is remembered of them, and how many. Planted ones: test_lookup."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sensor.cluster import issuers
from sensor.cluster.entries import EntryError, Keys, issuer_id
from sensor.cluster.issuers import FIRST_NUMBER, Ca, SharedIssuers, Triple
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost
from sensor.ct.lookup import Unavailable
from sensor.ocsp.model import CertId
from sensor.pki.certificates import decode_certificate
from tests.ct.pki import make_root

CAS = [make_root(f"Root {number}") for number in range(5)]
IDS = [issuer_id(decode_certificate(ca.der, 0)) for ca in CAS]


def triple_of(cert_id: CertId) -> Triple:
    return cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash


ASKED = {triple_of(cert_id): cert_id for cert_id in (ca.cert_id(1) for ca in CAS)}


class Told:
    def __init__(self) -> None:
        self.keys = Keys("p")
        self.values: dict[bytes, Answered] = {
            self.keys.authority(named): ca.der for named, ca in zip(IDS, CAS, strict=True)
        }
        self.asked: list[bytes] = []
        self.refused: list[EntryError] = []
        self.issuers = SharedIssuers(self.ask, self.refused.append, self.keys, 100_000)

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        self.asked += [command[1] for command in commands]
        return [self.values.get(command[1]) for command in commands]


def ids_of(told: Told) -> list[bytes | Unavailable | None]:
    found = told.issuers.named_by(ASKED)
    return [each.id if isinstance(each, Ca) else each for each in map(found.__getitem__, ASKED)]


def test_numbers_follow_from_ids_and_lead_to_certificates() -> None:
    first, second = Told(), Told()
    found, again = first.issuers.of(IDS), second.issuers.of(reversed(IDS))
    assert found == again
    for named, ca in zip(IDS, CAS, strict=True):
        known = found[named]
        assert known is not None
        assert not isinstance(known, Unavailable)
        assert FIRST_NUMBER <= known[0].number < 1 << 63
        assert first.issuers.certificate(known[0].number) == ca.der
    assert first.issuers.certificate(FIRST_NUMBER - 1) is None


def test_each_is_asked_for_once() -> None:
    told = Told()
    told.issuers.of([*IDS, *IDS])
    told.issuers.of(IDS)
    assert len(told.asked) == len(IDS)


def test_no_more_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "MAX_ISSUERS", 2)
    told = Told()
    assert all(told.issuers.of(IDS).values())
    assert len(told.issuers._issuers) <= 2
    assert len(told.issuers._certificates) <= 2


class TestWhoseNodeIsGone:
    """Whose key a hash is stays known, as long as nobody says otherwise."""

    def learnt(self) -> Told:
        told = Told()
        told.values |= {told.keys.issuer(*triple): named for triple, named in zip(ASKED, IDS, strict=True)}
        assert ids_of(told) == IDS
        return told

    def test_it_is_still_known(self) -> None:
        told = self.learnt()
        told.values = dict.fromkeys(told.values, Lost("gone"))
        assert ids_of(told) == IDS

    def test_but_not_what_was_taken_away(self) -> None:
        told = self.learnt()
        whole = dict(told.values)
        told.values.clear()
        assert ids_of(told) == [None] * len(IDS)
        told.values = dict.fromkeys(whole, Lost("gone"))
        assert ids_of(told) == [Unavailable("cluster: gone")] * len(IDS)

    def test_room_is_for_what_was_verified(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(issuers, "MAX_ISSUERS", len(CAS))
        told = self.learnt()
        for number in range(50):
            made_up = CertId("sha1", b"%020d" % number, b"%020d" % number, "01")
            told.values[told.keys.issuer(*triple_of(made_up))] = IDS[0]
            assert told.issuers.named_by({triple_of(made_up): made_up}) == {triple_of(made_up): None}
        assert sorted(told.issuers._ids.values()) == sorted(IDS)
        other = CAS[0].cert_id(1, "sha256")
        told.values[told.keys.issuer(*triple_of(other))] = IDS[0]
        told.issuers.named_by({triple_of(other): other})
        assert len(told.issuers._ids) <= len(CAS)


def test_one_that_cannot_be_had_is_asked_for_again() -> None:
    told = Told()
    key = told.keys.authority(IDS[0])
    value, told.values[key] = told.values[key], Lost("gone")
    assert told.issuers.of(IDS[:1]) == {IDS[0]: Unavailable("cluster: gone")}
    told.values[key] = value
    assert told.issuers.of(IDS[:1])[IDS[0]] is not None
    assert told.refused == []
