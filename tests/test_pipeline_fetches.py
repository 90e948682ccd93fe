"""What was fetched, by its bytes and not by its address, in its place in the pipeline."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.hostile.witness import Watched, conversation, watch
from tests.http.wire import get, reply
from tests.pki.crls import certificate, make


def fetched(body: bytes, kind: bytes = b"application/octet-stream") -> Watched:
    return watch(conversation(("c", get(b"/x")), ("s", reply(body, b"Content-Type: " + kind))))


@pytest.mark.parametrize("form", [Encoding.DER, Encoding.PEM])
def test_certificates_in_a_bundle_at_any_address(form: Encoding) -> None:
    body = pkcs7.serialize_certificates([x509.load_der_x509_certificate(certificate())], form)
    seen = fetched(body)
    assert [line["certificate.serial"] for line in seen.of("x509")]


def test_what_is_labelled_as_certificates_and_is_none_is_told() -> None:
    assert "x509_parse_error" in fetched(b"<html>", b"application/pkix-cert").weirds
    assert "x509_parse_error" not in fetched(b"<html>", b"text/html").weirds


def test_several_crls_in_one_file() -> None:
    ders = [make(range(1, 20)), make(range(100, 140)), make([7])]
    body = b"".join(
        b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n" for der in ders
    )
    seen = fetched(body)
    assert [line["entries"] for line in seen.of("crl")] == [19, 40, 1]
    assert len(seen.of("leak")) == 1  # it was one thing that was asked for
    assert "crl_more_follow" not in seen.weirds
