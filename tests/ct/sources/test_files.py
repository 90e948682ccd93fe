"""sensor.ct.sources.files: what a file is, by its content; what a folder holds; what is nobody's."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs7

from sensor.ct.sources import DerItem, Form, Item, Refusal, WordsItem
from sensor.ct.sources.files import Input, Skipped, find_inputs, read_input
from sensor.pki.der import SEQUENCE, DerReader
from sensor.settings import CtSettings
from tests.ct.pki import LEAF_KEY, START, make_root, name, pem
from tests.ct.sources.test_crtsh import identity_row, rows_of, serial_row

ROOT = make_root("Root One")
LEAF = ROOT.issue("a.example")
BUNDLE = [x509.load_der_x509_certificate(der) for der in (ROOT.der, LEAF)]
SETTINGS = CtSettings()


def read(path: Path | str, asked: bool = True, settings: CtSettings = SETTINGS) -> list[Item | Skipped]:
    found = read_input(Input(str(path), asked), settings)
    return [each for each in found if not isinstance(each, Form)]


def version_1() -> bytes:
    """A certificate without extensions; pyca writes version 3 all the same, so the version is cut out."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("v1"))
        .issuer_name(ROOT.subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(5)
        .not_valid_before(START)
        .not_valid_after(START)
    )
    der = builder.sign(ROOT.key, ROOT.digest()).public_bytes(Encoding.DER)
    reader = DerReader(der, 10)
    start = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    inner = reader.enter(SEQUENCE, start, len(der), "TBSCertificate")
    end = reader.stop
    reader.read(inner, end)
    return sequence(sequence(der[reader.stop : end]) + der[end:])


def sequence(content: bytes) -> bytes:
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


@pytest.mark.parametrize("suffix", ["", ".txt", ".pem", ".json"])
@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (LEAF, [DerItem]),
        (pem(LEAF), [DerItem]),
        (b"text before\n" + pem(LEAF) * 3, [DerItem] * 3),
        (pkcs7.serialize_certificates(BUNDLE, Encoding.DER), [DerItem] * 2),
        (pkcs7.serialize_certificates(BUNDLE, Encoding.PEM), [DerItem] * 2),
        (rows_of(identity_row(ROOT, 5, "a.example")), [WordsItem]),
        (b"\xef\xbb\xbf\r\n " + rows_of(identity_row(ROOT, 5, "a.example")), [WordsItem]),
        (rows_of(serial_row("05")), [Refusal]),
    ],
)
def test_content_says_what_a_file_is(tmp_path: Path, suffix: str, content: bytes, kinds: list[type]) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    for asked in (True, False):
        assert [type(item) for item in read(path, asked)] == kinds


def test_a_bundle_labelled_as_a_certificate(tmp_path: Path) -> None:
    """Windows' certutil does so."""
    path = tmp_path / "chain.cer"
    text = pkcs7.serialize_certificates(BUNDLE, Encoding.PEM).replace(b"PKCS7", b"CERTIFICATE")
    path.write_bytes(text)
    assert [type(item) for item in read(path)] == [DerItem, DerItem]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "no certificate, and nothing else that is known here"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100_000, "no certificate, and nothing else that is known here"),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "no certificate, and nothing else that is known here",
        ),
        (json.dumps({"name": "package"}).encode(), "JSON of no kind that is known"),
        (b"\x30\x82\xff\xff\x02", "no certificate, and nothing else that is known here"),
    ],
)
def test_what_is_nothing_of_ours(tmp_path: Path, content: bytes, reason: str) -> None:
    """Refused if asked for by name, skipped where a folder was."""
    path = tmp_path / "file"
    path.write_bytes(content)
    (item,) = read(path)
    assert isinstance(item, Refusal)
    assert item.reason == reason
    assert read(path, asked=False) == [Skipped(str(path))]


def test_version_1_among_other_der(tmp_path: Path) -> None:
    """Nothing but its shape tells it from a CRL, a request and a key."""
    crl = x509.CertificateRevocationListBuilder().issuer_name(ROOT.subject).last_update(START).next_update(START)
    request = x509.CertificateSigningRequestBuilder().subject_name(ROOT.subject)
    key = LEAF_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for content, kind in (
        (version_1(), DerItem),
        (crl.sign(ROOT.key, ROOT.digest()).public_bytes(Encoding.DER), Skipped),
        (request.sign(ROOT.key, ROOT.digest()).public_bytes(Encoding.DER), Skipped),
        (key, Skipped),
        (LEAF_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), Skipped),
    ):
        path = tmp_path / "file.crt"
        path.write_bytes(content)
        assert [type(item) for item in read(path, asked=False)] == [kind]
        assert [type(item) for item in read(path)] == [DerItem if kind is DerItem else Refusal]


def test_files_beyond_the_limits(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (LEAF, rows_of(identity_row(ROOT, 5, "a.example"))):
        path.write_bytes(content)
        assert read(path, settings=CtSettings(max_document_bytes=len(content) - 1)) == [Refusal("too long")]
        assert len(read(path, settings=CtSettings(max_document_bytes=len(content)))) == 1
    path.write_bytes(b"[" + b" " * 300_000)
    assert read(path, settings=CtSettings(max_document_bytes=200_000)) == [Refusal("too long")]


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "deep").mkdir()
    for where in ("z.pem", "a.pem", "b/one", "b/deep/two"):
        (tmp_path / where).write_bytes(pem(LEAF))
    (tmp_path / "link.pem").symlink_to("a.pem")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "b" / "around").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    found = list(find_inputs([str(tmp_path)]))
    assert [str(Path(item.path).relative_to(tmp_path)) for item in found if isinstance(item, Input)] == [
        "a.pem",
        "link.pem",
        "z.pem",
        "b/one",
        "b/deep/two",
    ]
    assert {str(Path(item.path).relative_to(tmp_path)) for item in found if isinstance(item, Skipped)} == {
        "dangling",
        "fifo",
    }


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (found,) = find_inputs([str(tmp_path / "none")])
    assert isinstance(found, Input)
    assert list(read_input(found, SETTINGS)) == [Refusal("No such file or directory")]
    assert read(tmp_path) == [Refusal("Is a directory")]


def test_a_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content = pem(LEAF) * 200

    def feed() -> None:
        with fifo.open("wb", buffering=0) as out:
            for start in range(0, len(content), 1000):
                out.write(content[start : start + 1000])

    feeder = threading.Thread(target=feed)
    feeder.start()
    (found,) = find_inputs([str(fifo)])
    assert isinstance(found, Input)
    assert len(list(read_input(found, SETTINGS))) == 1 + 200
    feeder.join()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(pem(LEAF))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert [type(item) for item in read("-")] == [DerItem]
