"""sensor.logs.disclosures: ocsp.log is Zeek's; ocsp_exchange.log, leak.log and notice.log say who asked about what."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.audit.findings import Finding
from sensor.fetch.model import OnCrl
from sensor.logs.buffer import LineBuffer
from sensor.logs.disclosures import DisclosureLines
from sensor.logs.local_nets import LocalNets
from sensor.logs.parts import Parts
from sensor.ocsp.model import CertStatus, Evidence, OcspResponse, SingleResponse
from sensor.privacy.leak import Grade
from sensor.settings import LogSettings
from tests.logs.observations import (
    CERT,
    EXCHANGE,
    FETCH,
    FLOW,
    LEAK,
    OCSP_REQUEST,
    OCSP_RESPONSE,
    REPLY_FILE,
    SINGLE,
    TRANSACTION,
    TS,
    S,
    changed,
    make_writer,
    records,
)

NAME_HASH, KEY_HASH = bytes(range(20)).hex().upper(), bytes(range(20, 40)).hex().upper()
REVOKED = changed(SINGLE, cert_status=CertStatus.revoked, revocation_time=S, revocation_reason="keyCompromise")

EXCHANGE_FIELDS = """
    ts uid id.orig_h id.orig_p id.resp_h id.resp_p orig_fuid resp_fuid method host uri user_agent software
    hash_algorithm issuer_name_hash issuer_key_hash serial_number issuer nonce requestor_name request_signed
    http_status response_status cert_status revocation_time revocation_reason this_update next_update
    produced_at responder_id signature_algorithm nonce_echoed response_delay evidence community_id
"""


def answered(*singles: SingleResponse, **fields: Any) -> OcspResponse:
    response: OcspResponse = changed(OCSP_RESPONSE, responses=singles, **fields)
    return response


def test_ocsp_as_zeek_writes_it() -> None:
    reply = changed(EXCHANGE, response=answered(REVOKED), single=REVOKED, response_ts=TS + S // 2)
    assert records("ocsp", TRANSACTION, reply) == [
        {
            "ts": 1713186228.890412,  # of the file's first byte
            "id": REPLY_FILE.fuid,
            "hashAlgorithm": "sha1",
            "issuerNameHash": NAME_HASH,
            "issuerKeyHash": KEY_HASH,
            "serialNumber": CERT.serial_number,
            "certStatus": "revoked",
            "revoketime": 1.0,
            "revokereason": "keyCompromise",
            "thisUpdate": 1713100000.0,
            "nextUpdate": 1713700000.0,
        }
    ]


def test_ocsp_without_its_transaction_has_the_reply_time() -> None:
    (record,) = records("ocsp", changed(EXCHANGE, response_ts=TS + 5 * S))
    assert record["ts"] == 1713186232.890412


def test_ocsp_has_a_line_for_each_single_response_and_none_for_an_error() -> None:
    others = [changed(SINGLE, cert_id=changed(CERT, serial_number=serial)) for serial in ("02", "03")]
    made = records("ocsp", changed(EXCHANGE, response=answered(SINGLE, *others)))
    assert [record["serialNumber"] for record in made] == [CERT.serial_number, "02", "03"]
    for error in (OcspResponse(1), OcspResponse(4), OcspResponse(6)):
        assert records("ocsp", changed(EXCHANGE, response=error, single=None)) == []
    assert records("ocsp", changed(EXCHANGE, response=None, single=None)) == []


def test_ocsp_of_a_repeated_certid_says_what_the_first_says() -> None:
    made = records("ocsp", changed(EXCHANGE, response=answered(SINGLE, REVOKED)))
    assert [record["certStatus"] for record in made] == ["good", "good"]
    assert "revoketime" not in made[1]


def test_ocsp_is_logged_once_for_the_exchanges_of_one_reply() -> None:
    other = changed(EXCHANGE, cert_id=changed(CERT, serial_number="02"))
    writer, sink = make_writer()
    writer.exchanges([EXCHANGE, other])
    writer.close()
    assert (len(sink.records("ocsp")), len(sink.records("ocsp_exchange"))) == (1, 2)


def test_ocsp_leaves_out_a_time_that_cannot_be_read() -> None:
    (record,) = records(
        "ocsp", changed(EXCHANGE, response=answered(changed(SINGLE, this_update=None, next_update=None)))
    )
    assert not {"thisUpdate", "nextUpdate", "revoketime", "revokereason"} & set(record)


def test_exchange_with_everything() -> None:
    request = changed(OCSP_REQUEST, requestor_name="DNS:a", signed=True)
    exchange = changed(EXCHANGE, request=request, response=answered(REVOKED), single=REVOKED, orig_fuid="Fq")
    (record,) = records("ocsp_exchange", changed(LEAK, exchange=exchange))
    assert list(record) == EXCHANGE_FIELDS.split()
    assert record["uri"] == "/a b"
    assert (record["software"], record["issuer"]) == ("curl", "CN=CA")
    assert (record["nonce"], record["nonce_echoed"], record["request_signed"]) == ("0102", True, True)
    assert (record["response_delay"], record["evidence"]) == (1.0, "both")
    assert record["community_id"] == "1:vL1ytoLOiACUnC3Qm+vEfoZM9Z8="


def test_exchange_of_a_request_alone() -> None:
    exchange = changed(
        EXCHANGE,
        response=None,
        single=None,
        resp_fuid=None,
        response_ts=None,
        http_status=None,
        evidence=Evidence.request,
    )
    (record,) = records("ocsp_exchange", exchange)
    absent = {"resp_fuid", "http_status", "response_status", "cert_status", "response_delay", "nonce_echoed", "issuer"}
    assert not absent & set(record)
    assert record["nonce"] == "0102"


def test_exchange_of_a_reply_alone() -> None:
    exchange = changed(
        EXCHANGE, request=None, method=None, host=None, uri=None, user_agent=None, evidence=Evidence.response
    )
    (record,) = records("ocsp_exchange", exchange)
    assert not {"method", "request_signed", "nonce_echoed", "response_delay", "software"} & set(record)
    assert record["nonce"] == "0102"  # the reply's


@pytest.mark.parametrize(("status", "text"), [(1, "malformedrequest"), (3, "trylater"), (6, "unauthorized"), (4, "4")])
def test_exchange_with_an_error_status(status: int, text: str) -> None:
    (record,) = records("ocsp_exchange", changed(EXCHANGE, response=OcspResponse(status), single=None))
    assert record["response_status"] == text
    assert not {"cert_status", "produced_at", "responder_id", "nonce_echoed"} & set(record)


def test_exchange_whose_nonce_was_not_repeated() -> None:
    (record,) = records("ocsp_exchange", changed(EXCHANGE, response=answered(SINGLE, nonce=None)))
    assert record["nonce_echoed"] is False


def test_exchange_text_is_cut() -> None:
    exchange = changed(EXCHANGE, host=b"h" * 3000, uri=b"/%41" * 3000, user_agent=b"\xc3\xbc" * 3000)
    (record,) = records("ocsp_exchange", exchange, max_field_bytes=1001)
    assert record["host"] == "h" * 1001
    assert record["uri"] == ("/A" * 501)[:1001]
    assert record["user_agent"] == "ü" * 500


def test_exchange_without_a_leak_of_its_own_takes_software_and_issuer_from_its_neighbour() -> None:
    """The same certificate asked about under two hashes is one leak but two exchanges."""
    sha256 = changed(EXCHANGE, cert_id=changed(CERT, hash_algorithm="sha256"))
    other = changed(EXCHANGE, cert_id=changed(CERT, serial_number="02"))
    stranger = changed(EXCHANGE, request=changed(OCSP_REQUEST, version=1))
    writer, sink = make_writer()
    writer.exchanges([EXCHANGE, sha256, other, stranger], [LEAK])
    writer.close()
    told = [(record.get("software"), record.get("issuer")) for record in sink.records("ocsp_exchange")]
    assert told == [("curl", "CN=CA"), ("curl", "CN=CA"), ("curl", None), (None, None)]


def test_leak() -> None:
    (record,) = records("leak", LEAK)
    assert record == {
        "ts": 1713186227.890412,
        "uid": FLOW.uid,
        "id.orig_h": "192.168.2.3",
        "id.orig_p": 39867,
        "id.resp_h": "209.85.225.105",
        "id.resp_p": 80,
        "channel": "ocsp",
        "serial_number": CERT.serial_number,
        "issuer": "CN=CA",
        "site": "example.com",
        "names": ["example.com"],
        "names_total": 1,
        "sites_total": 1,
        "grade": "exact",
        "found_in": "file",
        "not_before": 1700000000.0,
        "not_after": 1730000000.0,
        "software": "curl",
        "evidence": "both",
        "times_seen": 1,
        "community_id": "1:vL1ytoLOiACUnC3Qm+vEfoZM9Z8=",
    }


def test_leak_of_an_unlisted_certificate() -> None:
    unlisted = changed(
        LEAK,
        issuer=None,
        site=None,
        names=(),
        names_total=0,
        sites_total=0,
        grade=Grade.unlisted,
        found_in=None,
        not_before=None,
        not_after=None,
    )
    (record,) = records("leak", unlisted)
    assert not {"issuer", "site", "names", "found_in", "not_before", "not_after"} & set(record)
    (notice,) = records("notice", unlisted)
    assert notice["msg"].endswith("that it deals with a certificate")
    assert notice["sub"] == f"unlisted: serial {CERT.serial_number}"


def test_notice() -> None:
    (record,) = records("notice", LEAK)
    assert record == {
        "ts": 1713186227.890412,
        "uid": FLOW.uid,
        "id.orig_h": "192.168.2.3",
        "id.orig_p": 39867,
        "id.resp_h": "209.85.225.105",
        "id.resp_p": 80,
        "fuid": REPLY_FILE.fuid,
        "file_mime_type": "application/ocsp-response",
        "file_desc": "http://ocsp.example/a b",
        "proto": "tcp",
        "note": "OCSP::Privacy_Leak",
        "msg": "192.168.2.3 told everyone on the path to 209.85.225.105 that it deals with example.com",
        "sub": f"exact: serial {CERT.serial_number} issued by CN=CA",
        "src": "192.168.2.3",
        "dst": "209.85.225.105",
        "p": 80,
        "actions": ["Notice::ACTION_LOG"],
        "email_dest": [],
        "suppress_for": 3600.0,
    }


def test_notice_names_the_request_body_first_and_the_port_in_the_url() -> None:
    flow = changed(FLOW, orig_h="2001:db8::1", resp_h="2001:db8::2", resp_p=2560)
    exchange = changed(EXCHANGE, flow=flow, orig_fuid="Fq", host=None, uri=None)
    (record,) = records("notice", changed(LEAK, flow=flow, exchange=exchange))
    assert (record["fuid"], record["file_mime_type"]) == ("Fq", "application/ocsp-request")
    assert record["file_desc"] == "http://[2001:db8::2]:2560/<missed_request>"


def test_every_time_in_the_form_asked_for() -> None:
    (record,) = records("leak", LEAK, timestamps="iso8601")
    assert record["not_before"] == "2023-11-14T22:13:20.000000Z"
    (record,) = records("ocsp_exchange", EXCHANGE, timestamps="millis")
    assert (record["this_update"], record["response_delay"]) == (1713100000000, 1.0)


def test_a_certificate_asked_about_again_reads_the_same() -> None:
    """What is remembered of replies and CertIDs is of the record that was written, and bounded."""
    other = changed(SINGLE, cert_id=changed(CERT, serial_number="02"), cert_status=CertStatus.unknown)
    long = changed(EXCHANGE, response=answered(other, tbs_der=bytes(5000)), single=other, cert_id=other.cert_id)
    plain = [records(stream, each)[0] for stream in ("ocsp_exchange", "ocsp") for each in (EXCHANGE, long)]
    mixed = [EXCHANGE, long, EXCHANGE, long, changed(EXCHANGE, response=answered(SINGLE, responder_id="byKey:00"))]
    for place, stream in enumerate(("ocsp_exchange", "ocsp")):
        expected = [plain[2 * place], plain[2 * place + 1]]
        assert records(stream, *mixed)[:4] == [*expected, *expected]
    assert records("ocsp_exchange", *mixed)[4]["responder_id"] == "byKey:00"
    assert plain[0]["responder_id"] != "byKey:00"


def test_the_audit_goes_with_its_exchange() -> None:
    writer, sink = make_writer()
    other = changed(EXCHANGE, cert_id=changed(CERT, serial_number="02"))
    bad = (Finding.signature_not_checked_off, Finding.nonce_mismatch)
    writer.exchanges([EXCHANGE, other, EXCHANGE, EXCHANGE], audits=[bad, (), None, bad])
    writer.exchanges([EXCHANGE])
    writer.close()
    made = sink.records("ocsp_exchange")
    names = ["signature_not_checked:off", "nonce_mismatch"]
    assert [record.get("audit") for record in made] == [names, [], None, names, None]
    assert [record.get("verified") for record in made] == [False, True, None, False, None]
    assert list(made[0]).index("audit") == list(made[0]).index("nonce_echoed") + 1


def test_the_crl_goes_with_its_exchange() -> None:
    writer, sink = make_writer()
    writer.exchanges([EXCHANGE, EXCHANGE], on_crls=[None, OnCrl("http://crl.example/1.crl", True, None)])
    writer.exchanges([EXCHANGE, EXCHANGE], on_crls=[OnCrl("http://crl.example/2.crl", False, True), None])
    writer.exchanges([EXCHANGE], on_crls=None)
    writer.close()
    made = sink.records("ocsp_exchange")
    assert [tuple(line.get(f"on_crl{end}") for end in ("", "_verified", "_newer")) for line in made] == [
        (None, None, None),
        ("http://crl.example/1.crl", True, None),
        ("http://crl.example/2.crl", False, True),
        (None, None, None),
        (None, None, None),
    ]


def test_what_is_remembered_is_bounded() -> None:
    lines = DisclosureLines(LogSettings(), Parts(LogSettings(), LocalNets([]), False))
    out = LineBuffer()
    for number in range(1500):
        cert_id = changed(CERT, serial_number=f"{number:04X}")
        one = changed(SINGLE, cert_id=cert_id)
        exchange = changed(EXCHANGE, cert_id=cert_id, single=one, response=answered(one))
        lines.ocsp(out, exchange.response, "F1", TS)
        lines.exchange(out, exchange, None, None, (Finding.nonce_missing,) * (number % 3))
    for memory in (lines._cert_ids, lines._answers, lines._replies, lines._audits):
        assert 0 < len(memory) <= 1024


def test_a_leak_by_a_crl_and_by_an_issuers_certificate() -> None:
    by_crl = changed(LEAK, channel="crl", serial_number=None, exchange=FETCH)
    writer, sink = make_writer()
    writer.leaks([by_crl, changed(by_crl, channel="ca_issuers", serial_number="1F", names=("CA",), site=None)])
    writer.leaks([by_crl])
    writer.close()
    first, second, _ = sink.records("leak")
    assert (first["channel"], first["url"], "serial_number" in first) == ("crl", "http://crl.example/17.crl", False)
    assert list(first).index("url") == list(first).index("channel") + 1
    assert (second["channel"], second["url"], second["serial_number"]) == ("ca_issuers", first["url"], "1F")
    told, told_too = sink.records("notice")
    assert (told["note"], told["fuid"], told["file_mime_type"]) == ("CRL::Privacy_Leak", "FCrl", "application/pkix-crl")
    assert told["sub"] == "exact: CRL http://crl.example/17.crl issued by CN=CA"
    assert told["file_desc"] == "http://crl.example/17.crl"
    assert told_too["note"] == "X509::Privacy_Leak"
    assert told_too["msg"].endswith("that it deals with a certificate issued by CA")
