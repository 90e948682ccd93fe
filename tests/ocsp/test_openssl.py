"""Every decoded field against what the openssl command prints of the same message."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sensor.ocsp.model import OcspError
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp.openssl_text import openssl, our_request, our_response, print_request, print_response
from tests.ocsp.vectors import REPLIES, REQUESTS, read_vector
from tests.ocsp.wire import (
    NONCE,
    UNKNOWN,
    basic,
    by_key,
    by_name,
    cert_id,
    extension,
    gtime,
    indefinite,
    integer,
    name,
    octets,
    oid,
    request,
    response,
    revoked,
    seq,
    single,
    tlv,
)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
LIMITS = OcspSettings()
REASONS = [
    "unspecified",
    "keyCompromise",
    "CACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "removeFromCRL",
]
SERIALS = ["01", "7F", "80", "92CF", "0C0099B7", "F" * 32, "9239D5348F40D1695A745470E1F23F43", "01" * 20]


class Authority(NamedTuple):
    """A CA made by openssl, with an index that has good and revoked serials."""

    folder: Path

    def request(self, *args: str) -> bytes:
        out = self.folder / "made-request.der"
        done = openssl("ocsp", "-issuer", self.folder / "ca.pem", *args, "-reqout", out)
        assert out.exists(), done.stderr
        data = out.read_bytes()
        out.unlink()
        return data

    def reply(self, asked: bytes, *args: str) -> bytes:
        ca, out, path = self.folder / "ca.pem", self.folder / "made-reply.der", self.folder / "asked.der"
        path.write_bytes(asked)
        signer = () if "-rsigner" in args else ("-rsigner", ca, "-rkey", self.folder / "ca.key")
        done = openssl(
            *("ocsp", "-index", self.folder / "index.txt", "-CA", ca, *signer, "-reqin", path, "-respout", out),
            *(args or ("-ndays", "3")),
        )
        assert out.exists(), done.stderr
        data = out.read_bytes()
        out.unlink()
        return data


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    for file, subject in (("ca", "/C=AT/O=Own Test/CN=Test CA"), ("other", "/CN=delegate"), ("client", "/CN=client 7")):
        made = openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"),
            *("-keyout", folder / f"{file}.key", "-out", folder / f"{file}.pem", "-subj", subject),
        )
        assert made.returncode == 0, made.stderr
    rows = [f"V\t360101000000Z\t\t{serial}\tunknown\t/CN=good" for serial in SERIALS]
    rows += [
        f"R\t360101000000Z\t2605{10 + i}120000Z,{reason}\tAA{i:02X}\tunknown\t/CN=gone"
        for i, reason in enumerate(REASONS)
    ]
    rows.append("R\t360101000000Z\t260531235959Z\tAAFF\tunknown\t/CN=gone")
    (folder / "index.txt").write_text("\n".join(rows) + "\n")
    (folder / "index.txt.attr").write_text("unique_subject = no\n")
    return Authority(folder)


def check_request(data: bytes, folder: Path) -> None:
    printed = print_request(data, folder)
    assert printed is not None
    assert our_request(decode_request(data, LIMITS)) == printed


def check_reply(data: bytes, folder: Path) -> None:
    printed = print_response(data, folder)
    assert printed is not None
    assert our_response(decode_response(data, LIMITS)) == printed


@pytest.mark.parametrize("digest", ["-sha1", "-sha256", "-sha384", "-sha512", "-md5", "-sha224", "-sha3-256", "-sm3"])
def test_requests_made_by_openssl(authority: Authority, digest: str) -> None:
    serials = [part for serial in SERIALS for part in ("-serial", "0x" + serial)]
    check_request(authority.request(digest, *serials, "-no_nonce"), authority.folder)
    check_request(authority.request(digest, "-serial", "12345678901234567890", "-nonce"), authority.folder)


def test_signed_requests_made_by_openssl(authority: Authority) -> None:
    signer = ("-signer", str(authority.folder / "client.pem"), "-signkey", str(authority.folder / "client.key"))
    data = authority.request("-serial", "7", *signer)
    found = decode_request(data, LIMITS)
    assert (found.requestor_name, found.signed) == ("DirName:CN=client 7", True)
    check_request(data, authority.folder)


@pytest.mark.parametrize("serial", ["0x" + each for each in SERIALS])
def test_good_replies_made_by_openssl(authority: Authority, serial: str) -> None:
    asked = authority.request("-serial", serial)
    data = authority.reply(asked)
    assert decode_response(data, LIMITS).responses[0].cert_id == decode_request(asked, LIMITS).cert_ids[0]
    check_reply(data, authority.folder)


@pytest.mark.parametrize("i", range(len(REASONS)))
def test_revoked_replies_made_by_openssl(authority: Authority, i: int) -> None:
    data = authority.reply(authority.request("-serial", f"0xAA{i:02X}", "-no_nonce"))
    assert decode_response(data, LIMITS).responses[0].revocation_reason in {REASONS[i], "c" + REASONS[i][1:]}
    check_reply(data, authority.folder)


@pytest.mark.parametrize(
    "args",
    [
        ("-resp_key_id",),
        ("-resp_no_certs", "-nmin", "5"),
        ("-rmd", "sha384", "-ndays", "7"),
        ("-rcid", "sha256"),
        ("-rother", "{folder}/client.pem"),
        ("-rsigner", "{folder}/other.pem", "-rkey", "{folder}/other.key", "-nmin", "60"),
    ],
)
def test_other_replies_made_by_openssl(authority: Authority, args: tuple[str, ...]) -> None:
    asked = authority.request("-serial", "0xAAFF", "-serial", "0x7F", "-serial", "0xDEAD", "-serial", "0xAA01")
    data = authority.reply(asked, *(arg.format(folder=authority.folder) for arg in args))
    found = decode_response(data, LIMITS)
    assert [each.cert_status.value for each in found.responses] == ["revoked", "good", "unknown", "revoked"]
    check_reply(data, authority.folder)


@pytest.mark.parametrize("vector", REQUESTS)
def test_request_vectors(vector: str, tmp_path: Path) -> None:
    check_request(read_vector(vector), tmp_path)


@pytest.mark.parametrize("vector", REPLIES)
def test_reply_vectors(vector: str, tmp_path: Path) -> None:
    data = read_vector(vector)
    printed = print_response(data, tmp_path)
    if printed is None:  # OpenSSL prints nothing of a reply without, or with another, basic response
        assert decode_response(data, LIMITS).responses == ()
        return
    check_reply(data, tmp_path)


OWN_REQUESTS = {
    "explicit version": request(cert_id(7), version=integer(0)),
    "version 2": request(cert_id(7), version=integer(1)),
    "no NULL": request(cert_id(7, parameters=b"")),
    "other parameters": request(cert_id(7, parameters=octets(b"x"))),
    "several": request(*(cert_id(i) for i in range(20))),
    "none": request(),
    "unknown hash": request(cert_id(7, "1.2.3.4.5")),
    "long hashes": request(cert_id(7, "2.16.840.1.101.3.4.2.3", name_hash=b"n" * 64, key_hash=b"k" * 64)),
    "negative": request(cert_id(-129)),
    "zero": request(cert_id(0)),
    "long serial": request(cert_id(b"\x77" * 64)),
    "requestor": request(cert_id(7), requestor=tlv(0xA4, name("client"))),
    "single extensions": request(cert_id(7), cert_id(8), single_exts=(extension("1.2.3.4", b"x"),)),
    "critical": request(cert_id(7), exts=(extension(NONCE, octets(b"n"), critical=True), extension("1.2.3", b"x"))),
    "empty nonce": request(cert_id(7), exts=(extension(NONCE, octets(b"")),)),
    "raw nonce": request(cert_id(7), exts=(extension(NONCE, b"rawrawraw"),)),
    "trailing": request(cert_id(7)) + b"\r\n",
    "long length": b"\x30\x84\x00\x00\x00" + request(cert_id(7))[1:],
    "indefinite": indefinite(0x30, indefinite(0x30, indefinite(0x30, indefinite(0x30, cert_id(7))))),
    "empty hashes": request(cert_id(7, name_hash=b"", key_hash=b"")),
    "constructed": request(
        seq(
            seq(oid("1.3.14.3.2.26")),
            indefinite(0x24, octets(b"a" * 10), octets(b"b" * 10)),
            tlv(0x24, octets(b"k" * 20)),
            integer(7),
        )
    ),
}


@pytest.mark.parametrize("which", OWN_REQUESTS)
def test_requests_of_our_own(which: str, tmp_path: Path) -> None:
    check_request(OWN_REQUESTS[which], tmp_path)


OWN_REPLIES = {
    "several": response(basic(single(cert_id(0), UNKNOWN), single(cert_id(1), revoked()), single(cert_id(2)))),
    "all reasons": response(basic(*(single(cert_id(i), revoked(reason=i)) for i in (0, 1, 2, 3, 4, 5, 6, 8)))),
    "conflicting": response(basic(single(cert_id(7)), single(cert_id(7), UNKNOWN))),
    "none": response(basic()),
    "no next update": response(basic(single(cert_id(7), nxt=b""))),
    "version 2": response(basic(single(cert_id(7)), version=integer(1))),
    "by name": response(basic(single(cert_id(7)), responder=by_name(name("Responder")))),
    "empty name": response(basic(single(cert_id(7)), responder=by_name(b"\x30\x00"))),
    "empty key": response(basic(single(cert_id(7)), responder=by_key(b""))),
    "extensions": response(
        basic(
            single(
                cert_id(7),
                exts=(
                    extension("1.3.6.1.5.5.7.48.1.6", gtime("20250101000000Z")),
                    extension("1.3.6.1.5.5.7.48.1.3", seq(tlv(0xA0, tlv(0x16, b"http://c.example/1.crl")))),
                    extension("2.5.29.21", tlv(10, b"\1")),
                ),
            ),
            exts=(extension(NONCE, octets(b"12345678")), extension("1.3.6.1.5.5.7.48.1.9", b"\5\0")),
        )
    ),
    "unauthorized": response(status=6),
    "trailing": response(basic(single(cert_id(7)))) + b"\n",
    "far": response(basic(single(cert_id(7), this=gtime("00010101000000Z"), nxt=tlv(0xA0, gtime("99991231235959Z"))))),
}  # fmt: skip


@pytest.mark.parametrize("which", OWN_REPLIES)
def test_replies_of_our_own(which: str, tmp_path: Path) -> None:
    check_reply(OWN_REPLIES[which], tmp_path)


def mutations(seed: bytes, count: int, generator: random.Random) -> list[bytes]:
    found = []
    for _ in range(count):
        changed = bytearray(seed)
        for _ in range(generator.choice((1, 1, 2, 3))):
            changed[generator.randrange(len(changed))] = generator.choice(
                (0, 1, 2, 0x30, 0x80, 0xFF, generator.randrange(256))
            )
        found.append(bytes(changed))
    return found


@pytest.mark.parametrize("seed", ["explicit version", "several", "requestor", "critical"])
def test_mutated_requests(seed: str, tmp_path: Path) -> None:
    """What OpenSSL reads we read, to the same certificates; what it refuses we may read (tolerance is the point)."""
    both = 0
    for data in mutations(OWN_REQUESTS[seed], 60, random.Random(seed)):
        printed = print_request(data, tmp_path)
        if printed is None:
            continue
        both += 1
        ours = our_request(decode_request(data, LIMITS))
        assert ours["ids"] == printed["ids"], data.hex()
    assert both > 10


@pytest.mark.parametrize("seed", ["several", "extensions", "by name"])
def test_mutated_replies(seed: str, tmp_path: Path) -> None:
    both = 0
    for data in mutations(OWN_REPLIES[seed], 60, random.Random(seed)):
        printed = print_response(data, tmp_path)
        if printed is None or "answers" not in printed:
            continue
        both += 1
        try:
            ours = our_response(decode_response(data, LIMITS))
        except OcspError as error:
            pytest.fail(f"{error.reason}: {data.hex()}")
        for told in (*ours["answers"], *printed["answers"]):  # type: ignore[misc]
            told.pop("crl")  # OpenSSL prints "." for what is not ASCII
        assert ours["answers"] == printed["answers"], data.hex()
    assert both > 10
