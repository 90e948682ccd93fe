"""Rows O5 to O8, O13 and O14: OCSP messages in odd encodings, cut, with more behind them, with octets flipped."""

from __future__ import annotations

import base64
import random

import pytest
from cryptography.x509 import ocsp as pyca

from sensor.pki.der import MAX_OID_TEXT
from tests.hostile.rows import Guard, Row
from tests.hostile.test_ocsp import ASKED, MANY, ODDITIES, exchanged
from tests.hostile.witness import TYPE, answering, asking, conversation, watch
from tests.http.wire import get, post, reply
from tests.ocsp.wire import NONCE, SHA256, basic, cert_id, extension, indefinite, octets, request, response, seq, single

DER = "sensor/pki/der.py"
LENGTHS = """                if length > end:  # it only grows: no arithmetic beyond the size of the data
                    raise DerError(TRUNCATED)
            if length < 0x80 or data[first] == 0:
                self.loose = True
        if length > end - pos:
"""
"""Either of them would do; the first is there for the time that arithmetic takes."""
ROWS = {
    "O5": Row(
        "BER, long lengths, high tags, lengths of 2^31 and 2^64",
        counters=("openssl_ocsp_request_parse_error",),
        guards=(
            Guard("sensor/ocsp/request.py", "if error.reason not in BER_REASONS:", "if True:"),
            Guard(DER, LENGTHS, LENGTHS.replace("length > end", "False and length > end")),
            Guard("sensor/pki/ber.py", "    if length > end - pos:", "    if False:"),
        ),
    ),
    "O6": Row(
        "depth 2,000; 30,000 empty elements",
        ("ocsp.max_depth", "ocsp.max_elements", "ocsp.max_bytes"),
        ("asn1_limit", "openssl_ocsp_request_parse_error"),
        (
            Guard("sensor/pki/ber.py", "if len(stack) >= max_depth:", "if False:"),
            Guard("sensor/pki/ber.py", "if max_elements < 0:", "if False:"),
            Guard("sensor/pki/der.py", "if self.left < 0:", "if False:"),
            Guard("sensor/ocsp/request.py", "    if len(data) > limits.max_bytes:", "    if False:"),
            Guard("sensor/ocsp/response.py", "    if len(data) > limits.max_bytes:", "    if False:"),
        ),
        tests=("ocsp/test_request.py::test_limits", "ocsp/test_response.py::test_limits"),
        note="Time at n and 2n: `tests/ocsp/test_hostile.py`",
    ),
    "O7": Row(
        "cut at each octet, octets behind, two in one",
        counters=("ocsp_trailing_data", "openssl_ocsp_request_parse_error"),
        guards=(Guard(ODDITIES, '"ocsp_trailing_data", f"request', '"odd", f"request'),),
    ),
    "O8": Row(
        "hashes of any name: SHA-256, SHA-384, an OID with 1,000 arcs",
        guards=(
            Guard("sensor/pki/der.py", "if len(content) > _MAX_OID_OCTETS or len(text) > MAX_OID_TEXT:", "if False:"),
            Guard("sensor/ocsp/elements.py", "HASH_NAMES.get(oid) or decode_oid(oid)", "HASH_NAMES[oid]"),
        ),
        note="Of an OID 128 characters are shown; that is no setting",
    ),
    "O13": Row(
        "any octet flipped, in requests, replies and GET paths",
        guards=(
            Guard(
                "sensor/ocsp/request.py",
                "BER_REASONS:\n            raise OcspError(error.reason, error.limit) from error",
                "BER_REASONS:\n            raise",
            ),
            Guard(
                "sensor/pki/der.py",
                "        if end - pos < 2:\n            raise DerError(TRUNCATED)\n        self.left",
                "        self.left",
            ),
        ),
        note="Fuzzing: `tests/fuzz`",
    ),
    "O14": Row(
        "the same as cryptography reads, wherever both read",
        guards=(Guard("sensor/pki/serial.py", "    if octets[0] & 0x80:\n", "    if False:\n"),),
        note="OpenSSL and tshark: `tests/ocsp`, `tests/peer`",
    ),
}


def test_o5_ber_is_read_and_told_apart_from_what_cannot_be() -> None:
    seven = request(cert_id(7))
    readable = (
        indefinite(0x30, indefinite(0x30, indefinite(0x30, indefinite(0x30, cert_id(7))))),
        b"\x30\x83\0\0" + bytes([len(seven) - 2]) + seven[2:],
    )
    for asked in readable:
        assert exchanged(asked).serials == ["07"]
    broken = (
        seq(b"\x1f\x81\x81\x01\0"),
        b"\x30\x84\x80\0\0\0" + b"x" * 50,
        b"\x30\x88" + b"\xff" * 8 + b"x" * 50,
        b"\x30\x80" + b"\x30\x80" * 100,
        b"\x30\x84\x80\0\0\0" + seven[2:],
        b"\x30\x88" + b"\xff" * 8 + seven[2:],
        b"\x30\x80\x30\x88" + b"\xff" * 8 + seven[4:],
    )
    for asked in broken:
        seen = exchanged(asked)
        assert seen.exchanges == []
        assert seen.weirds[0] in {"openssl_ocsp_request_parse_error", "asn1_limit"}


def test_o6_deep_and_wide() -> None:
    deep = b""
    for _ in range(2000):
        deep = seq(deep)
    wide = request(cert_id(7), exts=tuple(extension("1.2.3", b"") for _ in range(3000)))
    for asked in (deep, seq(b"\5\0" * 30_000)):
        assert exchanged(asked).weirds == ("openssl_ocsp_request_parse_error",)
    # Of no definite length, so that all of it is looked at before any of it is understood.
    for asked in (wide, b"\x30\x80" * 2000 + bytes(4000), b"\x30\x80" + b"\x30\x80\0\0" * 15_000 + b"\0\0"):
        assert exchanged(asked).weirds == ("asn1_limit",)


def test_o7_cut_at_each_octet() -> None:
    """No serial but the true one, and what cannot be read is told."""
    for stop in range(1, len(ASKED)):
        seen = exchanged(ASKED[:stop])
        assert set(seen.serials) <= {"01"}
        assert seen.exchanges or "openssl_ocsp_request_parse_error" in seen.weirds, stop


@pytest.mark.parametrize("behind", [b"x", b"\0" * 60_000, request(cert_id(8))], ids=["one", "many", "a second request"])
def test_o7_octets_behind(behind: bytes) -> None:
    seen = exchanged(ASKED + behind)
    assert seen.serials == ["01"]
    assert seen.weirds == ("ocsp_trailing_data",)


def test_o8_hashes_of_any_name() -> None:
    sha384 = "2.16.840.1.101.3.4.2.2"
    for oid, size, name in ((SHA256, 32, "sha256"), (sha384, 48, "sha384"), ("1.2.3.4", 7, "1.2.3.4")):
        seen = exchanged(request(cert_id(7, oid, name_hash=b"n" * size, key_hash=b"k" * size)))
        assert [(row["serial_number"], row["hash_algorithm"]) for row in seen.exchanges] == [("07", name)]
    seen = exchanged(request(cert_id(7, "1.2." + ".".join(["3"] * 1000))))
    assert seen.serials == ["07"]
    assert seen.exchanges[0]["hash_algorithm"] == ("1.2" + ".3" * 1000)[:MAX_OID_TEXT] + "..."


def test_o13_any_octet_flipped() -> None:
    dice = random.Random(13)
    good = response(basic(single(MANY[0])))
    path = b"/" + base64.b64encode(ASKED).replace(b"/", b"%2F")
    whole = 0
    for _ in range(150):
        harmed = []
        for message in (ASKED, good, path):
            octets_of = bytearray(message)
            octets_of[dice.randrange(len(octets_of))] ^= 1 << dice.randrange(8)
            harmed.append(bytes(octets_of))
        seen = watch(
            conversation(
                ("c", post(b"/", harmed[0], TYPE + b"request")),
                ("s", reply(harmed[1], TYPE + b"response")),
                ("c", get(harmed[2].replace(b" ", b"_").replace(b"\n", b"_").replace(b"\r", b"_"))),
                ("c", asking(9)),
                ("s", reply(b"")),
                ("s", answering(9)),
            )
        )
        assert "09" in seen.serials
        whole += len(seen.serials) >= 3
    assert whole > 50


def test_o14_wherever_cryptography_reads_it_reads_the_same() -> None:
    """Flipped octets again: what both accept has the same serial for both."""
    dice = random.Random(14)
    agreed = 0
    long = request(cert_id(0x5A << 120 | 7), exts=(extension(NONCE, octets(b"n" * 300)),))
    serial_at = long.index(b"\x02\x10\x5a") + 2
    for turn in range(150):
        harmed = bytearray(ASKED if turn < 50 else long)
        harmed[dice.randrange(min(len(harmed), 100))] ^= 1 << dice.randrange(8)
        if turn >= 100:
            harmed[serial_at + turn % 16] ^= 0x80
        seen = exchanged(bytes(harmed))
        try:
            serial = pyca.load_der_ocsp_request(bytes(harmed)).serial_number
        except ValueError:
            continue
        if seen.serials:
            assert int(str(seen.serials[0]), 16) == serial
            agreed += 1
    assert agreed > 80
