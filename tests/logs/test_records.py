"""The records are the definition: every line that is written is one of them, field for field, in their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.logs.records import STREAMS, OcspRecord
from tests.logs.observations import cleartexts, connections, exchanges, leaks, make_writer, transactions, weirds

ENCODER = msgspec.json.Encoder()
OCSP_FIELDS = """
    ts id hashAlgorithm issuerNameHash issuerKeyHash serialNumber certStatus revoketime revokereason thisUpdate
    nextUpdate
"""


def strict(line: bytes) -> list[tuple[str, Any]]:
    """The fields in order, by a parser that takes nothing but JSON."""

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    found: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list, parse_constant=refuse)
    return found


def check(lines: dict[str, bytes]) -> None:
    for stream, data in lines.items():
        assert data.endswith(b"\n")
        for line in data[:-1].split(b"\n"):
            assert not any(octet < 0x20 or octet == 0x7F for octet in line)
            line.decode()
            fields = strict(line)
            assert len({name for name, _ in fields}) == len(fields)
            record = msgspec.json.decode(line, type=STREAMS[stream])
            assert strict(ENCODER.encode(record)) == fields


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(connections(), max_size=2),
    st.lists(transactions(), max_size=2),
    st.lists(exchanges(), max_size=2),
    st.lists(leaks(), max_size=2),
    st.lists(weirds, max_size=2),
    st.lists(cleartexts(), max_size=2),
    st.booleans(),
    st.sampled_from([1, 7, 1024]),
)
def test_every_line_is_its_record(
    conns: list[Any],
    https: list[Any],
    asked: list[Any],
    leaked: list[Any],
    odd: list[Any],
    clear: list[Any],
    extra: bool,
    longest: int,
) -> None:
    writer, sink = make_writer(stream=extra, community_id=extra, max_field_bytes=longest)
    for connection in conns:
        writer.connection(connection)
    for transaction in https:
        writer.transaction(transaction)
    writer.exchanges(asked)
    writer.exchanges([leak.exchange for leak in leaked], leaked)
    writer.leaks(leaked)
    for weird in odd:
        writer.weird(weird)
    for seen in clear:
        writer.cleartext(seen)
    writer.close()
    check(sink.data)
    assert writer.counts == {stream: sink.data.get(stream, b"").count(b"\n") for stream in STREAMS}


def test_the_check_notices_a_wrong_line() -> None:
    good = b'{"ts":1.5,"name":"x","notice":false,"peer":"p"}\n'
    check({"weird": good})
    for wrong in (
        good.replace(b'"x"', b"5"),  # type
        good.replace(b'"name"', b'"nam"'),  # unknown
        b'{"name":"x","ts":1.5,"notice":false,"peer":"p"}\n',  # order
        b'{"ts":1.5,"name":"x","notice":false}\n',  # required
        good.replace(b"x", b"\x1b"),  # control
        good.replace(b"1.5", b"NaN"),
    ):
        with pytest.raises((AssertionError, msgspec.ValidationError, msgspec.DecodeError)):
            check({"weird": wrong})


def test_ocsp_log_has_exactly_zeeks_fields() -> None:
    own = [name for name in OcspRecord.__struct_encode_fields__ if not name.startswith("_")]
    assert own == OCSP_FIELDS.split()


@pytest.mark.needs("shared/corpus/zeek")
@pytest.mark.parametrize("stream", ["conn", "http", "files", "ocsp", "weird"])
def test_order_is_zeeks(stream: str, shared: Path) -> None:
    """Every line that Zeek wrote has its fields in the order of our record, and only fields that we know."""
    place = {name: number for number, name in enumerate(STREAMS[stream].__struct_encode_fields__)}
    seen = set()
    for log in (shared / "corpus" / "zeek").rglob(f"{stream}.log"):
        for line in log.read_text().splitlines():
            places = [place[name] for name in json.loads(line)]
            assert places == sorted(places)
            seen.update(places)
    assert seen, f"no {stream}.log in the corpus"
