"""sensor.pki.crl_reader: CRLs of every shape, whole, in any pieces, cut, damaged and too large; equal to OpenSSL."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.pki.crl import CrlEnd
from sensor.pki.crl_reader import CrlReader
from sensor.pki.serial_index import SerialBudget, SerialIndex, foreign_key, key_of
from sensor.settings import CrlSettings
from tests.pki.crl_text import openssl_facts, our_facts
from tests.pki.crls import NAME, OTHER, VECTORS, make, read, scope, tlv, vector

SHARD = "http://crl.example/shard/17.crl"
SHAPES = {
    "empty": make(),
    "full": make([5, 0x80, 1 << 159, 0xFF00], (x509.CRLNumber(4711), False)),
    "sharded": make(range(1, 99), (x509.CRLNumber(1 << 150), False), scope(SHARD, "ldap://x.example/cn=a", user=True)),
    "ca only": make([1], scope(ca=True)),
    "delta": make([9, 10], (x509.CRLNumber(8), False), (x509.DeltaCRLIndicator(7), True)),
    "indirect": make([1, 2, 3, 4], scope(SHARD, indirect=True), issuers={2: OTHER, 4: NAME}),
    "rsa": make([1], kind="rsa"),
    "pss": make([1], kind="rsa", pss=True),
    "ed25519": make([1], kind="ed25519"),
}
PLAIN = SHAPES["sharded"]
# What OpenSSL prints of these is not what stands in them.
UNLIKE = {
    "crl_bad_version.pem": "version",
    "crl_inval_date_fractional_seconds.der": "entries",  # the date, with its fraction
}


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_the_vectors_read_as_openssl_reads_them(path: Path) -> None:
    der = vector(path)
    assert der is not None
    printed = openssl_facts(der)
    crl, entries = read(der)
    if printed is None:
        assert crl.end is not CrlEnd.whole
        return
    assert crl.end is CrlEnd.whole, crl.problem
    ours = our_facts(crl, entries)
    unlike = UNLIKE.get(path.name)
    assert {k: v for k, v in ours.items() if k != unlike} == {k: v for k, v in printed.items() if k != unlike}
    assert crl.entries == len(entries)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_read_as_openssl_reads_them(shape: str) -> None:
    crl, entries = read(SHAPES[shape])
    assert our_facts(crl, entries) == openssl_facts(SHAPES[shape])
    assert (crl.end, crl.octets, crl.trailing) == (CrlEnd.whole, len(SHAPES[shape]), 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_octet_by_octet_and_with_trailing_octets(shape: str) -> None:
    der = SHAPES[shape]
    whole = read(der)
    assert read(der, [1] * len(der)) == whole
    crl, entries = read(der + b"\0\1\2")
    assert (crl.trailing, crl.end, entries) == (3, CrlEnd.whole, whole[1])
    assert crl.tbs_digest == whole[0].tbs_digest


@given(st.sampled_from(sorted(SHAPES)), st.lists(st.integers(1, 400), max_size=60))
def test_any_pieces_give_the_same(shape: str, sizes: list[int]) -> None:
    assert read(SHAPES[shape], sizes) == read(SHAPES[shape])


@given(st.integers(0, len(PLAIN) - 1), st.booleans())
def test_a_cut_one_says_so_and_keeps_what_was_read(size: int, lost: bool) -> None:
    crl, entries = read(PLAIN[:size], [100] * 100, lost=lost)
    assert crl.end is (CrlEnd.hole if lost else CrlEnd.cut)
    assert (crl.tbs_digest, crl.octets, crl.problem) == (None, size, None)
    assert entries == read(PLAIN)[1][: len(entries)]
    if size > 120:
        assert crl.head == read(PLAIN)[0].head


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.sampled_from(sorted(SHAPES)))
def test_damage_never_raises_and_pieces_never_matter(rnd: random.Random, shape: str) -> None:
    der = bytearray(SHAPES[shape])
    for _ in range(rnd.randint(1, 4)):
        der[rnd.randrange(len(der))] = rnd.randrange(256)
    one = CrlReader(CrlSettings())
    one.feed(bytes(der))
    other = CrlReader(CrlSettings())
    for i in range(0, len(der), 7):
        if not other.feed(bytes(der[i : i + 7])):
            break
    first, second = one.finish(), other.finish()
    assert (first.end is CrlEnd.whole) == (second.end is CrlEnd.whole)
    assert (first.problem, first.head, first.entries) == (second.problem, second.head, second.entries)


@given(st.binary(max_size=300))
def test_any_octets_never_raise(data: bytes) -> None:
    assert read(data)[0].end is not CrlEnd.whole
    assert read(PLAIN[:150] + data)[0].head is not None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<html>", "not a CRL"),
        (b"\x30\x80\x00\x00", "indefinite length"),
        (b"\x30\x87" + bytes(9), "length of an element"),
        (b"\x30\x03\x02\x01\x00", "not a CRL"),
        (b"\x30\x04\x30\x08" + bytes(9), "longer than what it is in"),
        (tlv(0x30, tlv(0x30, b"\x30\x00" * 9)), "not a CRL"),
        (tlv(0x30, tlv(0x30, b"\x02\x01\x01\x30\x00\x30\x00")), "thisUpdate"),
    ],
)
def test_what_is_no_crl(data: bytes, problem: str) -> None:
    crl, _ = read(data)
    assert (crl.end, crl.problem, crl.limit, crl.head) == (CrlEnd.broken, problem, False, None)


def head(times: bytes = b"\x17\x0d260301120000Z") -> bytes:
    return b"\x02\x01\x01\x30\x03\x06\x01\x2a\x30\x00" + times


def body(entries: bytes, more: bytes = b"") -> bytes:
    tbs = tlv(0x30, head() + tlv(0x30, entries) + more)
    return tlv(0x30, tbs + b"\x30\x03\x06\x01\x2a" + b"\x03\x02\x00\x01")


ENTRY = tlv(0x30, b"\x02\x01\x05\x17\x0d260301120000Z")


@pytest.mark.parametrize(
    ("entries", "problem", "count"),
    [
        (ENTRY + b"\x31\x00", "revokedCertificates: not an entry", 1),
        (ENTRY + b"\x30\x7f" + bytes(20), "longer than what it is in", 1),
        (tlv(0x30, b"\x04\x01\x05\x17\x0d260301120000Z"), "userCertificate", 0),
        (tlv(0x30, b"\x02\x00\x17\x0d260301120000Z"), "revocationDate", 0),
        (tlv(0x30, b"\x02\x01\x05\x04\x0d260301120000Z"), "revocationDate", 0),
        (tlv(0x30, b"\x02\x01\x05\x17\x7f260301120000Z"), "revocationDate", 0),
        (tlv(0x30, b"\x02\x85\x05\x17\x0d260301120000Z"), "revocationDate", 0),
    ],
)
def test_broken_entries(entries: bytes, problem: str, count: int) -> None:
    reader = CrlReader(CrlSettings())
    reader.feed(body(entries))
    crl = reader.finish()
    assert (crl.end, crl.problem) == (CrlEnd.broken, problem)
    assert crl.head is not None and crl.entries <= count


def test_an_unreadable_time_is_told_not_made_up() -> None:
    tbs = tlv(0x30, head(b"\x17\x0d269901120000Z\x18\x0f20260308120000Z"))
    crl, _ = read(tlv(0x30, tbs + b"\x30\x03\x06\x01\x2a" + b"\x03\x02\x00\x01"))
    assert crl.head is not None
    assert (crl.head.this_update, crl.head.bad_times) == (None, ("269901120000Z",))
    assert crl.head.next_update == 1772971200 * 10**9
    assert (crl.signature_algorithm, crl.tbs_digest) == ("1.2", None)


LIMITS = [
    (CrlSettings(max_bytes=500), PLAIN, "larger than max_bytes"),
    (CrlSettings(max_part_bytes=60), PLAIN, "its beginning is too long"),
    (CrlSettings(max_part_bytes=90), body(tlv(0x30, ENTRY[2:] + tlv(0x30, bytes(150)))), "an entry is too long"),
    (CrlSettings(max_part_bytes=200), make([], scope("http://a.example/" + "x" * 300)), "its end is too long"),
    (CrlSettings(max_part_bytes=200), SHAPES["rsa"], "its end is too long"),
]


@pytest.mark.parametrize(("limits", "der", "problem"), LIMITS)
def test_every_limit_is_reached(limits: CrlSettings, der: bytes, problem: str) -> None:
    crl, _ = read(der, [80] * 100, limits)
    assert (crl.end, crl.problem, crl.limit) == (CrlEnd.broken, problem, True)


def test_names_and_issuers_have_limits_too() -> None:
    urls = [f"http://crl.example/{i}" for i in range(9)]
    crl, _ = read(make([], scope(*urls)), settings=CrlSettings(max_names=3))
    assert crl.extensions.scope is not None
    assert crl.extensions.scope.names == tuple(urls[:3])
    budget = SerialBudget(100)
    names = {i: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"CA {i}")]) for i in range(1, 6)}
    index = SerialIndex(budget)
    crl, _ = read(make(range(6), scope(indirect=True), issuers=names), (), CrlSettings(max_issuers=2), index)
    assert (crl.issuers, len(crl.foreign_issuers), len(index), index.is_full) == (5, 2, 3, True)


def test_a_large_message_for_eddsa_is_not_kept() -> None:
    der = make(range(1, 60), kind="ed25519")
    assert read(der)[0].tbs is not None
    crl, _ = read(der, [100] * 100, CrlSettings(max_part_bytes=300))
    assert (crl.end, crl.tbs, crl.tbs_digest) == (CrlEnd.whole, None, None)


def test_serials_are_remembered_by_their_keys() -> None:
    index = SerialIndex(SerialBudget(1000))
    crl, entries = read(SHAPES["full"], (), CrlSettings(), index)
    assert crl.serials is index
    assert len(index) == len(entries) == 4
    assert all(key_of(entry.serial_number) in index for entry in entries)
    assert key_of("06") not in index
    assert (key_of("-05"), key_of("AB...")) == (None, None)


def test_a_negative_serial_is_not_its_positive_twin() -> None:
    index = SerialIndex(SerialBudget(1000))
    read(body(tlv(0x30, b"\x02\x01\x85\x17\x0d260301120000Z")), index=index)
    assert key_of("85") not in index
    read(body(tlv(0x30, b"\x02\x03\x00\x00\x85\x17\x0d260301120000Z")), index=(index := SerialIndex(SerialBudget(9))))
    assert key_of("85") in index


def test_an_indirect_crl_tells_its_issuers_apart() -> None:
    index = SerialIndex(SerialBudget(1000))
    crl, entries = read(SHAPES["indirect"], index=index)
    other = OTHER.public_bytes()
    assert [entry.issuer_der for entry in entries] == [None, other, other, None]
    assert crl.foreign_issuers == (other,)
    import hashlib

    prefix = hashlib.sha256(other).digest()
    for serial, own in (("01", True), ("02", False), ("03", False), ("04", True)):
        key = key_of(serial)
        assert key is not None
        assert (key in index) is own
        assert (foreign_key(prefix, key) in index) is not own


def test_watched_serials_are_found_with_all_that_is_said_of_them() -> None:
    asked = {NAME.public_bytes(): ["01", "03", "63"], OTHER.public_bytes(): ["03", "02", "04"]}

    def watch(issuer: bytes) -> frozenset[int]:
        return frozenset(key for serial in asked.get(issuer, []) if (key := key_of(serial)) is not None)

    crl, _ = read(SHAPES["indirect"], [3] * 500, watch=watch)
    assert [(e.serial_number, e.issuer_der is not None) for e in crl.hits] == [
        ("01", False),
        ("02", True),
        ("03", True),
    ]
    crl, entries = read(PLAIN, watch=watch, settings=CrlSettings(max_told=2))
    assert list(crl.hits) == [entries[0], entries[2]]
    assert crl.hits_total == 2
    crl, _ = read(PLAIN, watch=watch, settings=CrlSettings(max_told=1))
    assert (len(crl.hits), crl.hits_total) == (1, 2)


def test_what_comes_when_all_is_read_changes_nothing() -> None:
    reader = CrlReader(CrlSettings())
    assert not reader.feed(PLAIN)
    assert not reader.feed(PLAIN)
    reader.fail("broken PEM")
    assert reader.finish() == read(PLAIN)[0]
    reader = CrlReader(CrlSettings())
    assert not reader.feed(b"<html>")
    reader.fail("broken PEM")
    assert reader.finish().problem == "not a CRL"  # the first reason


def test_an_entry_whose_length_comes_in_pieces() -> None:
    der = body(ENTRY + tlv(0x30, ENTRY[2:] + tlv(0x30, bytes(150))) + ENTRY)
    whole = read(der)
    assert whole[0].entries == 3
    assert read(der, [1] * len(der)) == whole


def test_entries_are_within_what_is_signed() -> None:
    """revokedCertificates of two octets more than tbsCertList has."""
    tbs = head() + b"\x30" + bytes((len(ENTRY) + 2,)) + ENTRY
    crl, entries = read(tlv(0x30, tlv(0x30, tbs) + bytes(60)))
    assert (crl.end, crl.problem, entries) == (CrlEnd.broken, "longer than what it is in", [])


def test_of_many_entries_at_once_only_those_watched_are_told() -> None:
    """As the sensor reads: nobody asks for each entry."""
    reader = CrlReader(CrlSettings(), None, lambda _: frozenset({key_of("03") or 0, key_of("05") or 0}))
    reader.feed(PLAIN)
    assert [hit.serial_number for hit in reader.finish().hits] == ["03", "05"]


def test_an_issuer_that_is_no_name_is_none() -> None:
    """certificateIssuer without a directoryName: who issued it stays as it was."""
    value = tlv(0x30, tlv(0x82, b"ca.example"))
    extension = tlv(0x30, b"\x06\x03\x55\x1d\x1d\1\1\xff" + tlv(0x04, value))
    crl, entries = read(body(tlv(0x30, ENTRY[2:] + tlv(0x30, extension)) + ENTRY))
    assert (crl.end, crl.issuers, [entry.issuer_der for entry in entries]) == (CrlEnd.whole, 0, [None, None])
