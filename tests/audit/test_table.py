"""Replies of every kind, what the audit finds in each, and what `openssl ocsp` says of the same bytes.

OpenSSL verifies signature, delegate, nonce and times. Where it has no opinion, or another rule, the row says so.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa

from sensor.audit.stage import AuditStage
from sensor.ct.lookup import Issuer
from sensor.ct.memory import MemoryLookup
from sensor.ocsp.exchange import OcspDecoder
from sensor.ocsp.model import OcspExchange
from sensor.pki.certificates import decode_certificate
from sensor.settings import AuditSettings, OcspSettings
from tests.audit.signing import (
    ALGORITHMS,
    DAY,
    HOUR,
    NOW,
    NOW_S,
    Party,
    answer,
    certify,
    conversation,
    reply,
    request,
    resigned,
    stamp,
)
from tests.ocsp import wire
from tests.ocsp.wire import UNKNOWN, extension, revoked, seq, tlv

CA = certify("Audit CA", ca=True)
RSA_CA = certify("Audit RSA CA", "rsa", ca=True)
ED_CA = certify("Audit Ed25519 CA", "ed25519", ca=True)
ED448_CA = certify("Audit Ed448 CA", "ed448", ca=True)
STRANGER = certify("Stranger", ca=True)
TRUSTED = (CA, RSA_CA, ED_CA, ED448_CA)
SERIAL = 0x0A0B0C0D
ASKED = CA.cert_id(SERIAL)
ANOTHER_ISSUER = {"certid_not_answered", "certid_issuer_name_mismatch", "certid_issuer_key_mismatch"}
DELEGATE = certify("Delegate", by=CA, eku=True, nocheck=True)

# What `openssl ocsp` says.
OK = "Response verify OK"
EXPIRED, TOO_EARLY = "status expired", "status not yet valid"
BAD_NONCE, NO_NONCE = "Nonce Verify error", "WARNING: no nonce in response"
FAILED = "Response Verify Failure"
ABSENT = "No Status found"


@dataclass
class Row:
    """`says`: all of what OpenSSL is expected to print of the strings above; None: it has no opinion worth a run."""

    answered: bytes
    expected: set[str] = field(default_factory=set)
    says: tuple[str, ...] | None = (OK,)
    asked: bytes = field(default_factory=lambda: request(ASKED))
    ca: Party = CA


def delegated(
    expected: set[str], *says: str, by: Party = CA, eku: bool = True, nocheck: bool = True, **more: object
) -> Row:
    delegate = certify("A delegate", by=by, eku=eku, nocheck=nocheck, **more)  # type: ignore[arg-type]
    return Row(reply(answer(ASKED), by=delegate, certs=(delegate,)), expected, says)


def signed_by(ca: Party, algorithm: str | None = None, expected: frozenset[str] = frozenset()) -> Row:
    cid = ca.cert_id(SERIAL)
    return Row(reply(answer(cid), by=ca, algorithm=algorithm), set(expected), (OK,), request(cid), ca)


def rows() -> dict[str, Row]:
    other = CA.cert_id(SERIAL + 1)
    good = answer(ASKED)
    wrong_key = Party(CA.certificate, STRANGER.key)
    delegate_in_name = Party(DELEGATE.certificate, STRANGER.key)
    damaged = bytearray(reply(good, by=CA))
    damaged[-1] ^= 1
    weak = certify("Weak", "rsa1024", by=CA, eku=True, nocheck=True)
    unusable = certify("Unusable", by=CA, eku=True, nocheck=True, key=dsa.generate_private_key(2048))
    rsa_asked = RSA_CA.cert_id(SERIAL)
    old = resigned(certify("Old", by=RSA_CA, eku=True, nocheck=True), RSA_CA, "rsa sha1")
    odd = resigned(certify("Odd", by=CA, eku=True, nocheck=True), CA, "made up")
    small = certify("Small", "p192", by=CA, eku=True, nocheck=True)
    return {
        # Sound.
        "good, by the CA": Row(reply(good, by=CA)),
        "good, by the CA by name": Row(reply(good, by=CA, responder=CA.by_name())),
        "good, by the CA, which sends its certificate": Row(reply(good, by=CA, certs=(CA,))),
        "good, by a delegate": Row(reply(good, by=DELEGATE, certs=(DELEGATE,))),
        "good, by a delegate by name": Row(reply(good, by=DELEGATE, responder=DELEGATE.by_name(), certs=(DELEGATE,))),
        "good, by a delegate among others": Row(reply(good, by=DELEGATE, certs=(STRANGER, CA, DELEGATE))),
        "revoked": Row(reply(answer(ASKED, revoked("20260101000000Z", 1)), by=CA)),
        "unknown": Row(reply(answer(ASKED, UNKNOWN), by=CA)),
        "RSA": signed_by(RSA_CA),
        "RSA-PSS": signed_by(RSA_CA, "pss sha256"),
        "Ed25519": signed_by(ED_CA),
        "Ed448": signed_by(ED448_CA),
        "nonce": Row(reply(good, by=CA, nonce=b"1234"), asked=request(ASKED, nonce=b"1234")),
        # Signature and signer.
        "wrong signer, called the CA": Row(reply(good, by=wrong_key), {"signature_invalid"}, (FAILED,)),
        "wrong signer, called the CA by name": Row(
            reply(good, by=wrong_key, responder=CA.by_name()), {"signature_invalid"}, (FAILED,)
        ),
        "wrong signer, called the delegate": Row(
            reply(good, by=delegate_in_name, certs=(DELEGATE,)), {"signature_invalid"}, (FAILED,)
        ),
        "changed on the way": Row(bytes(damaged), {"signature_invalid"}, (FAILED,)),
        "signed over something else": Row(reply(good, by=CA, spoil=True), {"signature_invalid"}, (FAILED,)),
        "a stranger who does not show": Row(
            reply(good, by=STRANGER), {"signature_not_checked:signer_unknown"}, (FAILED,)
        ),
        "a delegate who does not show": Row(
            reply(good, by=DELEGATE), {"signature_not_checked:signer_unknown"}, (FAILED,)
        ),
        "a stranger who shows": Row(
            reply(good, by=STRANGER, certs=(STRANGER,)),
            {"delegate_wrong_issuer", "delegate_eku_missing", "delegate_nocheck_missing", "delegate_is_ca"},
            (FAILED,),
        ),
        "an algorithm nobody knows": Row(
            reply(good, by=CA, algorithm="made up"), {"signature_not_checked:algorithm"}, (FAILED,)
        ),
        "a key nobody can use": Row(
            reply(good, by=unusable, certs=(unusable,), algorithm="ecdsa by no such key"),
            {"signature_not_checked:key"},
            (FAILED,),
        ),
        "by the CA, under another's name": Row(
            # OpenSSL looks for the name's certificate, and finds none.
            reply(good, by=CA, responder=STRANGER.by_key()),
            {"responder_id_mismatch"},
            (FAILED,),
        ),
        "by a delegate, under the CA's name": Row(
            reply(good, by=DELEGATE, responder=CA.by_key(), certs=(DELEGATE,)), {"signature_invalid"}, (FAILED,)
        ),
        "RSA over SHA-1": signed_by(RSA_CA, "rsa sha1", frozenset({"signature_sha1"})),
        "RSA-PSS over SHA-1": signed_by(RSA_CA, "pss sha1", frozenset({"signature_sha1"})),
        "ECDSA over SHA-1": signed_by(CA, "ecdsa sha1", frozenset({"signature_sha1"})),
        # OpenSSL asks for 1,024 bits at its security level 1, and not of an OCSP signer at all.
        "a key of 1,024 bits": Row(reply(good, by=weak, certs=(weak,)), {"signer_key_weak"}, (OK,)),
        "a key of 1,024 bits under another's name": Row(
            reply(good, by=weak, responder=STRANGER.by_key(), certs=(weak,)),
            {"signer_key_weak", "responder_id_mismatch"},
            (FAILED,),
        ),
        "a curve of 192 bits": Row(reply(good, by=small, certs=(small,)), {"signer_key_weak"}, (OK,)),
        # Delegates.
        "delegate without EKU": delegated({"delegate_eku_missing"}, FAILED, eku=False),
        "delegate with any EKU": delegated({"delegate_eku_missing"}, FAILED, eku=False, any_eku=True),
        "expired delegate": delegated({"delegate_expired"}, FAILED, start=-60 * DAY, end=-DAY),
        "delegate expired within the skew": delegated(set(), FAILED, start=-60 * DAY, end=-HOUR / 12),
        "delegate expired a second before": delegated(
            {"delegate_expired"}, FAILED, start=-60 * DAY, end=-HOUR / 12 - HOUR / 3600
        ),
        "delegate of soon": delegated(set(), FAILED, start=HOUR / 12),
        "delegate of a second later": delegated({"delegate_not_yet_valid"}, FAILED, start=HOUR / 12 + HOUR / 3600),
        "delegate of tomorrow": delegated({"delegate_not_yet_valid"}, FAILED, start=DAY),
        "delegate of another CA": delegated({"delegate_wrong_issuer"}, FAILED, by=STRANGER),
        "delegate certified over SHA-1": Row(
            reply(answer(rsa_asked), by=old, certs=(old,)), {"delegate_sha1"}, (OK,), request(rsa_asked), RSA_CA
        ),
        "delegate certified in a way nobody knows": Row(
            reply(good, by=odd, certs=(odd,)), {"delegate_not_checked"}, (FAILED,)
        ),
        "unknown, from who is not asked for it": Row(
            # As RFC 6960 2.2 wants it; OpenSSL trusts nobody but the CA's own, whatever the answer.
            reply(answer(ASKED, UNKNOWN), by=STRANGER, certs=(STRANGER,)),
            {"responder_not_authoritative"},
            (FAILED,),
        ),
        # OpenSSL would look for a CRL only if it were told to.
        "delegate without nocheck": delegated({"delegate_nocheck_missing"}, OK, nocheck=False),
        "delegate that is a CA": delegated({"delegate_is_ca"}, OK, ca=True),
        # What is answered. OpenSSL says so by finding no status.
        "another serial number": Row(
            reply(answer(other), by=CA), {"certid_not_answered", "certid_serial_mismatch"}, (OK, ABSENT)
        ),
        "another issuer": Row(
            reply(answer(RSA_CA.cert_id(SERIAL)), by=CA),
            {*ANOTHER_ISSUER, "signature_not_checked:signer_unknown"},
            (FAILED, ABSENT),
        ),
        "another issuer, and who answers shows": Row(
            reply(answer(RSA_CA.cert_id(SERIAL)), by=CA, certs=(CA,)),
            {
                *ANOTHER_ISSUER,
                "delegate_wrong_issuer",
                "delegate_eku_missing",
                "delegate_nocheck_missing",
                "delegate_is_ca",
            },
            (FAILED, ABSENT),
        ),
        "another hash algorithm": Row(
            reply(answer(CA.cert_id(SERIAL, "sha256")), by=CA),
            {"certid_not_answered", "certid_hash_mismatch"},
            (OK, ABSENT),
        ),
        "one answer more": Row(reply(good, answer(other), by=CA), {"certid_unasked"}),
        "SHA-1 and SHA-256": Row(reply(good, answer(CA.cert_id(SERIAL, "sha256")), by=CA)),
        "the same twice": Row(reply(good, good, by=CA), {"answers_duplicate"}),
        "two statuses, under two hashes": Row(
            reply(good, answer(CA.cert_id(SERIAL, "sha256"), UNKNOWN), by=CA),
            {"answers_conflicting", "status_conflicting"},
            asked=request(ASKED, CA.cert_id(SERIAL, "sha256")),
        ),
        "one status, under two hashes": Row(
            reply(good, answer(CA.cert_id(SERIAL, "sha256")), by=CA),
            asked=request(ASKED, CA.cert_id(SERIAL, "sha256")),
        ),
        "two statuses": Row(reply(good, answer(ASKED, UNKNOWN), by=CA), {"answers_conflicting"}),
        "no answers": Row(reply(by=CA), {"answers_missing", "signature_not_checked:issuer_unknown"}, None),
        "never issued": Row(
            reply(
                answer(ASKED, revoked("19700101000000Z", 6)),
                by=CA,
                exts=(extension("1.3.6.1.5.5.7.48.1.9", b"\5\0"),),
            ),
            {"never_issued"},
        ),
        "never issued, in part": Row(
            reply(answer(ASKED, revoked("19700101000000Z", 6)), by=CA), {"never_issued_malformed"}
        ),
        # Times.
        "thisUpdate tomorrow": Row(
            reply(answer(ASKED, this=DAY), by=CA, produced=DAY),
            {"this_update_future", "produced_at_future"},
            (OK, TOO_EARLY),
        ),
        "nextUpdate yesterday": Row(
            reply(answer(ASKED, this=-8 * DAY, following=-DAY), by=CA, produced=-8 * DAY),
            {"next_update_past"},
            (OK, EXPIRED),
        ),
        "within the skew": Row(reply(answer(ASKED, this=HOUR / 15), by=CA, produced=HOUR / 15)),
        "no nextUpdate": Row(reply(answer(ASKED, following=None), by=CA), {"next_update_missing"}),
        "valid for an hour": Row(
            reply(answer(ASKED, this=-HOUR / 2, following=HOUR / 2), by=CA, produced=-HOUR / 2), {"validity_short"}
        ),
        "valid for a month": Row(reply(answer(ASKED, following=30 * DAY), by=CA), {"validity_long_unless_ca"}),
        "nextUpdate before thisUpdate": Row(
            # OpenSSL says that nextUpdate is before thisUpdate only if the other comparisons hold, which they cannot.
            reply(answer(ASKED, this=-HOUR, following=-2 * HOUR), by=CA, produced=-3 * HOUR),
            {"next_update_before_this_update", "next_update_past", "produced_at_before_this_update"},
            (OK, EXPIRED),
        ),
        # Nonces.
        "another nonce": Row(
            reply(good, by=CA, nonce=b"4321"), {"nonce_mismatch"}, (BAD_NONCE,), request(ASKED, nonce=b"1234")
        ),
        "no nonce": Row(reply(good, by=CA), {"nonce_missing"}, (OK, NO_NONCE), request(ASKED, nonce=b"1234")),
        "a nonce nobody sent": Row(reply(good, by=CA, nonce=b"4321"), {"nonce_unasked"}),
        # Form.
        "an error with content": Row(wire.response(seq(), status=2), {"error_with_content"}, None),
        "version 2": Row(
            wire.response(wire.basic(good, version=b"\2\1\1", produced=wire.gtime(stamp(NOW)))),
            {"version_unknown", "signature_not_checked:signer_unknown"},
            None,
        ),
        "lengths not in DER": Row(loose(reply(good, by=CA)), {"encoding_not_der"}),
        "indefinite length outside": Row(
            wire.indefinite(0x30, reply(good, by=CA)[content(reply(good, by=CA)) :]), {"encoding_not_der"}, None
        ),
        "indefinite length within what is signed": Row(
            indefinite_within(), {"encoding_not_der", "signature_not_checked:encoding"}, None
        ),
        "a certificate that cannot be read": Row(unreadable(good), {"signature_not_checked:signer_unreadable"}, None),
    }


def content(der: bytes) -> int:
    return 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)


def loose(der: bytes) -> bytes:
    """The same with a length of one octet more."""
    start = content(der)
    size = (len(der) - start).to_bytes(3, "big")
    return der[:1] + bytes((0x83,)) + size + der[start:]


def indefinite_within() -> bytes:
    """ResponseData in indefinite form, and the signature over these octets: in DER they are others."""
    tbs = wire.indefinite(0x30, CA.by_key(), wire.gtime(stamp(NOW - HOUR)), seq(answer(ASKED)))
    identifier, sign = ALGORITHMS["ecdsa sha256"]
    return wire.response(seq(tbs, identifier, tlv(3, b"\0" + sign(CA.key, tbs))))


def unreadable(good: bytes) -> bytes:
    tbs = seq(DELEGATE.by_key(), wire.gtime(stamp(NOW - HOUR)), seq(good))
    identifier, sign = ALGORITHMS["ecdsa sha256"]
    certs = tlv(0xA0, seq(seq(b"\4\1x")))
    return wire.response(seq(tbs, identifier, tlv(3, b"\0" + sign(DELEGATE.key, tbs)), certs))


ROWS = rows()


def knowing(*cas: Party) -> MemoryLookup:
    lookup = MemoryLookup()
    for number, ca in enumerate(cas, 1):
        decoded = decode_certificate(ca.der, 0)
        issuer = Issuer(number, decoded.facts.subject_name, "")
        lookup.add_issuer(issuer, decoded.subject_der, decoded.key_octets, ca.der)
    return lookup


def audited(row: Row, lookup: MemoryLookup | None = None, now_s: int = NOW_S, **settings: float) -> set[str]:
    """What is found about any exchange of the conversation."""
    conversed = conversation(row.asked, row.answered, now_s)
    exchanges = [each for each in OcspDecoder(OcspSettings()).feed(conversed) if isinstance(each, OcspExchange)]
    assert exchanges
    stage = AuditStage(AuditSettings(**settings), knowing(*TRUSTED) if lookup is None else lookup)  # type: ignore[arg-type]
    return {finding.value for audit in stage.feed(exchanges, conversed) for finding in audit or ()}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_found(name: str) -> None:
    assert audited(ROWS[name]) == ROWS[name].expected


@pytest.mark.parametrize("name", ROWS)
def test_a_second_time_says_the_same(name: str) -> None:
    """The reply is remembered then, and what was found about it."""
    row = ROWS[name]
    conversed, decoder = conversation(row.asked, row.answered), OcspDecoder(OcspSettings())
    stage = AuditStage(AuditSettings(), knowing(*TRUSTED))
    for _ in range(2):
        exchanges = [each for each in decoder.feed(conversed) if isinstance(each, OcspExchange)]
        found = {finding.value for audit in stage.feed(exchanges, conversed) for finding in audit or ()}
        assert found == row.expected


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.says is not None])
def test_what_openssl_says(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    assert row.says is not None
    (tmp_path / "asked.der").write_bytes(row.asked)
    (tmp_path / "answered.der").write_bytes(row.answered)
    (tmp_path / "ca.pem").write_bytes(row.ca.pem)
    # It compares nonces only with a request that it is given, and times only with one that it makes itself.
    has_nonce = {BAD_NONCE, NO_NONCE}.intersection(row.says)
    question = ["-reqin", "asked.der"] if has_nonce else ["-serial", str(SERIAL)]
    told = subprocess.run(
        ["openssl", "ocsp", "-respin", "answered.der", "-issuer", "ca.pem", *question, "-CAfile", "ca.pem",
         "-attime", str(NOW_S), "-no_nonce"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    said = told.stdout + told.stderr
    everything = (OK, FAILED, EXPIRED, TOO_EARLY, BAD_NONCE, NO_NONCE, ABSENT)
    found = {phrase for phrase in everything if phrase in said}
    found -= set() if has_nonce else {BAD_NONCE, NO_NONCE}
    assert found == set(row.says), said
