"""Fields are those of the logs."""

from __future__ import annotations

from sensor.logs.records import STREAMS
from sensor.logs.reference import render_schema
from sensor.rules.fields import HEADER_FIELDS, Kind, fields_of, is_elsewhere, near_field, near_service, services


def test_every_field_of_every_log_is_there() -> None:
    for service in services():
        names = {name for name in render_schema(service)["properties"] if not name.startswith("_")}
        assert names <= set(fields_of(service))


def test_kinds() -> None:
    http = fields_of("http")
    assert http["ts"].kind is Kind.time and http["status_code"].kind is Kind.number
    assert http["uri"].kind is Kind.text and not http["uri"].is_vector
    assert http["resp_mime_types"].is_vector and http["resp_mime_types"].kind is Kind.text
    assert fields_of("conn")["local_orig"].kind is Kind.bool and fields_of("conn")["duration"].kind is Kind.number
    assert all(http[name].is_vector for name in HEADER_FIELDS)


def test_sigmas_own_names() -> None:
    assert fields_of("http")["c-useragent"].name == "user_agent"
    assert fields_of("leak")["src_ip"].name == "id.orig_h"
    assert "src_ip" not in fields_of("ocsp")


def test_services() -> None:
    assert set(services()) <= set(STREAMS)
    assert is_elsewhere("dns") and is_elsewhere("stats") and not is_elsewhere("http") and not is_elsewhere("htpp")
    assert near_service("htpp") == ", did you mean http?"
    assert near_field("http", "mime_types") == ", did you mean resp_mime_types?"
