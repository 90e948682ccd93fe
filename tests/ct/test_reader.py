"""sensor.ct.reader: questions to a store, also to one whose rows were tampered with."""

from __future__ import annotations

import sqlite3

import pytest

from sensor.ct.lookup import Found, Issuer, NotFound, Unavailable
from sensor.ct.reader import StoreReader
from sensor.ct.rows import RowError
from sensor.ct.schema import CLAIMED, KNOWN, TEXT, open_to_read
from sensor.ct.store_lookup import StoreLookup
from tests.ct.pki import Ca, make_root
from tests.ct.sources.test_crtsh import identity_row, rows_of
from tests.ct.stores import StoreBench


def reader_of(bench: StoreBench) -> StoreReader:
    connection = open_to_read(bench.path, 100)
    assert connection is not None
    return StoreReader(connection)


def test_a_serial_under_every_issuer(bench: StoreBench, root: Ca, sub: Ca) -> None:
    twin = make_root("Twin", aki=False)
    bench.load(root.der, *(ca.issue(f"{n}.example", serial=5) for n, ca in enumerate((root, sub, twin))))
    found = list(reader_of(bench).find_serial(b"\5"))
    assert [(stored.kind, answer.certificate.dns_names) for stored, answer in found] == [
        (KNOWN, ("0.example",)),
        (CLAIMED, ("1.example",)),
        (CLAIMED, ("2.example",)),
    ]
    assert [answer.issuer.common_name for _, answer in found] == ["Root One", "Sub One", "Twin"]
    assert list(reader_of(bench).find_serial(b"\0\5")) == []


def test_hashes_of_an_issuer(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    reader = reader_of(bench)
    answer = reader.find(root.cert_id(1))
    assert isinstance(answer, Found)
    pairs = reader.hashes(answer.issuer.number)
    assert [(len(name), len(key)) for name, key in pairs] == [(n, n) for n in (20, 32, 48, 64)]
    sha384 = root.cert_id(1, "sha384")
    assert (sha384.issuer_name_hash, sha384.issuer_key_hash) in pairs


def test_the_certificate_of_an_issuer_that_was_imported(bench: StoreBench, root: Ca, sub: Ca) -> None:
    worded = make_root("Worded")
    bench.load(root.der, sub.issue("a.example", serial=5), rows_of(identity_row(worded, 0xBEEF, "b.example")))
    reader = reader_of(bench)
    kinds = {}
    for serial in (b"\1", b"\5", b"\xbe\xef"):
        for stored, answer in reader.find_serial(serial):
            kinds[stored.kind] = reader.issuer_certificate(answer.issuer.number)
    assert kinds == {KNOWN: root.der, CLAIMED: None, TEXT: None}
    assert reader.issuer_certificate(4711) is None


def test_an_issuers_certificate_of_another_type(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    connection = sqlite3.connect(bench.path)
    connection.execute("UPDATE issuer SET certificate = 'text'")
    connection.commit()
    connection.close()
    with pytest.raises(RowError):
        reader_of(bench).issuer_certificate(1)
    lookup = StoreLookup(bench.settings)
    assert lookup.issuer_certificate(Issuer(1, "CN=Root One", "")) is None
    assert [type(answer) for answer in lookup.lookup([root.cert_id(1)])] == [Unavailable]
    lookup.close()


def test_words_count_while_nobody_else_has_that_name(bench: StoreBench) -> None:
    ca = make_root("Worded")
    row = identity_row(ca, 0xBEEF, "a.example", "b.example")
    bench.load(rows_of(row))
    assert bench.ask(ca.cert_id(0xBEEF)) == [NotFound()]
    bench.load(ca.der)
    (answer,) = bench.ask(ca.cert_id(0xBEEF, "sha256"))
    assert isinstance(answer, Found)
    assert (answer.certificate.dns_names, answer.source) == (("a.example", "b.example"), "crt.sh")
    assert reader_of(bench).issuer(answer.issuer.number).kind == KNOWN

    bench.load(make_root("Worded").der)  # a namesake: whose certificate is it?
    assert isinstance(bench.ask(ca.cert_id(0xBEEF))[0], NotFound)


def test_words_about_two_issuers_of_one_name_count_for_neither(bench: StoreBench) -> None:
    ca = make_root("Worded")
    bench.load(
        ca.der, rows_of(identity_row(ca, 1001, "a.example"), identity_row(ca, 1002, "b.example", issuer_ca_id=43))
    )
    assert [type(a) for a in bench.ask(ca.cert_id(1001), ca.cert_id(1002))] == [NotFound, NotFound]


def test_a_certificate_outweighs_words(bench: StoreBench) -> None:
    ca = make_root("Worded")
    leaf = ca.issue("real.example", serial=77)
    words = rows_of(identity_row(ca, 77, "partly.example"))
    report = bench.load(ca.der, words, leaf)
    assert (report.new, report.known) == (3, 0)
    (answer,) = bench.ask(ca.cert_id(77))
    assert isinstance(answer, Found)
    assert answer.certificate.dns_names == ("real.example",)
    assert bench.load(words).known == 1
    kinds = [stored.kind for stored, _ in reader_of(bench).find_serial(b"\x4d")]
    assert kinds == [KNOWN, TEXT]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE certificate SET row = 'text'",
        "UPDATE certificate SET row = x'93010203'",
        "UPDATE certificate SET row = 5",
        "UPDATE issuer SET name = x'00'",
        "UPDATE issuer SET kind = 'what'",
        "UPDATE issuer_hash SET issuer = 'x'",
        "UPDATE issuer_hash SET issuer = 99",
        "DELETE FROM issuer",
        "DELETE FROM url_set",
        "UPDATE url_set SET urls = x'C1'",
        "DELETE FROM source",
    ],
)
def test_tampered_rows_are_trouble_not_answers(bench: StoreBench, root: Ca, tampering: str) -> None:
    bench.load(root.der, root.issue("a.example", serial=3))
    connection = sqlite3.connect(bench.path)
    connection.execute(tampering)
    connection.commit()
    connection.close()
    with pytest.raises((RowError, sqlite3.Error)):
        reader_of(bench).find(root.cert_id(3))


def test_what_is_remembered_is_forgotten_when_told(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    reader = reader_of(bench)
    other = make_root("Other")
    before = reader.data_version()
    assert reader.find(other.cert_id(1)) == NotFound()
    bench.load(other.der)
    assert reader.data_version() != before
    assert reader.find(other.cert_id(1)) == NotFound()
    reader.forget()
    assert isinstance(reader.find(other.cert_id(1)), Found)
