"""sensor.ct.store: under which issuer a certificate comes to lie, in whatever order things are learnt."""

from __future__ import annotations

import itertools
import sqlite3

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sensor.ct.authorities import RefusedError
from sensor.ct.lookup import Found, NotFound
from sensor.ct.schema import StoreError
from sensor.ct.store import Outcome, Store
from sensor.pki.issuers import ALGORITHMS
from tests.ct.pki import LEAF_KEY, START, Ca, decoded, make_root, new_key
from tests.ct.stores import NOW, StoreBench


def rows(bench: StoreBench, table: str) -> int:
    connection = sqlite3.connect(bench.path)
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  (a table of ours)
    connection.close()
    return int(count)


def names(bench: StoreBench, ca: Ca, serial: int, algorithm: str = "sha1") -> tuple[str, ...] | None:
    (answer,) = bench.ask(ca.cert_id(serial, algorithm))
    return answer.certificate.dns_names if isinstance(answer, Found) else None


def test_a_chain_in_any_order(bench: StoreBench) -> None:
    """Root, intermediate and leaf, in all six orders and in one or several imports: always the same store."""
    root = make_root("Root")
    sub = root.intermediate("Sub")
    leaf = sub.issue("a.example", serial=0x77)
    dumps = set()
    for number, order in enumerate(itertools.permutations((root.der, sub.der, leaf))):
        for separately in (False, True):
            bench.path = bench.path.with_name(f"{number}{separately}.sqlite")
            bench.settings = type(bench.settings)(path=str(bench.path))
            reports = [bench.load(der) for der in order] if separately else [bench.load(*order)]
            assert sum(report.new for report in reports) == 3
            assert reports[-1].missing == ()
            assert rows(bench, "pending") == 0
            assert [names(bench, sub, 0x77, algorithm) for algorithm in ALGORITHMS] == [("a.example",)] * 4
            dumps.add(_content(bench))
    assert len(dumps) == 1


def _content(bench: StoreBench) -> str:
    """What the store says, without its internal numbers."""
    connection = sqlite3.connect(bench.path)
    lines = connection.execute(
        "SELECT issuer.kind, issuer.name, hex(issuer.key_id), hex(certificate.serial), hex(certificate.row) "
        "FROM certificate JOIN issuer ON issuer.number = certificate.issuer ORDER BY 1, 2, 3, 4"
    ).fetchall()
    lines += connection.execute(
        "SELECT algorithm, hex(name_hash), hex(key_hash), issuer.name, issuer.kind FROM issuer_hash "
        "JOIN issuer ON issuer.number = issuer_hash.issuer ORDER BY 1, 2, 3"
    ).fetchall()
    connection.close()
    return "\n".join(map(str, lines))


def test_a_leaf_alone_answers_sha1_through_its_key_identifier(bench: StoreBench, sub: Ca) -> None:
    report = bench.load(sub.issue("a.example", serial=0x77))
    assert (report.new, report.waiting) == (1, 1)
    assert report.missing == (sub.subject.rfc4514_string(),)
    assert names(bench, sub, 0x77) == ("a.example",)
    assert names(bench, sub, 0x77, "sha256") is None
    namesake = Ca(sub.subject, new_key(), make_root("other").certificate)
    assert names(bench, namesake, 0x77) is None


def test_a_leaf_without_key_identifier_waits_in_silence(bench: StoreBench) -> None:
    ca = make_root("No AKI", aki=False)
    bench.load(ca.issue("a.example", serial=0x77))
    assert bench.ask(ca.cert_id(0x77)) == [NotFound()]
    bench.load(ca.der)
    assert names(bench, ca, 0x77) == ("a.example",)


def test_a_key_identifier_that_is_no_hash_of_the_key(bench: StoreBench) -> None:
    """20 % of CAs: the identifier finds nothing until the CA's certificate is here, and then everything."""
    ca = make_root("Own way", ski=b"\x01" * 20)
    bench.load(ca.issue("a.example", serial=0x77))
    assert names(bench, ca, 0x77) is None
    report = bench.load(ca.der)
    assert (report.resolved, report.dropped) == (1, 0)
    assert [names(bench, ca, 0x77, algorithm) for algorithm in ALGORITHMS] == [("a.example",)] * 4


@pytest.mark.parametrize("aki", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_cas_of_one_name_and_one_serial(bench: StoreBench, aki: bool, order: tuple[int, ...]) -> None:
    one, two = make_root("Twin", aki=aki), make_root("Twin", aki=aki)
    ders = (one.der, two.der, one.issue("one.example", serial=5), two.issue("two.example", serial=5))
    for index in order:
        bench.load(ders[index])
    for algorithm in ("sha1", "sha256"):
        assert names(bench, one, 5, algorithm) == ("one.example",)
        assert names(bench, two, 5, algorithm) == ("two.example",)
    assert rows(bench, "pending") == 0


def test_a_known_twin_does_not_answer_for_the_other(bench: StoreBench) -> None:
    one, two = make_root("Twin", aki=False), make_root("Twin", aki=False)
    report = bench.load(one.der, two.issue("two.example", serial=5))
    assert (report.new, report.waiting) == (2, 1)
    assert (names(bench, one, 5), names(bench, two, 5)) == (None, None)
    bench.load(two.der)
    assert (names(bench, one, 5), names(bench, two, 5)) == (None, ("two.example",))


def test_a_forged_certificate_is_refused_where_its_issuer_is_known(bench: StoreBench) -> None:
    ca = make_root("Honest")
    forger = Ca(ca.subject, new_key(), ca.certificate)
    report = bench.load(ca.der, forger.issue("bank.example", serial=9))
    assert report.refused.keys() == {"not signed by the issuer it names"}
    assert names(bench, ca, 9) is None


def test_a_forged_certificate_that_waits_goes_when_its_issuer_comes(bench: StoreBench) -> None:
    ca = make_root("Honest")
    forger = Ca(ca.subject, new_key(), ca.certificate)
    bench.load(ca.issue("real.example", serial=9), forger.issue("bank.example", serial=9))
    report = bench.load(ca.der)
    assert (report.resolved, report.dropped) == (1, 1)
    assert names(bench, ca, 9) == ("real.example",)
    assert rows(bench, "pending") == 0
    assert rows(bench, "issuer") == 1


def test_precertificate_and_certificate_are_one(bench: StoreBench, root: Ca) -> None:
    poison = (x509.PrecertPoison(), True)
    pre = root.issue("a.example", "b.example", serial=0x88, extra=(poison,))
    final = root.issue("a.example", "b.example", serial=0x88)
    for order in ((root.der, pre, final), (pre, final, root.der)):
        bench.path = bench.path.with_name(f"{order[0] == pre}.sqlite")
        bench.settings = type(bench.settings)(path=str(bench.path))
        report = bench.load(*order)
        assert (report.new, report.known) == (2, 1)
        assert names(bench, root, 0x88) == ("a.example", "b.example")


def test_names_of_a_serial_given_twice_are_united(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, root.issue("a.example", "b.example", serial=3), root.issue("c.example", "a.example", serial=3))
    assert names(bench, root, 3) == ("a.example", "b.example", "c.example")


def test_what_is_known_stays_as_first_learnt(bench: StoreBench, root: Ca) -> None:
    leaf = root.issue("a.example", serial=3)
    bench.load(root.der, leaf, label="first")
    report = bench.load(root.der, leaf, label="second")
    assert (report.new, report.known, report.refused) == (0, 2, {})
    (answer,) = bench.ask(root.cert_id(3))
    assert isinstance(answer, Found)
    assert (answer.source, answer.learned_at) == ("first", NOW)


def test_a_cas_name_spelled_with_other_string_types(bench: StoreBench) -> None:
    """The leaf says UTF8String where the CA's certificate says PrintableString: clients hash what the leaf says."""
    ca = make_root("Spelled")
    utf8 = x509.Name([x509.NameAttribute(a.oid, a.value, _type=UTF8) for a in ca.subject])
    assert utf8.public_bytes() != ca.subject.public_bytes()
    leaf = ca.issue("a.example", serial=3, issuer=utf8)
    for order in ((ca.der, leaf), (leaf, ca.der)):
        bench.path = bench.path.with_name(f"{order[0] == leaf}.sqlite")
        bench.settings = type(bench.settings)(path=str(bench.path))
        assert bench.load(*order).refused == {}
        by_leaf, by_ca = bench.ask(ca.cert_id(3, "sha256", name_der=utf8.public_bytes()), ca.cert_id(3, "sha256"))
        assert isinstance(by_leaf, Found)
        assert by_leaf == by_ca


UTF8 = x509.name._ASN1Type.UTF8String


def test_a_new_key_under_an_old_name(bench: StoreBench) -> None:
    """Self-issued, not self-signed: a CA certifies its own next key (RFC 4210 4.4)."""
    old = make_root("Rolling")
    new = Ca(old.subject, new_key(), old.certificate)
    new.certificate = old.intermediate("Rolling", key=new.key, path_length=None).certificate
    assert new.certificate.subject == new.certificate.issuer
    leaf = new.issue("a.example", serial=0x99)
    for number, order in enumerate(itertools.permutations((old.der, new.der, leaf))):
        bench.path = bench.path.with_name(f"{number}.sqlite")
        bench.settings = type(bench.settings)(path=str(bench.path))
        assert bench.load(*order).refused == {}
        assert names(bench, new, 0x99, "sha256") == ("a.example",)
        assert names(bench, old, 0x99, "sha256") is None


def test_a_root_with_a_broken_signature(bench: StoreBench) -> None:
    root = make_root("Broken")
    whole = root.intermediate("Broken", key=root.key, path_length=None).der  # itself again, with its own key identifier
    report = bench.load(whole[:-1] + bytes((whole[-1] ^ 1,)))
    assert report.refused.keys() == {"not signed by the issuer it names"}
    assert bench.ask(root.cert_id(1)) == [NotFound()]
    assert bench.load(whole).refused == {}


def test_a_self_signed_site(bench: StoreBench) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer.local")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(0x33)
        .not_valid_before(START)
        .not_valid_after(START)
    )
    printer = Ca(subject, LEAF_KEY, builder.sign(LEAF_KEY, make_root("x").digest()))
    assert bench.load(printer.certificate.public_bytes(Encoding.DER)).missing == ()
    (answer,) = bench.ask(printer.cert_id(0x33))
    assert isinstance(answer, Found)
    assert answer.certificate.common_name == "printer.local"


def test_zero_is_a_serial(bench: StoreBench, root: Ca) -> None:
    leaf = root.issue("a.example", serial=0x11)
    bench.load(root.der)
    zero = decoded(leaf.replace(b"\x02\x01\x11", b"\x02\x01\x00"))
    assert (zero.serial, zero.facts.serial_number) == (b"\0", "00")


def test_a_batch_is_kept_as_a_whole_or_not_at_all(bench: StoreBench, root: Ca) -> None:
    store = Store(bench.path, 250)
    with pytest.raises(KeyboardInterrupt), store.batch():
        store.add(decoded(root.der), "x", 1)
        raise KeyboardInterrupt
    with store.batch():  # numbers given within the lost batch are not used again
        assert store.add(decoded(root.issue("a.example", serial=3)), "x", 1) is Outcome.waiting
        assert store.add(decoded(root.der), "x", 1) is Outcome.new
    store.close()
    assert names(bench, root, 3) == ("a.example",)


def test_two_writers_take_turns(bench: StoreBench, root: Ca) -> None:
    other_root = make_root("Other")
    a, b = Store(bench.path, 250), Store(bench.path, 250)
    with a.batch():
        assert a.add(decoded(other_root.issue("early.example", serial=199)), "x", 1) is Outcome.waiting
    for number in range(6):
        for store, ca in ((a, root), (b, other_root)):
            with store.batch():
                assert store.add(decoded(ca.issue(f"{number}.example", serial=100 + number)), ca.pem[:9].hex(), 1)
                if number == 3:
                    store.add(decoded(ca.der), "ca", 1)
    with a.batch():
        assert a.add(decoded(other_root.issue("late.example", serial=200)), "x", 1) is Outcome.new
    a.close()
    b.close()
    for ca in (root, other_root):
        assert [names(bench, ca, 100 + n, "sha512") for n in range(6)] == [(f"{n}.example",) for n in range(6)]
    assert names(bench, other_root, 199, "sha256") == ("early.example",)
    assert names(bench, other_root, 200) == ("late.example",)


def test_refusing_leaves_the_batch_usable(bench: StoreBench) -> None:
    ca = make_root("Honest")
    forger = Ca(ca.subject, new_key(), ca.certificate)
    store = Store(bench.path, 250)
    with store.batch():
        store.add(decoded(ca.der), "x", 1)
        with pytest.raises(RefusedError):
            store.add(decoded(forger.issue("a.example")), "x", 1)
        assert store.add(decoded(ca.issue("b.example", serial=4)), "x", 1) is Outcome.new
    store.close()
    assert names(bench, ca, 4) == ("b.example",)


def test_a_damaged_store_is_one_line(bench: StoreBench, root: Ca) -> None:
    leaf = root.issue("a.example", serial=3)
    bench.load(root.der, leaf)
    connection = sqlite3.connect(bench.path)
    connection.execute("UPDATE certificate SET row = x'FF'")
    connection.execute("UPDATE issuer SET certificate = 'text'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        bench.load(leaf)


def test_space_of_those_who_waited_is_given_back(bench: StoreBench) -> None:
    ca = make_root("Late")
    padding = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x" * 3000), False)
    bench.load(*(ca.issue(f"{n}.example", extra=(padding,)) for n in range(100)))
    waiting = bench.path.stat().st_size
    assert waiting > 300_000
    bench.load(ca.der)
    assert bench.path.stat().st_size < 100_000
