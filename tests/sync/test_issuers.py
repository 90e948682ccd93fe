"""Whose key is behind an entry: what counts as an issuer, and what is done once and not for every entry."""

from __future__ import annotations

from hashlib import sha256

import pytest

from sensor.sync.entry import Entry, EntryDecoder
from sensor.sync.issuers import BAD_CHAIN, NO_ISSUER, NO_ROOT, NOT_SIGNED, IssuerError, LogIssuers
from tests.ct.logs import logged_issuer
from tests.ct.pki import Ca, make_root
from tests.sync.ct_log import START_MS, Logged, certificate, precert_entry, tbs, x509_entry


def entry_of(logged: Logged, tiled: bool = False) -> Entry:
    decoder = EntryDecoder(False, False, (), 0, 250, 1 << 20)
    if tiled:
        decoder.add_tile(logged.tile_leaf, 1, 0, 1)
    else:
        decoder.add_leaf(logged.leaf, logged.extra)
    (entry,) = decoder.entries
    return entry


class Shop:
    """Roots and issuers, and how often they were asked for."""

    def __init__(self, roots: list[bytes], *issuers: bytes) -> None:
        self.roots, self.asked_roots = roots, 0
        self.issuers, self.fetched = {sha256(der).digest(): der for der in issuers}, 0

    def get_roots(self) -> list[bytes]:
        self.asked_roots += 1
        return self.roots

    def fetch(self, fingerprint: bytes) -> bytes:
        self.fetched += 1
        return self.issuers[fingerprint]

    def issuers_of_log(self) -> LogIssuers:
        return LogIssuers(self.get_roots, self.fetch)


def precert(ca: Ca, number: int, *chain: bytes) -> Logged:
    return precert_entry(ca, chain, tbs(ca, number, [f"n{number}.example"]), START_MS)


def refused(issuers: LogIssuers, logged: Logged) -> str:
    with pytest.raises(IssuerError) as caught:
        issuers.with_issuer(entry_of(logged))
    return str(caught.value)


@pytest.mark.parametrize("tiled", [False, True])
def test_an_issuer_is_looked_for_once(root: Ca, sub: Ca, tiled: bool) -> None:
    shop = Shop([root.der], sub.der, root.der)
    issuers = shop.issuers_of_log()
    for number in range(5):
        issuers.with_issuer(entry_of(precert(sub, number, sub.der, root.der), tiled))
        signed = certificate(sub, tbs(sub, number, ["x.example"]))
        found = issuers.with_issuer(entry_of(x509_entry((sub.der, root.der), signed, START_MS), tiled))
        assert found.issuer_key_sha256 == logged_issuer(sub).key_sha256 and found.dns_names == ("x.example",)
    assert issuers.new == [logged_issuer(sub)]
    assert shop.asked_roots == 1 and shop.fetched == (2 if tiled else 0)


def test_the_root_may_be_left_out_or_sign_itself(root: Ca, sub: Ca) -> None:
    for chain in ((sub.der, root.der), (sub.der,)):
        issuers = Shop([root.der]).issuers_of_log()
        issuers.with_issuer(entry_of(precert(sub, 1, *chain)))
        assert len(issuers.new) == 1
    issuers = Shop([root.der]).issuers_of_log()
    issuers.with_issuer(entry_of(precert(root, 1, root.der)))
    assert issuers.new == [logged_issuer(root)]


def test_a_longer_chain(root: Ca) -> None:
    middle = root.intermediate("Middle", path_length=3)
    low = middle.intermediate("Low", path_length=2)
    issuers = Shop([root.der]).issuers_of_log()
    issuers.with_issuer(entry_of(precert(low, 1, low.der, middle.der, root.der)))
    assert refused(Shop([root.der]).issuers_of_log(), precert(low, 1, low.der, root.der)) == NO_ROOT
    assert refused(Shop([root.der]).issuers_of_log(), precert(low, 1, low.der)) == NO_ROOT


def test_a_root_that_is_none_of_the_log_s(root: Ca, sub: Ca) -> None:
    other = make_root("Log Root")  # the same name
    assert refused(Shop([other.der]).issuers_of_log(), precert(sub, 1, sub.der, root.der)) == NO_ROOT
    assert refused(Shop([]).issuers_of_log(), precert(sub, 1, sub.der, root.der)) == NO_ROOT
    assert refused(Shop([b"no certificate"]).issuers_of_log(), precert(sub, 1, sub.der, root.der)) == NO_ROOT


def test_an_end_entity_issues_nothing(root: Ca, sub: Ca) -> None:
    leaf = sub.issue("leaf.example", common_name="Leaf CA")
    from cryptography import x509

    from tests.ct.pki import LEAF_KEY

    loaded = x509.load_der_x509_certificate(leaf)
    fake = Ca(loaded.subject, LEAF_KEY, loaded)
    assert refused(Shop([root.der]).issuers_of_log(), precert(fake, 1, leaf, sub.der, root.der)) == NO_ROOT


def test_another_key_of_the_same_name(root: Ca, sub: Ca) -> None:
    namesake = root.intermediate("Log Sub")
    assert refused(Shop([root.der]).issuers_of_log(), precert(sub, 1, namesake.der, root.der)) == NO_ISSUER
    signed = certificate(sub, tbs(sub, 1, ["x.example"]))
    entry = x509_entry((namesake.der, root.der), signed, START_MS)
    assert refused(Shop([root.der]).issuers_of_log(), entry) == NOT_SIGNED


def test_another_name_of_the_same_key(root: Ca, sub: Ca) -> None:
    renamed = root.intermediate("Renamed", key=sub.key)
    assert refused(Shop([root.der]).issuers_of_log(), precert(sub, 1, renamed.der, root.der)) == NO_ISSUER


@pytest.mark.parametrize("chain", [(b"",), (b"\x30\x03\x02\x01\x01",), (b"\xff" * 100,)])
def test_a_chain_that_cannot_be_read(root: Ca, sub: Ca, chain: tuple[bytes, ...]) -> None:
    issuers = Shop([root.der]).issuers_of_log()
    assert refused(issuers, precert(sub, 1, *chain)) == BAD_CHAIN
    assert refused(issuers, precert(sub, 1, *chain)) == BAD_CHAIN
    issuers.with_issuer(entry_of(precert(sub, 1, sub.der, root.der)))  # a right one later is found


def test_a_chain_without_end(root: Ca, sub: Ca) -> None:
    shop = Shop([root.der], sub.der)
    assert refused(shop.issuers_of_log(), precert(sub, 1)) == NO_ISSUER
    with pytest.raises(IssuerError):
        shop.issuers_of_log().with_issuer(entry_of(precert(root, 1, *[sub.der] * 2000), tiled=True))
    assert shop.fetched == 1
