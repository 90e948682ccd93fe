"""Texts that are too long for a log: each time one is written cut it is counted, and the line's connection told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.logs.encode import encode_str, is_longer
from sensor.logs.script import Script
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.settings import LogSettings
from sensor.weird import Weird
from tests.logs.observations import (
    CERT,
    CERTIFICATE_FETCH,
    CLEARTEXT,
    CRL_FETCH,
    EXCHANGE,
    FLOW,
    LEAK,
    REPLY_FILE,
    TRANSACTION,
    TS,
    S,
    changed,
    hostile_text,
    make_writer,
)

NAME = "log_string_field_truncated"
Write = Callable[[LogWriter], Any]


def file_with(name: str) -> Any:
    reply = changed(TRANSACTION.response, files=(changed(REPLY_FILE, filename=name),))
    return changed(TRANSACTION, response=reply)


LONG = "x" * 2000
FETCH = changed(CRL_FETCH.fetch, url=f"http://{LONG}/")
CASES: dict[str, tuple[Write, int]] = {
    "files": (lambda writer: writer.transaction(file_with("f" * 5000)), 1),
    "ocsp_exchange": (lambda writer: writer.exchanges([changed(EXCHANGE, user_agent=LONG.encode())]), 1),
    "leak": (lambda writer: writer.leaks([changed(LEAK, names=(LONG, "a.example", LONG))]), 2),
    "notice": (lambda writer: writer.leaks([changed(LEAK, exchange=changed(EXCHANGE, host=LONG.encode()))]), 1),
    "cleartext": (lambda writer: writer.cleartext(changed(CLEARTEXT, cookies=(LONG.encode(), b"a"))), 1),
    "crl": (lambda writer: writer.crl(changed(CRL_FETCH, fetch=FETCH)), 1),
    "x509": (
        lambda writer: writer.certificates(
            changed(CERTIFICATE_FETCH, certificates=(changed(CERTIFICATE_FETCH.certificates[0], dns_names=(LONG,)),))
        ),
        1,
    ),
    "weird": (lambda writer: writer.weird(Weird(TS, "an_oddity", FLOW, LONG)), 1),
}


@pytest.mark.parametrize("log", CASES)
def test_a_cut_is_counted_and_told_with_its_connection(log: str) -> None:
    writer, sink = make_writer()
    told: list[Weird] = []
    writer.on_weird = told.append
    write, cuts = CASES[log]
    write(writer)
    writer.flush()
    assert writer.fields_cut == cuts
    (found,) = [line for line in sink.records("weird") if line["name"] == NAME]
    assert (found["addl"], found["uid"], found["source"]) == (log, FLOW.uid, "LOG")
    assert [(weird.name, weird.addl) for weird in told] == [(NAME, log)]
    assert writer.weird_counts[NAME] == 1


def test_what_fits_is_neither_counted_nor_told() -> None:
    writer, sink = make_writer()
    writer.transaction(TRANSACTION)
    writer.exchanges([EXCHANGE], [LEAK])
    writer.leaks([LEAK])
    writer.cleartext(CLEARTEXT)
    writer.crl(CRL_FETCH)
    writer.certificates(CERTIFICATE_FETCH)
    writer.exchanges([changed(EXCHANGE, host=b"h" * 1024)])
    writer.flush()
    assert (writer.fields_cut, writer.weird_counts, sink.records("weird")) == (0, {}, [])


@pytest.mark.parametrize("longest", [1, 4, 60])
def test_what_is_remembered_is_counted_each_time_it_is_written_cut(longest: int) -> None:
    """Texts, hashes, a reply's fields, a CertID's: all of them are found again by later lines."""
    counts = []
    for times in (1, 2, 5):
        writer, _ = make_writer(max_field_bytes=longest, weird_repeats=True)
        for _ in range(times):
            long = changed(CERT, hash_algorithm="1.2.840.113549.1.1.11.1.2.3")
            writer.exchanges([EXCHANGE, changed(EXCHANGE, cert_id=long)], [LEAK])
        counts.append(writer.fields_cut)
    first = counts[0]
    assert counts == [first, 2 * first, 5 * first]
    assert (first > 0) == (longest < 60)


def test_a_flow_is_told_of_once_as_zeek_does_with_all_weirds() -> None:
    writer, sink = make_writer()
    for _ in range(30):
        writer.exchanges([changed(EXCHANGE, user_agent=LONG.encode())])
    writer.flush()
    assert writer.weird_counts == {NAME: 30}
    assert len(sink.records("weird")) == 1


def test_a_limit_shorter_than_the_weirds_own_name_has_an_end() -> None:
    writer, _ = make_writer(max_field_bytes=1)
    writer.weird(Weird(TS, "an_oddity", None, "addl"))
    assert writer.weird_counts == {"an_oddity": 1, NAME: 1}
    assert writer.fields_cut == 4


def test_a_shard_leaves_it_open_whether_a_line_that_may_go_was_cut() -> None:
    """A notice's or a certificate's weird is only of those lines that stay; of the others it is there at once."""
    script = Script(1)
    writer = LogWriter(LogSettings(), (), MemorySink(merged=True), script)
    CASES["notice"][0](writer)
    CASES["x509"][0](writer)
    CASES["crl"][0](writer)
    writer.cut(1, 0)
    rows = script.take()[0].cast("q")
    assert [operation for operation in rows if operation == 12] == [12, 12]
    assert writer.weird_counts == {}


@given(hostile_text, st.integers(1, 40))
def test_longer_is_what_loses_octets(text: str, limit: int) -> None:
    whole, cut = encode_str(text, 1 << 30), encode_str(text, limit)
    if not is_longer(text, limit):
        assert cut == whole
    elif text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        assert len(cut) < len(whole)
    assert is_longer(text + "x" * limit, limit) == (len(text) > 0)


def test_several_moments_of_one_flow_are_their_own_lines() -> None:
    writer, sink = make_writer(weird_repeats=True)
    for second in range(3):
        writer.exchanges([changed(EXCHANGE, ts=TS + second * S, user_agent=LONG.encode())])
    writer.flush()
    assert [line["ts"] for line in sink.records("weird")] == [(TS + second * S) // 1000 / 1e6 for second in range(3)]


def test_a_list_that_is_cut_is_told_with_its_connection() -> None:
    writer, _ = make_writer()
    told: list[Weird] = []
    writer.on_weird = told.append
    more = changed(CERTIFICATE_FETCH.certificates[0], names_cut=True)
    writer.cleartext(changed(CLEARTEXT, cut=True))
    writer.certificates(changed(CERTIFICATE_FETCH, certificates=(more,)))
    crl = CRL_FETCH.crl
    assert crl is not None
    names_cut = changed(crl, extensions=changed(crl.extensions, names_cut=True))
    writer.crl(CRL_FETCH)
    writer.crl(changed(CRL_FETCH, crl=names_cut))
    writer.certificates(changed(CERTIFICATE_FETCH, certificates=(more,)))  # known: no line, nothing cut
    writer.flush()
    assert [(weird.name, weird.addl, weird.flow) for weird in told] == [
        ("log_container_field_truncated", "cleartext", CLEARTEXT.flow),
        ("log_container_field_truncated", "x509", CERTIFICATE_FETCH.fetch.flow),
        ("log_container_field_truncated", "crl", CRL_FETCH.fetch.flow),
    ]
    assert writer.fields_cut == 0
