"""sensor.fetch.audit: a table of CRLs, sound and otherwise, and what is found about them; checked against OpenSSL."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from sensor.ct.lookup import Issuer
from sensor.ct.memory import MemoryLookup
from sensor.fetch.audit import CrlAuditor
from sensor.fetch.model import CrlFetch, Fetch, OnCrl
from sensor.fetch.stage import FetchStage
from sensor.ocsp.model import CertId, CertStatus, Evidence, SingleResponse
from sensor.pki.certificates import decode_certificate
from sensor.pki.crl import Crl
from sensor.pki.name_text import decode_name
from sensor.settings import AuditSettings, CrlSettings
from tests.fetch.fetching import FLOW, NOW, SECOND, make_stage, transaction
from tests.pki.crls import FOLDER, NAME, OTHER, START, certificate, key, make, read, scope, tlv

URL = "http://crl.example/17.crl"
HOUR, DAY = 3600 * SECOND, 86400 * SECOND
NUMBER = (x509.CRLNumber(7), False)
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)


def aki(kind: str = "ec") -> tuple[x509.AuthorityKeyIdentifier, bool]:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key(kind).public_key()), False


def knowing(*ders: bytes) -> MemoryLookup:
    lookup = MemoryLookup()
    for number, der in enumerate(ders, 1):
        decoded = decode_certificate(der, 0)
        issuer = Issuer(number, decode_name(decoded.subject_der), "CA")
        lookup.add_issuer(issuer, decoded.subject_der, decoded.key_octets, der)
    return lookup


KNOWN = knowing(certificate("ec"))


def auditor(lookup: MemoryLookup = KNOWN, max_crls: int = 100, **settings: object) -> CrlAuditor:
    return CrlAuditor(AuditSettings(**settings), max_crls, lookup)  # type: ignore[arg-type]  # a few of each type


def fetch(url: str = URL, now: int = NOW) -> Fetch:
    return Fetch(FLOW, now, "GET", None, None, None, 200, url, None, None, now, Evidence.both)


def found(der: bytes | Crl, by: CrlAuditor | None = None, url: str = URL, now: int = NOW) -> list[str]:
    crl = der if isinstance(der, Crl) else read(der)[0]
    return [finding.value for finding in (by or auditor()).audit(fetch(url, now), crl, ())]


def sound(*extensions: tuple[x509.ExtensionType, bool], serials: tuple[int, ...] = (5,), **options: object) -> bytes:
    return make(serials, NUMBER, aki(), *extensions, **options)  # type: ignore[arg-type]  # a few of each type


def forged() -> bytes:
    der = bytearray(sound())
    der[der.index(b"260228") + 5] ^= 1
    return bytes(der)


TABLE: list[tuple[str, bytes, dict[str, object], list[str]]] = [
    ("sound", sound(), {}, []),
    ("sound shard", sound(scope(URL, user=True)), {}, []),
    ("sound delta", make([], NUMBER, aki(), (x509.DeltaCRLIndicator(6), True)), {}, []),
    ("forged", forged(), {}, ["signature_invalid"]),
    ("by another key", make([5], NUMBER, aki(), kind="rsa"), {}, ["signature_invalid"]),
    ("unknown CA", make([5], NUMBER, aki(), name=OTHER), {}, ["signature_not_checked:issuer_unknown"]),
    ("from the future", sound(), {"now": NOW - 2 * HOUR}, ["this_update_future"]),
    ("within the skew", sound(), {"now": NOW - HOUR - 200 * SECOND}, []),
    ("expired", sound(), {"now": NOW + 8 * DAY}, ["next_update_past"]),
    ("too long", sound(scope(URL, user=True), days=11), {}, ["validity_long"]),
    ("too long, maybe", sound(days=11), {}, ["validity_long_unless_ca"]),
    ("a year for CAs", sound(scope(ca=True), days=365), {}, []),
    ("longer for CAs", sound(scope(ca=True), days=400), {}, ["validity_long"]),
    ("bare", make([5]), {}, ["number_missing", "authority_key_id_missing"]),
    ("another shard", sound(scope("http://crl.example/18.crl")), {}, ["distribution_point_mismatch"]),
    ("no address known", sound(scope("http://crl.example/18.crl")), {"url": ""}, []),
    ("other spelling", sound(scope("HTTP://CRL.example:80/17.crl")), {}, []),
    ("named otherwise", sound(scope("ldap://x.example/cn=a")), {}, []),
    ("unknown critical", sound(UNKNOWN), {}, ["extension_unknown_critical"]),
    ("not below its base", make([], NUMBER, aki(), (x509.DeltaCRLIndicator(7), True)), {}, ["delta_base_not_below"]),
]


@pytest.mark.parametrize(("der", "options", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(der: bytes, options: dict[str, object], expected: list[str]) -> None:
    assert found(der, **options) == expected  # type: ignore[arg-type]  # a few of each type


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(("der", "expected"), [(row[1], row[3]) for row in TABLE if row[0] != "unknown CA"])
def test_openssl_agrees_about_signatures(der: bytes, expected: list[str], tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    loaded = x509.load_der_x509_certificate(certificate("ec"))
    from cryptography.hazmat.primitives.serialization import Encoding

    ca.write_bytes(loaded.public_bytes(Encoding.PEM))
    words = ["openssl", "crl", "-inform", "DER", "-noout", "-verify", "-CAfile", str(ca)]
    done = subprocess.run(words, input=der, capture_output=True, check=False)
    assert (b"verify OK" in done.stderr) == ("signature_invalid" not in expected)


def test_sha1_and_the_wrong_algorithm_inside() -> None:
    names = found((FOLDER / "custom/crl_inner_outer_mismatch.der").read_bytes())
    assert {"signature_sha1", "signature_algorithm_mismatch"} <= set(names)


def test_the_key_it_names_is_not_the_one_that_signed_it() -> None:
    lookup = knowing(certificate("ec", ski=True))
    assert found(sound(), auditor(lookup)) == []
    assert found(make([5], NUMBER, aki("rsa")), auditor(lookup)) == ["authority_key_id_mismatch"]


def test_version_1_has_no_extensions_and_an_unreadable_time_is_not_checked() -> None:
    algorithm = b"\x30\x03\x06\x01\x2a"
    tbs = tlv(0x30, algorithm + NAME.public_bytes() + b"\x17\x0d269901120000Z")
    crl, _ = read(tlv(0x30, tbs + algorithm + b"\x03\x02\0\1"))
    assert found(crl) == ["signature_not_checked:algorithm", "times_not_checked:unreadable", "version_1"]


def test_signatures_not_checked_and_why() -> None:
    whole = sound()
    assert found(read(whole[:-9])[0]) == ["signature_not_checked:incomplete"]
    assert found(whole, auditor(signatures_per_s=0)) == ["signature_not_checked:off"]
    trouble = knowing(certificate("ec"))
    trouble.trouble = "locked"
    assert found(whole, auditor(trouble)) == ["signature_not_checked:lookup_failed"]
    large, _ = read(make(range(1, 60), NUMBER, kind="ed25519"), [50] * 200, CrlSettings(max_part_bytes=300))
    names = found(large, auditor(knowing(certificate("ed25519"))))
    assert names == ["signature_not_checked:algorithm", "authority_key_id_missing"]


def test_so_many_signatures_a_second() -> None:
    by = auditor(signatures_per_s=1)
    ders = [make([i], NUMBER, aki(), update=START + datetime.timedelta(seconds=i)) for i in range(1, 13)]
    names = [found(der, by) for der in ders]
    assert all("signature_not_checked:budget" in each for each in names[10:])
    assert all("signature_not_checked:budget" not in each for each in names[:10])
    assert "signature_not_checked:budget" not in found(ders[0], by)  # that verdict is known
    assert "signature_not_checked:budget" not in found(ders[11], by, now=NOW + 2 * SECOND)


def test_the_right_one_of_two_keys() -> None:
    both = knowing(certificate("rsa"), certificate("ec"))
    assert found(sound(), auditor(both)) == []
    assert found(sound(), auditor(knowing(certificate("rsa")))) == ["signature_invalid"]


def test_a_ca_that_may_not_sign_crls() -> None:
    lookup = knowing(certificate("ec", crl_sign=False))
    assert found(sound(), auditor(lookup)) == ["issuer_may_not_sign"]
    assert found(sound(), auditor(knowing(certificate("ec", crl_sign=True)))) == []


def numbered(number: int, hours: int = 0, *extensions: tuple[x509.ExtensionType, bool], serial: int = 5) -> bytes:
    update = START + datetime.timedelta(hours=hours)
    return make([serial], (x509.CRLNumber(number), False), aki(), *extensions, update=update)


def test_order_of_crls() -> None:
    by = auditor()
    first = numbered(7)
    assert found(first, by) == []
    assert found(first, by) == []  # the same again
    assert found(numbered(6, 1), by, now=NOW + HOUR) == ["number_backwards"]
    by = auditor()
    assert found(numbered(8, 2), by, now=NOW + 2 * HOUR) == []
    assert found(first, by, now=NOW + 2 * HOUR) == ["outdated"]
    assert found(numbered(8, 2, serial=6), by, now=NOW + 2 * HOUR) == ["number_reused"]
    assert found(numbered(9, 3), by, now=NOW + 3 * HOUR) == []


def test_scopes_are_compared_with_themselves_only() -> None:
    by = auditor()
    assert found(numbered(9, 1, scope(URL)), by, now=NOW + HOUR) == []
    assert found(numbered(7, 0), by, now=NOW + HOUR) == []


def test_a_forged_one_leaves_no_trace() -> None:
    by = auditor()
    assert "signature_invalid" in found(make([5], (x509.CRLNumber(99), False), kind="rsa", update=START), by)
    assert found(numbered(7), by) == []


def test_so_many_are_remembered() -> None:
    by = auditor(max_crls=1)
    found(numbered(9, 1), by)
    found(numbered(9, 1, scope(URL)), by)
    assert by.forgotten == 1
    assert "outdated" not in found(numbered(7), by)


def test_what_ocsp_called_good_after_it_was_revoked() -> None:
    crl, (entry,) = read(sound())
    assert entry.revocation_time is not None
    cert_id = CertId("sha1", b"", b"", "05")

    def answered(status: CertStatus, this_update: int) -> list[str]:
        single = SingleResponse(cert_id, status, None, None, this_update, None)
        return [each.value for each in auditor().audit(fetch(), crl, [(entry, single), (entry, None)])]

    assert answered(CertStatus.good, entry.revocation_time + HOUR) == ["ocsp_good"]
    assert answered(CertStatus.good, entry.revocation_time - HOUR) == []
    assert answered(CertStatus.revoked, entry.revocation_time + HOUR) == []


def test_in_the_stage_a_forged_crl_puts_nobody_on_it() -> None:
    name = NAME.public_bytes()
    cert_id = CertId("sha1", hashlib.sha1(name, usedforsecurity=False).digest(), bytes(20), "05")
    unknown = ("signature_not_checked:issuer_unknown",)
    for der, lookup, moment, expected, verified, seen in (
        (sound(), KNOWN, NOW, (), True, OnCrl(URL, True, None)),
        (sound(), None, NOW, unknown, False, OnCrl(URL, False, None)),
        (forged(), KNOWN, NOW, ("signature_invalid",), False, None),
        (sound()[:-1], KNOWN, NOW, ("signature_not_checked:incomplete",), False, None),
        (sound()[:-1], None, NOW, ("signature_not_checked:incomplete",), False, None),
        (sound(), KNOWN, NOW - 2 * HOUR, ("this_update_future",), False, None),
        (sound(), None, NOW - 2 * HOUR, (*unknown, "this_update_future"), False, None),
        (sound(), knowing(certificate("ec", crl_sign=False)), NOW, ("issuer_may_not_sign",), False, None),
    ):
        stage = make_stage(lookup=lookup)
        (event,) = stage.feed(transaction(stage, der, b"/17.crl", ts=moment))
        assert isinstance(event, CrlFetch)
        assert event.audit is not None
        assert tuple(finding.value for finding in event.audit) == expected
        assert event.verified is verified
        assert stage.revocations.ask(cert_id, None) == seen


def test_without_an_audit_no_crl_is_verified_and_one_of_the_future_none() -> None:
    cert_id = CertId("sha1", hashlib.sha1(NAME.public_bytes(), usedforsecurity=False).digest(), bytes(20), "05")
    for moment, seen in ((NOW, OnCrl(URL, False, None)), (NOW - 2 * HOUR, None)):
        stage = FetchStage(CrlSettings(), AuditSettings(enabled=False), KNOWN)
        (event,) = stage.feed(transaction(stage, sound(), b"/17.crl", ts=moment))
        assert isinstance(event, CrlFetch) and (event.audit, event.verified) == (None, False)
        assert stage.revocations.ask(cert_id, None) == seen


def test_one_from_the_future_makes_no_later_one_outdated() -> None:
    by = auditor()
    assert found(numbered(99, 48), by) == ["this_update_future"]
    assert found(numbered(8, 1), by, now=NOW + HOUR) == []


def test_what_was_not_checked_accuses_nothing_that_was() -> None:
    lookup = knowing()
    by = auditor(lookup)
    unknown = "signature_not_checked:issuer_unknown"
    assert found(numbered(99, 1), by, now=NOW + HOUR) == [unknown]
    assert found(numbered(98, 0), by, now=NOW + HOUR) == [unknown, "outdated"]
    for known in (knowing(certificate("ec")),):
        by._lookup = known  # the CA's certificate comes
    assert found(numbered(7, 0), by, now=NOW + HOUR) == []
    by._lookup = lookup
    assert found(numbered(6, -1), by, now=NOW + HOUR) == [unknown, "outdated"]


def test_a_forged_crl_does_not_contradict_ocsp() -> None:
    (entry,) = read(sound())[1]
    assert entry.revocation_time is not None
    single = SingleResponse(
        CertId("sha1", b"", b"", "05"), CertStatus.good, None, None, entry.revocation_time + HOUR, None
    )
    for der, names in ((forged(), ["signature_invalid"]), (sound()[:-1], ["signature_not_checked:incomplete"])):
        audit = auditor().audit(fetch(), read(der)[0], [(entry, single)])
        assert [each.value for each in audit] == names
