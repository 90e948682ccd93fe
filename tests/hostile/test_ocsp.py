"""Rows O1 to O14: OCSP messages as nobody should send them. tests/ocsp has the decoders by themselves."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest
from cryptography.x509 import ocsp as pyca

from sensor.pki.der import MAX_OID_TEXT
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, asking, conversation, watch, watch_files
from tests.http.wire import get, post, reply
from tests.ocsp.corpus import messages
from tests.ocsp.wire import (
    NONCE,
    SHA256,
    basic,
    cert_id,
    extension,
    gtime,
    indefinite,
    octets,
    request,
    response,
    revoked,
    seq,
    single,
    tlv,
)

E = "sensor/ocsp/exchange.py"
DER = "sensor/pki/der.py"
LENGTHS = """                if length > end:  # it only grows: no arithmetic beyond the size of the data
                    raise DerError(TRUNCATED)
            if length < 0x80 or data[first] == 0:
                self.loose = True
        if length > end - pos:
"""
"""Either of them would do; the first is there for the time that arithmetic takes."""
ODDITIES = "sensor/ocsp/oddities.py"
ROWS = {
    "O1": Row(
        "the OCSP captures of the corpus",
        guards=(
            Guard("sensor/ocsp/carriage.py", '_START = re.compile(rb"M', '_START = re.compile(rb"~'),
            Guard(E, "self._read_response_body(found, file, response)", "pass"),
        ),
        note="Frame by frame, with hashes and times: `peer/test_truth.py`",
    ),
    "O2": Row(
        "no CertID, 64, 65, 10,000; the same one again",
        ("ocsp.max_cert_ids", "http.max_request_body_bytes"),
        ("asn1_limit", "ocsp_empty_request", "ocsp_message_too_large"),
        (Guard(E, '"ocsp_message_too_large", f"request', '"odd", f"request'),),
    ),
    "O3": Row(
        "several answers, and contradicting ones for one CertID",
        ("ocsp.max_cert_ids", "http.max_response_body_bytes"),
        ("ocsp_conflicting_status", "asn1_limit"),
        (Guard(E, '"ocsp_conflicting_status"', '"odd"'),),
    ),
    "O4": Row(
        "serials of any length, zero, negative, empty, not minimal",
        ("ocsp.max_serial_octets",),
        counters=("asn1_limit", "ocsp_odd_serial", "audit: encoding_not_der"),
        guards=(
            Guard("sensor/ocsp/elements.py", "max_serial_octets)", "9999)"),
            Guard("sensor/ocsp/elements.py", "sha256(text.encode(", "sha256(text[:9].encode("),
            Guard(ODDITIES, "    if faults:", "    if False:"),
        ),
    ),
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
    "O9": Row(
        "error statuses, those that there are not, success without bytes",
        counters=("ocsp_illegal_status",),
        guards=(
            Guard(ODDITIES, "        if reply.status not in ASSIGNED:\n", "        if False:\n"),
            Guard(ODDITIES, "    elif reply.response_type is None:\n", "    elif False:\n"),
            Guard("sensor/ocsp/response.py", "if status or oid != OCSP_BASIC:", "if status:"),
        ),
    ),
    "O10": Row(
        "times that cannot be", counters=("ocsp_bad_time",), guards=(Guard(ODDITIES, '"ocsp_bad_time"', '"odd"'),)
    ),
    "O11": Row(
        "who asks: requestorName, signatures, nonces of any size, critical extensions",
        guards=(
            Guard(
                "sensor/ocsp/elements.py", "if reader.stop < pos and reader.data[reader.stop] == BOOLEAN:", "if False:"
            ),
            Guard(
                "sensor/ocsp/request.py",
                "    except DerError:  # the request stands without it\n",
                "    except ValueError:\n",
            ),
            Guard("sensor/ocsp/request.py", '        reader.enter(0xA0, tbs_end, end, "optionalSignature")\n', ""),
        ),
    ),
    "O12": Row(
        "an answer about another certificate, to another request, to none",
        counters=("ocsp_unmatched_response",),
        guards=(Guard(E, '"ocsp_unmatched_response"', '"odd"'),),
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
STATUS = {"0": "successful", "1": "malformedrequest"}
ASKED = request(cert_id(1))
MANY = tuple(cert_id(number) for number in range(1, 10_001))


def exchanged(asked: bytes | None = None, answered: bytes | None = None) -> Watched:
    said = [("c", post(b"/", ASKED if asked is None else asked, TYPE + b"request"))]
    if answered is not None:
        said.append(("s", reply(answered, TYPE + b"response")))
    return watch(conversation(*said))


@pytest.mark.needs("shared/corpus/ocsp_truth.json")
def test_o1_the_captures_of_the_corpus(shared: Path) -> None:
    """Serials, hosts and answers as tshark and a decoder of its own found them."""
    asked = {"ocsp-get", "ocsp-request"}
    for name in sorted({message.capture for message in messages()}):
        wanted = [message for message in messages() if message.capture == name]
        seen, _ = watch_files(shared / "corpus" / "captures" / name)
        rows = seen.logs.get("ocsp_exchange", [])
        told = sorted(
            (str(row["host"]), str(row["serial_number"])) for row in rows if row["evidence"] in {"request", "both"}
        )
        assert told == sorted((str(each.host), str(each.serial)) for each in wanted if each.kind in asked), name
        replies = sorted((str(row.get("serial_number")), row["response_status"]) for row in rows if "verified" in row)
        truly = [each for each in wanted if each.kind == "ocsp-response"]
        assert replies == sorted((str(each.serial), STATUS[each.fields["response_status"]]) for each in truly), name
    assert len(messages()) >= 38


@pytest.mark.parametrize(
    ("count", "told", "weird"),
    [(0, 1, "ocsp_empty_request"), (1, 1, None), (64, 64, None), (65, 64, "asn1_limit"), (800, 64, "asn1_limit")],
)
def test_o2_any_number_of_certificates(count: int, told: int, weird: str | None) -> None:
    seen = exchanged(request(*MANY[:count]))
    assert len(seen.exchanges) == told
    assert seen.weirds == (() if weird is None else (weird,))


def test_o2_what_is_not_kept_is_told() -> None:
    seen = exchanged(request(*MANY))
    assert seen.exchanges == []
    assert seen.weirds == ("ocsp_message_too_large",)


def test_o2_the_same_one_again_is_one() -> None:
    assert exchanged(request(MANY[6], MANY[6], MANY[6])).serials == ["07"]


def test_o3_several_answers() -> None:
    seen = exchanged(request(*MANY[:3]), response(basic(*(single(one) for one in MANY[:3]))))
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [
        (n, "both") for n in ("01", "02", "03")
    ]
    many = exchanged(None, response(basic(*(single(one) for one in MANY[:70]))))
    assert len(many.exchanges) == 64
    assert "asn1_limit" in many.weirds
    large = exchanged(None, response(basic(*(single(one) for one in MANY[:3000]))))
    assert "ocsp_message_too_large" in large.weirds


def test_o3_contradicting_answers() -> None:
    seen = exchanged(None, response(basic(single(MANY[0]), single(MANY[0], revoked()))))
    assert "ocsp_conflicting_status" in seen.weirds
    assert "answers_conflicting" in str(seen.exchanges[0]["audit"])


SERIALS = {
    b"\x01": "01",
    b"\x11" * 20: "11" * 20,
    b"\x00" + b"\xff" * 20: "FF" * 20,
    b"\x22" * 64: "22" * 64,
    b"\x33" * 65: "33" * 64 + "...797A4AAF5EF56598568F01673E7F9815",
    b"\x44" * 5000: "44" * 64 + "...A34438F8DD383B9ABA120822D0238165",
    b"\x00": "00",
    b"\xff\xfe": "-02",
    b"": "00",
    b"\x00\x00\x01": "01",
}


@pytest.mark.parametrize("serial", SERIALS, ids=lambda serial: f"{len(serial)} {serial[:3].hex()}")
def test_o4_serials(serial: bytes) -> None:
    seen = exchanged(request(cert_id(serial)), response(basic(single(cert_id(serial)))))
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [(SERIALS[serial], "both")]


ODD = ("ocsp_odd_serial",)


@pytest.mark.parametrize(
    ("serial", "weirds"),
    [
        (b"\x11" * 20, ()),
        (b"\0" + b"\xff" * 20, ()),
        (b"\x11" * 21, ODD),
        (b"\xff\xfe", ODD),
        (b"\x80" + bytes(30), ODD),
        (b"\x11" * 65, (*ODD, "asn1_limit")),
    ],
    ids=lambda value: str(len(value)),
)
def test_o4_what_no_serial_may_be_is_said(serial: bytes, weirds: tuple[str, ...]) -> None:
    """In the request as in the reply; weird.log has each name once."""
    seen = exchanged(request(cert_id(serial)), response(basic(single(cert_id(serial)))))
    assert seen.weirds == weirds


def test_o4_serials_that_differ_behind_the_limit_are_two() -> None:
    asked, told = b"\x11" * 70, b"\x11" * 69 + b"\x12"
    seen = exchanged(request(cert_id(asked)), response(basic(single(cert_id(told)))))
    assert [row["evidence"] for row in seen.exchanges] == ["mismatch", "mismatch"]
    first, second = seen.serials
    assert first != second
    assert "ocsp_unmatched_response" in seen.weirds


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


STATUSES = {
    1: "malformedrequest",
    2: "internalerror",
    3: "trylater",
    5: "sigrequired",
    6: "unauthorized",
    4: "4",
    99: "99",
}


@pytest.mark.parametrize("status", STATUSES)
def test_o9_error_statuses(status: int) -> None:
    seen = exchanged(None, response(status=status))
    assert [row["response_status"] for row in seen.exchanges] == [STATUSES[status]]
    assert ("ocsp_illegal_status" in seen.weirds) is (status in {4, 99})


def test_o9_success_without_bytes_and_an_unknown_type() -> None:
    assert "ocsp_illegal_status" in exchanged(None, response(status=0)).weirds
    seen = exchanged(None, response(basic(single(MANY[0])), response_type="1.2.3.4"))
    assert "cert_status" not in seen.exchanges[0]
    assert seen.exchanges[0]["audit"] == ["response_type_unknown"]


@pytest.mark.parametrize(
    "text", ["20261301000000Z", "20260528000000", "2605280000Z", "nonsense", "20260230000000Z", ""]
)
def test_o10_times_that_cannot_be(text: str) -> None:
    seen = exchanged(None, response(basic(single(MANY[0], this=gtime(text)))))
    assert seen.weirds == ("ocsp_bad_time",)
    assert "this_update" not in seen.exchanges[0]
    assert seen.exchanges[0]["cert_status"] == "good"


@pytest.mark.parametrize("text", ["00010101000000Z", "99991231235959Z", "20260528000000.5Z"])
def test_o10_times_far_off(text: str) -> None:
    seen = exchanged(None, response(basic(single(MANY[0], this=gtime(text)))))
    assert isinstance(seen.exchanges[0]["this_update"], float)


def test_o11_who_asks() -> None:
    seen = exchanged(request(cert_id(7), requestor=tlv(0x81, b"me@example.org"), signature=seq(b"x" * 40_000)))
    assert [(row["requestor_name"], row["request_signed"]) for row in seen.exchanges] == [
        ("email:me@example.org", True)
    ]
    seen = exchanged(request(cert_id(7), requestor=b"\x81\x7fcut"))
    assert [(row["serial_number"], row["requestor_name"]) for row in seen.exchanges] == [("07", "#817F637574")]
    for size in (0, 32, 4096):
        seen = exchanged(request(cert_id(7), exts=(extension(NONCE, octets(b"n" * size)),)))
        assert str(seen.exchanges[0]["nonce"]).startswith("6E" * min(size, 32))
        assert len(str(seen.exchanges[0]["nonce"])) <= 2048
    assert exchanged(request(cert_id(7), exts=(extension("1.2.3.4", b"", critical=True),))).serials == ["07"]


def test_o12_an_answer_about_another_certificate() -> None:
    seen = exchanged(request(cert_id(7)), response(basic(single(cert_id(8)))))
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [
        ("07", "mismatch"),
        ("08", "mismatch"),
    ]
    assert "ocsp_unmatched_response" in seen.weirds
    assert [row["serial_number"] for row in seen.of("leak")] == ["07"], "nobody asked about the other one"


def test_o12_an_answer_to_nobody() -> None:
    seen = watch(conversation(("s", answering(5))))
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [("05", "response")]
    assert "ocsp_unmatched_response" in seen.weirds
    assert [row["evidence"] for row in seen.of("leak")] == ["response"], "told as what it is: nobody was seen to ask"


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
