"""Entries decoded as the library decodes their certificates; and entries that nobody should have to decode."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.ct.entries import EntryError
from sensor.ct.logged import LoggedCertificate
from sensor.pki.der import DerError
from sensor.sync.entry import OTHER_REASONS, EntryDecoder, signed_parts
from tests.ct.logs import key_info, logged
from tests.ct.pki import Ca, make_root, staple_and_urls
from tests.sync.ct_log import (
    START_MS,
    Logged,
    alt_names,
    certificate,
    extension,
    precert_entry,
    tbs,
    tlv,
    urls,
    vector,
    x509_entry,
)

NOW = 1_770_000_000
ROOT = make_root("Entry Root")
SUB = ROOT.intermediate("Entry Sub")
CHAIN = (SUB.der, ROOT.der)


def decoder(
    ocsp: bool = True,
    crl: bool = True,
    domains: tuple[str, ...] = (),
    max_names: int = 250,
    max_bytes: int = 1 << 20,
    log_id: bytes = b"",
) -> EntryDecoder:
    return EntryDecoder(ocsp, crl, domains, NOW, max_names, max_bytes, log_id)


def both(*entries: Logged, **options: object) -> EntryDecoder:
    """The decoder after these entries in RFC 6962's form; the static form comes to the same."""
    one, other = decoder(**options), decoder(**options)  # type: ignore[arg-type]
    for entry in entries:
        one.add_leaf(entry.leaf, entry.extra)
    other.add_tile(b"".join(entry.tile_leaf for entry in entries), len(entries), 0, len(entries))
    assert one.hashes == other.hashes == [sha256(b"\0" + entry.leaf).digest() for entry in entries]
    assert [e.certificate for e in one.entries] == [e.certificate for e in other.entries]
    assert (one.skipped, one.refused) == (other.skipped, other.refused)
    return one


def only(*entries: Logged, **options: object) -> LoggedCertificate:
    (entry,) = both(*entries, **options).entries
    return entry.certificate


def with_key(logged_: LoggedCertificate) -> LoggedCertificate:
    fields = {name: getattr(logged_, name) for name in logged_.__struct_fields__}
    return LoggedCertificate(**fields | {"issuer_key_sha256": b""})


ODD = (
    x509.DNSName("*.wild.example"),
    x509.DNSName("xn--bcher-kva.example"),
    x509.DNSName("wild.example"),
    x509.DNSName("wild.example"),
    x509.IPAddress(__import__("ipaddress").ip_address("2001:db8::1")),
    x509.IPAddress(__import__("ipaddress").ip_address("192.0.2.7")),
    x509.RFC822Name("someone@wild.example"),
    x509.UniformResourceIdentifier("https://wild.example/"),
)


@pytest.mark.parametrize(
    "der",
    [
        SUB.issue("a.example", "www.a.example", extra=staple_and_urls()),
        SUB.issue(*(f"n{number}.many.example" for number in range(100)), extra=staple_and_urls()),
        SUB.issue("wild.example", general_names=ODD, extra=staple_and_urls()),
        SUB.issue("bad name.example", "good.example", extra=staple_and_urls()),
        SUB.issue("ca.example", ca=True, extra=staple_and_urls()),
        SUB.issue("big.example", serial=(1 << 159) - 1, extra=staple_and_urls()),
        certificate(SUB, tbs(SUB, 1, ["made.example"], scts=True)),
        certificate(SUB, tbs(SUB, 2, ["later.example"], not_after=b"491231235959Z")),
    ],
    ids=["usual", "many", "odd", "bad", "ca", "big", "made", "far"],
)
def test_as_the_library_reads_it(der: bytes) -> None:
    """A certificate's entry, and that of a precertificate with the same TBSCertificate."""
    oracle = logged(SUB, der)
    (entry,) = both(x509_entry(CHAIN, der, START_MS)).entries
    assert entry.der == der
    is_not_pre = {name: getattr(oracle, name) for name in oracle.__struct_fields__} | {"is_precertificate": False}
    assert entry.certificate == with_key(LoggedCertificate(**is_not_pre))
    signed = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    given = precert_entry(SUB, CHAIN, signed, START_MS)
    assert only(given) == msgspec.structs.replace(oracle, precertificate=given.precertificate or b"")


def test_the_leaf_that_goes_with_a_certificate() -> None:
    """By the library: the TBSCertificate without the SCTs, which are not there yet (RFC 6962 3.2)."""
    der = certificate(SUB, tbs(SUB, 1, ["p.example"], scts=True))
    signed = x509.load_der_x509_certificate(der).tbs_precertificate_bytes
    found = only(precert_entry(SUB, CHAIN, signed, START_MS))
    assert msgspec.structs.replace(found, precertificate=b"") == logged(SUB, der)
    assert found.issuer_key_sha256 == sha256(key_info(SUB)).digest()


def test_the_chain_in_both_forms() -> None:
    entry = precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS)
    one, other = decoder(), decoder()
    one.add_leaf(entry.leaf, entry.extra)
    other.add_tile(entry.tile_leaf, 1, 0, 1)
    assert one.entries[0].chain == b"".join(vector(3, der) for der in CHAIN) and not one.entries[0].by_fingerprint
    assert other.entries[0].chain == b"".join(sha256(der).digest() for der in CHAIN)
    assert other.entries[0].by_fingerprint


def test_a_chain_is_kept_once_and_many_are_forgotten() -> None:
    one = decoder()
    for number in range(600):
        chain = CHAIN if number < 10 else (number.to_bytes(4, "big"),)
        entry = precert_entry(SUB, chain, tbs(SUB, 1, ["a.example"]), START_MS)
        one.add_leaf(entry.leaf, entry.extra)
    assert len({id(entry.chain) for entry in one.entries[:10]}) == 1
    assert one.entries[300].chain == vector(3, (300).to_bytes(4, "big")) and len(one.entries) == 600


@pytest.mark.parametrize(
    ("ocsp", "crl", "has_ocsp", "has_crl", "is_kept"),
    [
        (True, True, True, True, True),
        (True, True, True, False, True),
        (True, True, False, True, True),
        (True, True, False, False, False),
        (True, False, False, True, False),
        (True, False, True, False, True),
        (False, True, True, False, False),
        (False, True, False, True, True),
        (False, False, False, False, True),
    ],
)
def test_only_with_an_address(ocsp: bool, crl: bool, has_ocsp: bool, has_crl: bool, is_kept: bool) -> None:
    signed = tbs(
        SUB,
        1,
        ["a.example"],
        ocsp="http://o.example/" if has_ocsp else None,
        crl="http://c.example/" if has_crl else None,
    )
    got = both(precert_entry(SUB, CHAIN, signed, START_MS), ocsp=ocsp, crl=crl)
    assert bool(got.entries) is is_kept
    assert got.skipped == ({} if is_kept else {"no OCSP or CRL address": 1})


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("a.example", True),
        ("www.a.example", True),
        ("*.a.example", True),
        ("WWW.A.Example", True),
        ("deep.www.a.example", True),
        ("ba.example", False),
        ("a.example.other", False),
        ("example", False),
        ("*.example", False),
    ],
)
def test_names(name: str, is_kept: bool) -> None:
    entry = precert_entry(SUB, CHAIN, tbs(SUB, 1, ["other.test", name]), START_MS)
    got = both(entry, domains=("a.example", "b.example"))
    assert bool(got.entries) is is_kept and got.skipped == ({} if is_kept else {"other names": 1})


def test_expired() -> None:
    past, present = tbs(SUB, 1, ["a.example"], not_after=b"260101000000Z"), tbs(SUB, 2, ["b.example"])
    got = both(*(precert_entry(SUB, CHAIN, each, START_MS) for each in (past, present)))
    assert [e.certificate.dns_names for e in got.entries] == [("b.example",)] and got.skipped == {"expired": 1}


def test_a_certificate_with_this_log_s_sct_is_passed_over() -> None:
    """Its precertificate is in the log already; not so with an SCT of another log."""
    log_id = sha256(b"this log").digest()
    sct = vector(2, b"\0" + log_id + bytes(85))
    scts = extension("1.3.6.1.4.1.11129.2.4.2", tlv(4, vector(2, sct)))
    extensions = urls("http://o.example/", None) + alt_names("a.example") + scts
    der = certificate(SUB, tbs(SUB, 1, ["a.example"], extensions=extensions))
    entry = x509_entry(CHAIN, der, START_MS)
    got = both(entry, log_id=log_id)
    assert not got.entries and got.skipped == {"certificates whose precertificate is in the same log": 1}
    assert both(entry, log_id=bytes(range(32))).entries and both(entry).entries


def test_names_are_capped_and_counted() -> None:
    entry = precert_entry(SUB, CHAIN, tbs(SUB, 1, [f"n{n}.example" for n in range(1000)]), START_MS)
    found = only(entry, max_names=10)
    assert len(found.dns_names) == 10 and found.names_left_out == 990


def test_what_is_too_large_is_refused() -> None:
    entry = precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS)
    size = len(tbs(SUB, 1, ["a.example"]))
    assert both(entry, max_bytes=size).entries
    assert both(entry, max_bytes=size - 1).refused == {"too large": 1}


def test_reasons_are_bounded() -> None:
    one = decoder()
    for tag in range(256):
        one.add_leaf(precert_entry(SUB, CHAIN, bytes((tag, 0)), START_MS).leaf, vector(3, b"") * 2)
    assert len(one.refused) == 65 and one.refused[OTHER_REASONS] > 100 and sum(one.refused.values()) == 256


@pytest.mark.parametrize(
    ("leaf", "extra", "reason"),
    [
        (b"", b"", "not a leaf of version 1"),
        (b"\1\0", b"", "not a leaf of version 1"),
        (b"\0\1", b"", "not a leaf of version 1"),
        (b"\0\0\0", b"", "an entry that is cut short"),
        (b"\0\0" + bytes(8) + b"\0\2" + bytes(100), b"", "an entry of unknown type"),
        (b"\0\0" + bytes(8) + b"\0\0\xff\xff\xff", b"", "an entry that is cut short"),
        (
            precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS).leaf + b"\0",
            b"",
            "something behind the entry",
        ),
        (precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS).leaf, b"\0\0", "an entry that is cut short"),
        (
            precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS).leaf,
            b"\0\0\0\0\0\1",
            "an entry that is cut short",
        ),
    ],
)
def test_framing_that_is_wrong_costs_one_leaf(leaf: bytes, extra: bytes, reason: str) -> None:
    one = decoder()
    one.add_leaf(leaf, extra)
    good = precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS)
    one.add_leaf(good.leaf, good.extra)
    assert one.refused == {reason: 1} and len(one.entries) == 1 and len(one.hashes) == 2


def test_a_tile_s_framing() -> None:
    entries = [precert_entry(SUB, CHAIN, tbs(SUB, n, [f"t{n}.example"]), START_MS + n) for n in range(5)]
    tile = b"".join(entry.tile_leaf for entry in entries)
    part = decoder()
    part.add_tile(tile, 5, 1, 3)
    assert [e.certificate.dns_names for e in part.entries] == [("t1.example",), ("t2.example",)]
    assert part.timestamp == START_MS + 2
    for wrong, width in ((tile, 4), (tile, 6), (tile[:-1], 5), (tile + b"\0", 5), (b"", 1)):
        with pytest.raises(EntryError):
            decoder().add_tile(wrong, width, 0, width)


def test_extensions_of_the_entry_belong_to_the_leaf() -> None:
    """static-ct-api's leaf_index; hashed, and not looked at."""
    entry = precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS, b"\0\0\5\0\0\0\0\7")
    assert only(entry).dns_names == ("a.example",)


GOOD = [
    precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example", "b.example"]), START_MS),
    x509_entry(CHAIN, certificate(SUB, tbs(SUB, 2, ["c.example"], scts=True)), START_MS),
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4),
    st.binary(max_size=8),
)
def test_damage_is_counted_and_nothing_else(entry: Logged, changes: list[tuple[int, int]], tail: bytes) -> None:
    for whole, add in (
        (entry.leaf, lambda one, octets: one.add_leaf(octets, entry.extra)),
        (entry.extra, lambda one, octets: one.add_leaf(entry.leaf, octets)),
        (entry.tile_leaf, lambda one, octets: one.add_tile(octets, 1, 0, 1)),
    ):
        damaged = bytearray(whole)
        for place, octet in changes:
            damaged[place % len(damaged)] = octet
        one = decoder()
        try:
            add(one, bytes(damaged) + tail)
        except EntryError:
            continue
        assert len(one.entries) + sum(one.refused.values()) + sum(one.skipped.values()) == 1


@given(st.binary(max_size=300))
def test_anything_at_all(octets: bytes) -> None:
    one = decoder()
    one.add_leaf(octets, octets)
    one.add_leaf(b"\0\0" + octets, octets)
    assert len(one.hashes) == 2 and sum(one.refused.values()) == 2
    with pytest.raises(EntryError):
        decoder().add_tile(octets, 3, 0, 3)


def test_what_is_signed() -> None:
    der = SUB.issue("a.example")
    loaded = x509.load_der_x509_certificate(der)
    signed, algorithm, signature = signed_parts(der)
    assert (signed, signature) == (loaded.tbs_certificate_bytes, loaded.signature)
    assert algorithm == bytes.fromhex("300a06082a8648ce3d040302")
    assert loaded.public_bytes(Encoding.DER) == der
    for wrong in (b"", der[:-1], der + b"\0", tlv(0x30, signed, algorithm)):
        with pytest.raises(DerError):
            signed_parts(wrong)


def test_a_ca_of_another_kind_is_told_apart() -> None:
    """The same name and another key: the leaf's hash of the key tells."""
    other = Ca(SUB.subject, make_root("Entry Other").key, SUB.certificate)
    one = only(precert_entry(SUB, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS))
    two = only(precert_entry(other, CHAIN, tbs(SUB, 1, ["a.example"]), START_MS))
    assert one.issuer_key_sha256 != two.issuer_key_sha256 and one.issuer_name == two.issuer_name
