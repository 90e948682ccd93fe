"""pyca/cryptography as an oracle: where it accepts a message we read the same; where it refuses one it is known why.

Known differences, all on purpose (reference: ocsp-on-the-wire.md): pyca refuses, and we read,
 - requests with no or several CertIDs (NotImplementedError), an explicit version v1, other versions,
 - hash algorithms it does not know (UnsupportedAlgorithm on attribute access), among them MD5,
 - trailing bytes, lengths and INTEGERs that are not minimal, indefinite lengths, constructed strings,
 - the unused status 4 and statuses above 6, a successful reply without responseBytes, other response types,
 - several SingleResponses through the attributes of the response (only through its iterator),
 - times that are no moment, names that cannot be read, extensions whose content it cannot parse, repeated extensions.
pyca reads as text, and we show as hex: values in a Name whose type is no string (OCTET STRING, UTCTime).
pyca reads, and we refuse: nothing that is known; 330,000 mutations showed none.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from sensor.ocsp.model import CertId, OcspError, OcspRequest, OcspResponse, SingleResponse
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.pki.serial import render_serial
from sensor.settings import OcspSettings
from tests.ocsp.vectors import REPLIES, REQUESTS, read_vector

LIMITS = OcspSettings()
DER = serialization.Encoding.DER
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def nanoseconds(when: datetime.datetime | None) -> int | None:
    return None if when is None else (when - EPOCH) // datetime.timedelta(microseconds=1) * 1000


def serial_text(number: int) -> str:
    return render_serial(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def same_id(ours: CertId, theirs: ocsp.OCSPRequest | ocsp.OCSPSingleResponse | ocsp.OCSPResponse) -> None:
    assert ours.issuer_name_hash == theirs.issuer_name_hash
    assert ours.issuer_key_hash == theirs.issuer_key_hash
    if "..." not in ours.serial_number:
        assert ours.serial_number == serial_text(theirs.serial_number)
    try:
        assert ours.hash_algorithm.replace("-", "_") == theirs.hash_algorithm.name.replace("-", "_")
    except UnsupportedAlgorithm:  # MD5, SHA-3 and what it never heard of: ours is a name or dotted text
        assert ours.hash_algorithm


def same_extensions(ours: tuple[str, ...], holder: object, attribute: str) -> x509.Extensions | None:
    try:
        extensions: x509.Extensions = getattr(holder, attribute)
    except (ValueError, x509.DuplicateExtension):
        return None
    assert ours == tuple(each.oid.dotted_string for each in extensions)
    return extensions


def nonce_of(extensions: x509.Extensions) -> bytes | None:
    for each in extensions:
        if isinstance(each.value, x509.OCSPNonce):
            return each.value.nonce
    return None


def same_request(ours: OcspRequest, theirs: ocsp.OCSPRequest) -> None:
    assert ours.cert_ids_total == 1
    same_id(ours.cert_ids[0], theirs)
    extensions = same_extensions(ours.extensions, theirs, "extensions")
    if extensions is not None:
        assert ours.nonce == nonce_of(extensions)


def same_answer(ours: SingleResponse, theirs: ocsp.OCSPSingleResponse) -> None:
    same_id(ours.cert_id, theirs)
    assert ours.cert_status.name == theirs.certificate_status.name.lower()
    assert ours.revocation_time == nanoseconds(theirs.revocation_time_utc)
    assert ours.this_update == nanoseconds(theirs.this_update_utc)
    assert ours.next_update == nanoseconds(theirs.next_update_utc)
    try:
        reason = theirs.revocation_reason
    except ValueError:  # a number that is not assigned: ours is its decimal text
        assert ours.revocation_reason is not None
        assert ours.revocation_reason.lstrip("-").isdigit()
        return
    assert ours.revocation_reason == (None if reason is None else reason.value)


def same_response(ours: OcspResponse, theirs: ocsp.OCSPResponse) -> None:
    assert ours.status == theirs.response_status.value
    if ours.status:
        return
    assert ours.produced_at == nanoseconds(theirs.produced_at_utc)
    assert ours.tbs_der == theirs.tbs_response_bytes
    assert ours.signature == theirs.signature
    assert ours.signature_oid == theirs.signature_algorithm_oid.dotted_string
    key = theirs.responder_key_hash
    try:
        name = theirs.responder_name
    except (ValueError, TypeError):  # a Name that cannot be read: ours is its hex, or has the hex of one value
        assert ours.responder_id is not None
        assert ours.responder_id.startswith("byName:")
    else:
        text = "byName:" + name.rfc4514_string() if key is None and name else "byKey:" + (key or b"").hex().upper()
        assert ours.responder_id == text or "=#" in (ours.responder_id or "")
    answers = list(theirs.responses)
    assert ours.responses_total == len(answers)
    for our, their in zip(ours.responses, answers, strict=False):
        same_answer(our, their)
    try:
        certificates = theirs.certificates
    except ValueError:  # ours are not parsed
        certificates = None
    if certificates is not None:
        assert ours.certs == tuple(each.public_bytes(DER) for each in certificates)
    extensions = same_extensions(ours.extensions, theirs, "extensions")
    if extensions is not None:
        assert ours.nonce == nonce_of(extensions)
    if len(ours.responses) == 1:
        same_extensions(ours.responses[0].extensions, theirs, "single_extensions")


REFUSED_BY_PYCA = {
    "req-multi-sha1.der": NotImplementedError,
    "req-invalid-version.der": ValueError,
    "resp-invalid-version.der": ValueError,
    "resp-successful-no-response-bytes.der": ValueError,
    "resp-response-type-unknown-oid.der": ValueError,
    "resp-unknown-response-status.der": ValueError,
}


@pytest.mark.parametrize("vector", REQUESTS)
def test_request_vectors(vector: str) -> None:
    ours = decode_request(read_vector(vector), LIMITS)
    if vector in REFUSED_BY_PYCA:
        with pytest.raises(REFUSED_BY_PYCA[vector]):
            ocsp.load_der_ocsp_request(read_vector(vector))
        assert ours.cert_ids_total >= 1
        return
    same_request(ours, ocsp.load_der_ocsp_request(read_vector(vector)))


@pytest.mark.parametrize("vector", REPLIES)
def test_reply_vectors(vector: str) -> None:
    ours = decode_response(read_vector(vector), LIMITS)
    if vector in REFUSED_BY_PYCA:
        with pytest.raises(REFUSED_BY_PYCA[vector]):
            list(ocsp.load_der_ocsp_response(read_vector(vector)).responses)
        return
    same_response(ours, ocsp.load_der_ocsp_response(read_vector(vector)))


def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())

    def make(common_name: str) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Own, Test CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2027, 1, 1))
            .sign(key, hashes.SHA256())
        )

    return make("Own, Test CA"), key, make("leaf.example")


CA, KEY, LEAF = authority()
SHA1 = hashes.SHA1()  # noqa: S303  (what nearly all CertIDs use)
HASHES = [SHA1, hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]


@pytest.mark.parametrize("algorithm", HASHES, ids=lambda each: each.name)
@pytest.mark.parametrize("nonce", [None, b"n" * 16, b"n" * 128])
def test_requests_built_by_pyca(algorithm: hashes.HashAlgorithm, nonce: bytes | None) -> None:
    builder = ocsp.OCSPRequestBuilder().add_certificate(LEAF, CA, algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    built = builder.build()
    ours = decode_request(built.public_bytes(DER), LIMITS)
    same_request(ours, built)
    assert ours.nonce == nonce


def replies() -> Iterator[bytes]:
    this = datetime.datetime(2026, 5, 28, 1, 2, 3)
    following = datetime.datetime(2026, 6, 4)
    for algorithm in HASHES:
        for encoding in ocsp.OCSPResponderEncoding:
            for status, when, reason in (
                (ocsp.OCSPCertStatus.GOOD, None, None),
                (ocsp.OCSPCertStatus.UNKNOWN, None, None),
                (ocsp.OCSPCertStatus.REVOKED, this, None),
                *((ocsp.OCSPCertStatus.REVOKED, this, each) for each in x509.ReasonFlags if algorithm is HASHES[0]),
            ):
                builder = ocsp.OCSPResponseBuilder().add_response(
                    LEAF, CA, algorithm, status, this, None if reason else following, when, reason
                )
                builder = builder.responder_id(encoding, CA).add_extension(x509.OCSPNonce(b"12345"), False)
                if reason is None:
                    builder = builder.certificates([CA, LEAF])
                yield builder.sign(KEY, hashes.SHA384()).public_bytes(DER)
    for unsuccessful in ocsp.OCSPResponseStatus:
        if unsuccessful is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            yield ocsp.OCSPResponseBuilder.build_unsuccessful(unsuccessful).public_bytes(DER)


BUILT_REPLIES = list(replies())


def test_replies_built_by_pyca() -> None:
    assert len(BUILT_REPLIES) > 40
    for data in BUILT_REPLIES:
        same_response(decode_response(data, LIMITS), ocsp.load_der_ocsp_response(data))


def damage(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        place = generator.randrange(len(changed))
        how = generator.randrange(5)
        if how == 0:
            changed[place] = generator.randrange(256)
        elif how == 1:
            changed[place] ^= 1 << generator.randrange(8)
        elif how == 2:
            del changed[place]
        elif how == 3:
            changed.insert(place, generator.randrange(256))
        else:
            changed[place] = (changed[place] + generator.choice((-1, 1))) & 0xFF
    return bytes(changed)


@pytest.mark.parametrize("vector", REQUESTS)
def test_mutated_requests(vector: str) -> None:
    generator = random.Random(vector)
    for _ in range(400):
        data = damage(read_vector(vector), generator)
        try:
            theirs = ocsp.load_der_ocsp_request(data)
        except (ValueError, NotImplementedError):
            with suppress(OcspError):  # and nothing else
                decode_request(data, LIMITS)
            continue
        same_request(decode_request(data, LIMITS), theirs)


@pytest.mark.parametrize("which", [*REPLIES, *range(0, len(BUILT_REPLIES), 7)])
def test_mutated_replies(which: str | int) -> None:
    generator = random.Random(str(which))
    seed = read_vector(which) if isinstance(which, str) else BUILT_REPLIES[which]
    for _ in range(200):
        data = damage(seed, generator)
        try:
            theirs = ocsp.load_der_ocsp_response(data)
            if theirs.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
                list(theirs.responses)
        except (ValueError, NotImplementedError):
            with suppress(OcspError):
                decode_response(data, LIMITS)
            continue
        same_response(decode_response(data, LIMITS), theirs)
