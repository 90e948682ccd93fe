"""sensor.logs.render: conn.log, http.log, files.log and weird.log say what Zeek's say of the same."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.http.transaction import Digests, Header
from sensor.weird import Weird
from tests.logs.observations import (
    CONNECTION,
    FLOW,
    REPLY_FILE,
    REQUEST,
    RESPONSE,
    TRANSACTION,
    TS,
    WEIRD,
    S,
    changed,
    make_writer,
    records,
)

IDS = {
    "uid": "CHhAvVGS1DHFjwGM9",
    "id.orig_h": "192.168.2.3",
    "id.orig_p": 39867,
    "id.resp_h": "209.85.225.105",
    "id.resp_p": 80,
}


def http(**request: Any) -> dict[str, Any]:
    (record,) = records("http", changed(TRANSACTION, request=changed(REQUEST, **request)))
    return record


def test_conn_as_zeek_wrote_it() -> None:
    """zeek/http/404.pcap of the corpus, but for the uid; Zeek's duration has the noise of a double."""
    connection = changed(CONNECTION, ts=1_262_626_166_889_635_000)
    writer, sink = make_writer()
    writer.connection(connection)
    writer.close()
    assert sink.data["conn"].decode() == (
        '{"ts":1262626166.889635,"uid":"CHhAvVGS1DHFjwGM9","id.orig_h":"192.168.2.3","id.orig_p":39867,'
        '"id.resp_h":"209.85.225.105","id.resp_p":80,"proto":"tcp","service":"http","duration":0.139278,'
        '"orig_bytes":135,"resp_bytes":1604,"conn_state":"SF","local_orig":true,"local_resp":false,'
        '"missed_bytes":0,"history":"ShADadFf","orig_pkts":7,"orig_ip_bytes":507,"resp_pkts":5,'
        '"resp_ip_bytes":1872,"ip_proto":6}\n'
    )


def test_conn_leaves_out_what_is_not_there() -> None:
    (record,) = records(
        "conn", changed(CONNECTION, service=None, duration=None, orig_bytes=None, resp_bytes=None, history="")
    )
    assert not {"service", "duration", "orig_bytes", "resp_bytes", "history", "community_id", "vlan"} & set(record)


def test_conn_with_everything() -> None:
    connection = changed(CONNECTION, vlan=10, inner_vlan=20, tunnel_parents=("Ca", "Cb"))
    (record,) = records("conn", connection, community_id=True)
    assert list(record)[-5:] == ["tunnel_parents", "ip_proto", "community_id", "vlan", "inner_vlan"]
    assert record["tunnel_parents"] == ["Ca", "Cb"]
    assert record["community_id"] == "1:vL1ytoLOiACUnC3Qm+vEfoZM9Z8="


def test_nanoseconds_are_dropped_before_subtracting() -> None:
    """As Zeek, which never sees them: 0.9999999 to 1.0000001 is a microsecond."""
    (record,) = records("conn", changed(CONNECTION, ts=S - 100, duration=200))
    assert (record["ts"], record["duration"]) == (0.999999, 0.000001)


def test_http_as_zeek_wrote_it() -> None:
    (record,) = records("http", TRANSACTION)
    assert record == {
        "ts": 1713186227.890412,
        **IDS,
        "trans_depth": 1,
        "method": "GET",
        "host": "ocsp.example",
        "uri": "/a b",
        "version": "1.1",
        "user_agent": "curl/8",
        "request_body_len": 0,
        "response_body_len": 471,
        "status_code": 200,
        "status_msg": "OK",
        "tags": [],
        "resp_fuids": ["FMnxxt3xjVcWNS2141"],
        "resp_mime_types": ["application/ocsp-response"],
    }


@pytest.mark.parametrize(("half", "fields"), [("request", {"status_code"}), ("response", {"method", "uri", "host"})])
def test_http_with_one_half(half: str, fields: set[str]) -> None:
    other = {"request": "response", "response": "request"}[half]
    (record,) = records("http", changed(TRANSACTION, **{other: None}))
    assert not fields & set(record)
    assert record["request_body_len"] == 0


def test_http_says_what_headers_say() -> None:
    record = http(
        headers=(
            Header(b"referer", b"http://a/"),
            Header(b"referer", b"http://b/"),
            Header(b"origin", b"null"),
            Header(b"authorization", b"Basic dGVzdDpzZWNyZXQ="),
            Header(b"x-forwarded-for", b"10.2.2.2, 10.3.3.3"),
            Header(b"via", b"1.1 proxy"),
            Header(b"via", b"1.1 proxy"),
        )
    )
    assert record["referrer"] == "http://b/"
    assert record["origin"] == "null"
    assert record["username"] == "test"
    assert record["proxied"] == ["X-FORWARDED-FOR -> 10.2.2.2, 10.3.3.3", "VIA -> 1.1 proxy"]
    assert "secret" not in str(record)
    assert list(record).index("referrer") == list(record).index("uri") + 1
    assert list(record).index("origin") == list(record).index("user_agent") + 1


def test_http_with_an_informational_reply_and_no_phrase() -> None:
    response = changed(RESPONSE, status_msg=None, info_code=100, info_msg=b"Continue")
    (record,) = records("http", changed(TRANSACTION, response=response))
    assert (record["status_msg"], record["info_code"], record["info_msg"]) == ("<empty>", 100, "Continue")


def test_http_with_an_empty_phrase() -> None:
    (record,) = records("http", changed(TRANSACTION, response=changed(RESPONSE, status_msg=b"")))
    assert record["status_msg"] == ""


def test_http_lists_fifteen_files_and_files_log_all() -> None:
    files = tuple(
        changed(REPLY_FILE, fuid=f"F{number:02}", filename=f"{number}" if number % 2 else None, mime_type=None)
        for number in range(20)
    )
    transaction = changed(TRANSACTION, response=changed(RESPONSE, files=files))
    (record,) = records("http", transaction)
    assert record["resp_fuids"] == [f"F{number:02}" for number in range(15)]
    assert record["resp_filenames"] == [str(number) for number in range(1, 15, 2)]
    assert "resp_mime_types" not in record
    assert len(records("files", transaction)) == 20


def test_http_text_is_not_cut() -> None:
    """Zeek exempts http.log from its own limit; the reader has its limits."""
    assert len(http(target=b"/" * 60_000, host=b"h" * 5000, user_agent=b"u" * 5000)["uri"]) == 60_000


def test_files_as_zeek_wrote_it() -> None:
    (record,) = records("files", TRANSACTION)
    assert record == {
        "ts": 1713186228.890412,
        "fuid": "FMnxxt3xjVcWNS2141",
        **IDS,
        "source": "HTTP",
        "depth": 0,
        "analyzers": ["OCSP_REPLY"],
        "mime_type": "application/ocsp-response",
        "duration": 1.0,
        "local_orig": False,
        "is_orig": False,
        "seen_bytes": 471,
        "total_bytes": 471,
        "missing_bytes": 0,
        "overflow_bytes": 0,
        "timedout": False,
    }


def test_files_of_a_request_that_was_hashed() -> None:
    file = changed(
        REPLY_FILE,
        is_orig=True,
        mime_type="application/ocsp-request",
        filename="x" * 5000,
        total_bytes=1 << 63,
        timedout=True,
        parent_fuid="Fp",
        digests=Digests("0" * 32, "1" * 40, "2" * 64),
    )
    transaction = changed(TRANSACTION, request=changed(REQUEST, files=(file,)), response=None)
    (record,) = records("files", transaction)
    assert record["analyzers"] == []
    assert record["local_orig"] and record["is_orig"] and record["timedout"]
    assert len(record["filename"]) == 4096
    assert "total_bytes" not in record
    assert (record["parent_fuid"], record["md5"], record["sha256"]) == ("Fp", "0" * 32, "2" * 64)
    (http_record,) = records("http", transaction)
    assert (len(http_record["orig_filenames"][0]), http_record["orig_fuids"]) == (5000, [file.fuid])


def test_weird_as_zeek_wrote_it() -> None:
    assert records("weird", WEIRD) == [
        {
            "ts": 1713186227.890412,
            **IDS,
            "name": "HTTP_bad_chunk_size",
            "addl": "\tf",
            "notice": False,
            "peer": "ocspwatch",
            "source": "HTTP",
        }
    ]
    assert records("weird", Weird(TS, "truncated_header", None, "")) == [
        {"ts": 1713186227.890412, "name": "truncated_header", "notice": False, "peer": "ocspwatch"}
    ]
    long, told = records("weird", Weird(TS, "x", None, "ü" * 1000))
    assert long["addl"] == "ü" * 512
    assert (told["name"], told["addl"]) == ("log_string_field_truncated", "weird")


@pytest.mark.parametrize(
    ("timestamps", "text"),
    [("epoch", 1713186227.890412), ("iso8601", "2024-04-15T13:03:47.890412Z"), ("millis", 1713186227890)],
)
def test_every_time_in_the_form_asked_for(timestamps: str, text: object) -> None:
    (conn,) = records("conn", CONNECTION, timestamps=timestamps)
    assert conn["ts"] == text
    assert conn["duration"] == 0.139278


def test_stream_adds_the_log_and_when_the_record_was_complete() -> None:
    (conn,) = records("conn", CONNECTION, stream=True)
    assert list(conn)[:3] == ["_path", "_write_ts", "ts"]
    assert (conn["_path"], conn["_write_ts"]) == ("conn", 1713186228.02969)
    (record,) = records("http", TRANSACTION, stream=True, timestamps="millis")
    assert (record["_path"], record["_write_ts"], record["ts"]) == ("http", 1713186229890, 1713186227890)
    (only,) = records("http", changed(TRANSACTION, response=None), stream=True)
    assert only["_write_ts"] == only["ts"]


def test_lines_of_several_flows_do_not_mix() -> None:
    flows = [changed(FLOW, uid=f"C{number}", orig_p=number, orig_h=f"8.8.8.{number}") for number in range(4)]
    connections = [changed(CONNECTION, flow=flow) for flow in flows for _ in range(2)]
    made = records("conn", *connections, community_id=True)
    assert [record["uid"] for record in made] == [connection.flow.uid for connection in connections]
    assert len({record["community_id"] for record in made}) == 4
    assert not any(record["local_orig"] for record in made)
