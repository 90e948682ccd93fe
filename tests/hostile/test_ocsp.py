"""Rows O1 to O4 and O9 to O12: OCSP messages as nobody should send them. tests/ocsp has the decoders by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.rows import Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, conversation, watch, watch_files
from tests.http.wire import post, reply
from tests.ocsp.corpus import messages
from tests.ocsp.wire import (
    NONCE,
    basic,
    cert_id,
    extension,
    gtime,
    octets,
    request,
    response,
    revoked,
    seq,
    single,
    tlv,
)

E = "sensor/ocsp/exchange.py"
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
        (
            Guard(E, '"ocsp_message_too_large", f"request', '"odd", f"request'),
            Guard("sensor/ocsp/request.py", "len(cert_ids) >= max_cert_ids or reader", "reader"),
            Guard("sensor/http/content.py", "self.limit = settings.max_request_body_bytes", "self.limit = 1 << 30"),
        ),
    ),
    "O3": Row(
        "several answers, and contradicting ones for one CertID",
        ("ocsp.max_cert_ids", "http.max_response_body_bytes"),
        ("ocsp_conflicting_status", "asn1_limit"),
        (
            Guard(E, '"ocsp_conflicting_status"', '"odd"'),
            Guard("sensor/ocsp/response.py", "len(responses) >= max_responses or reader", "reader"),
            Guard(
                "sensor/http/content.py",
                "if is_orig else settings.max_response_body_bytes\n        self.content_type",
                "if is_orig else 1 << 30\n        self.content_type",
            ),
        ),
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
