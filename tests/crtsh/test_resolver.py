"""sensor.crtsh.resolver: only what the issuer asked for has signed gets a name."""

from __future__ import annotations

from pathlib import Path

from sensor.crtsh.remembered import Outcome
from sensor.ct.lookup import Found, NotFound, Unavailable
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.pki.name_text import decode_name
from sensor.settings import CtSettings
from tests.crtsh.conftest import NewDesk
from tests.crtsh.server import CrtSh
from tests.ct.pki import Ca, decoded, make_root


def answer(ct: CtSettings, cert_id: CertId) -> object:
    lookup = StoreLookup(ct)
    try:
        return lookup.lookup([cert_id])[0]
    finally:
        lookup.close()


def names(ct: CtSettings, cert_id: CertId) -> tuple[str, ...]:
    found = answer(ct, cert_id)
    return found.certificate.dns_names if isinstance(found, Found) else ()


def test_a_name_is_learnt_with_its_issuer(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("shop.example", serial=0xABCDEF))
    for algorithm in ("sha1", "sha256"):
        assert isinstance(answer(ct, sub.cert_id(0xABCDEF, algorithm)), NotFound)
    desk = new_desk()
    assert desk.ask("ABCDEF", sub.cert_id(0xABCDEF)).outcome is Outcome.found
    found = answer(ct, sub.cert_id(0xABCDEF, "sha256"))
    assert isinstance(found, Found)
    assert (found.certificate.dns_names, found.source, found.learned_at) == (("shop.example",), "crt.sh", 1_795_000_000)
    key_id = decoded(sub.der).subject_key_id
    assert key_id is not None
    assert crtsh.asked == ["serial=ABCDEF&output=json", "d=2", f"ski={key_id.hex()}&output=json", "d=1"]
    assert desk.requests == 4


def test_a_known_issuer_is_not_asked_for(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("one.example", serial=0x1001), sub.issue("two.example", serial=0x1002))
    desk = new_desk()
    desk.ask("1001", sub.cert_id(0x1001))
    crtsh.asked.clear()
    desk.ask("1002", sub.cert_id(0x1002))
    assert crtsh.asked == ["serial=1002&output=json", "d=3"]
    assert names(ct, sub.cert_id(0x1002)) == ("two.example",)


def test_the_serial_alone_is_not_enough(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    stranger = root.intermediate("Another Sub")
    crtsh.add(stranger.der, stranger.issue("wrong.example", serial=0x2001))
    desk = new_desk()
    assert desk.ask("2001", sub.cert_id(0x2001)).outcome is Outcome.not_found
    assert names(ct, sub.cert_id(0x2001)) == names(ct, stranger.cert_id(0x2001)) == ()


def test_a_namesake_with_another_key_is_not_it(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca
) -> None:
    namesake = root.intermediate("Online Sub")
    assert decoded(namesake.der).subject_der == decoded(sub.der).subject_der
    crtsh.add(namesake.der, namesake.issue("wrong.example", serial=0x3001), issuer_ca_id=5)
    desk = new_desk()
    assert desk.ask("3001", sub.cert_id(0x3001)).outcome is Outcome.not_found
    assert names(ct, sub.cert_id(0x3001)) == ()
    crtsh.add(sub.der, sub.issue("right.example", serial=0x3001), issuer_ca_id=6)
    assert desk.ask("3001", sub.cert_id(0x3001)).outcome is Outcome.found
    assert names(ct, sub.cert_id(0x3001)) == ("right.example",)
    assert names(ct, namesake.cert_id(0x3001)) == ()


def test_the_same_key_under_another_name_is_not_it(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca
) -> None:
    """A CA that was renamed and kept its key; whose issuer it is not is not asked about either."""
    renamed = root.intermediate("Online Sub, renamed", key=sub.key)
    crtsh.add(renamed.der, renamed.issue("wrong.example", serial=0x3002))
    desk = new_desk()
    assert desk.ask("3002", sub.cert_id(0x3002)).outcome is Outcome.not_found
    assert crtsh.asked == ["serial=3002&output=json", "d=2"]
    assert names(ct, sub.cert_id(0x3002)) == names(ct, renamed.cert_id(0x3002)) == ()


def test_a_forged_signature_is_a_failure(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    """The forger takes the CA's name and key identifier, but has not its key."""
    forger = root.intermediate("Online Sub", ski=decoded(sub.der).subject_key_id)
    crtsh.add(sub.der, forger.issue("forged.example", serial=0x4001))
    said = new_desk().ask("4001", sub.cert_id(0x4001))
    assert (said.outcome, said.reason) == (Outcome.failed, "a certificate without its issuer's, or not signed by it")
    assert names(ct, sub.cert_id(0x4001)) == ()


def test_one_that_is_no_ca_signs_nothing(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings) -> None:
    from cryptography import x509

    from tests.ct.pki import LEAF_KEY

    other = make_root("Some Root")
    leaf = other.issue("leaf.example", serial=0x77, common_name="Leaf")
    parsed = x509.load_der_x509_certificate(leaf)
    pretender = Ca(parsed.subject, LEAF_KEY, parsed, aki=False)
    crtsh.add(other.der, leaf, pretender.issue("under.example", serial=0x5001))
    assert new_desk().ask("5001", pretender.cert_id(0x5001)).outcome is Outcome.failed
    assert names(ct, pretender.cert_id(0x5001)) == ()


def test_precertificate_and_certificate_are_one(crtsh: CrtSh, new_desk: NewDesk, sub: Ca) -> None:
    crtsh.add(sub.der, *[sub.issue("both.example", serial=0x6001)] * 2)
    assert new_desk().ask("6001", sub.cert_id(0x6001)).outcome is Outcome.found
    assert sum(query.startswith("d=") for query in crtsh.asked) == 2


def test_by_hand_every_issuer_counts(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    stranger = root.intermediate("Third Sub")
    crtsh.add(sub.der, stranger.der, root.der)
    crtsh.add(sub.issue("a.example", serial=0x7001), issuer_ca_id=5)
    crtsh.add(stranger.issue("b.example", serial=0x7001), issuer_ca_id=6)
    assert new_desk().ask("7001").outcome is Outcome.found
    assert names(ct, sub.cert_id(0x7001)) == ("a.example",)
    assert names(ct, stranger.cert_id(0x7001)) == ("b.example",)


def test_what_cannot_be_told_of_one_does_not_hide_another(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca
) -> None:
    lost = root.intermediate("Lost Sub")
    crtsh.add(sub.der)
    crtsh.add(lost.issue("lost.example", serial=0x8001), issuer_ca_id=5)
    crtsh.add(sub.issue("kept.example", serial=0x8001), issuer_ca_id=6)
    assert new_desk().ask("8001").outcome is Outcome.found
    assert names(ct, sub.cert_id(0x8001)) == ("kept.example",)


def test_too_many_issuers_are_a_failure(crtsh: CrtSh, new_desk: NewDesk, sub: Ca) -> None:
    for number in range(4):
        crtsh.add(sub.issue("many.example", serial=0x9001), issuer_ca_id=10 + number)
    said = new_desk(max_issuers=3).ask("9001", sub.cert_id(0x9001))
    assert (said.outcome, said.reason) == (Outcome.failed, "more than 3 issuers with this serial number")
    assert len(crtsh.asked) == 1


def test_a_hash_nobody_knows(crtsh: CrtSh, new_desk: NewDesk, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("x.example", serial=0xA001))
    cert_id = CertId("1.2.3.4", b"n", b"k", "A001")
    assert new_desk().ask("A001", cert_id).reason == "a hash that is not known"


def test_a_root_asked_about_itself(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings) -> None:
    root = make_root("Own Root")
    crtsh.add(root.der)
    assert new_desk().ask("01", root.cert_id(1)).outcome is Outcome.found
    assert isinstance(answer(ct, root.cert_id(1)), Found)


def trusts(ct: CtSettings, ca: Ca) -> bool:
    """Whether the cache would believe what this CA signs."""
    lookup = StoreLookup(ct)
    try:
        known = lookup.issuers_named(decode_name(decoded(ca.der).subject_der))
    finally:
        lookup.close()
    assert not isinstance(known, Unavailable)
    return any(each.certificate == ca.der for each in known)


def learn(ct: CtSettings, *cas: Ca) -> Store:
    assert ct.path is not None
    store = Store(Path(ct.path), 250)
    with store.batch():
        for ca in cas:
            store.add(decoded(ca.der), "file", 1)
    return store


def test_an_issuer_that_a_known_ca_signed_is_trusted(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca
) -> None:
    learn(ct, root).close()
    crtsh.add(sub.der, sub.issue("shop.example", serial=0xB001))
    assert new_desk().ask("B001", sub.cert_id(0xB001)).outcome is Outcome.found
    assert trusts(ct, sub)
    assert names(ct, sub.cert_id(0xB001)) == ("shop.example",)


def test_a_lying_crt_sh_plants_no_ca(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    """It invents a CA, by a known one's name or its own, under nobody, itself, or a CA that may sign no other."""
    learn(ct, root, sub).close()
    liars = [make_root("Invented"), make_root("Invented").intermediate("Below"), sub.intermediate("Below Online Sub")]
    for number, liar in enumerate(liars):
        serial = 0xC001 + number
        crtsh.add(liar.der, liar.issue("bank.example", serial=serial), issuer_ca_id=50 + number)
        desk = new_desk()
        assert desk.ask(f"{serial:X}").outcome is Outcome.found
        assert not trusts(ct, liar), liar.subject
        assert names(ct, liar.cert_id(serial)) == (
            "bank.example",
        )  # under its own key's hash, which says nobody else's
        assert names(ct, sub.cert_id(serial)) == names(ct, root.cert_id(serial)) == ()
        found = answer(ct, liar.cert_id(serial))
        assert isinstance(found, Found)
        lookup = StoreLookup(ct)
        assert lookup.issuer_certificate(found.issuer) is None
        lookup.close()


def test_a_ca_that_is_looked_for_is_not_trusted_either(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings) -> None:
    """A certificate of a CA, and a root itself, that nobody known has signed."""
    liar = make_root("Invented")
    below = liar.intermediate("Below")
    crtsh.add(liar.der, below.der)
    serial = f"{decoded(below.der).facts.serial_number}"
    assert new_desk().ask(serial).outcome is Outcome.found
    assert new_desk().ask("01").outcome is Outcome.found
    assert not trusts(ct, liar)
    assert not trusts(ct, below)


def test_names_are_checked_when_the_ca_becomes_known(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca
) -> None:
    crtsh.add(sub.der, sub.issue("shop.example", serial=0xD001))
    new_desk().ask("D001", sub.cert_id(0xD001))
    assert not trusts(ct, sub)
    store = learn(ct, root, sub)
    assert (store.resolved, store.dropped) == (1, 0)
    store.close()
    for algorithm in ("sha1", "sha256"):
        assert names(ct, sub.cert_id(0xD001, algorithm)) == ("shop.example",)
