"""Limits that the pipeline alone can count: in ocspwatch_limits by their keys, and told once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.ct.lookup import CtLookup
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.settings import HealthSettings, HttpSettings, LogSettings, RuleSettings, Settings
from sensor.weird import FlowId, Weird
from tests.ct.pki import make_root
from tests.hostile.witness import Watched, conversation, watch
from tests.http.wire import get, post, reply
from tests.ocsp.wire import extension, oid, seq, tlv
from tests.rules.test_correlations import correlation
from tests.rules.writing import engine, rule, rules

FORM = b"Content-Type: application/x-www-form-urlencoded"
SECRET = b"password=hunter2&x="
COUNTED = "type: value_count\nrules: [base]\ngroup-by: [name]\ntimespan: 1h\ncondition: {field: addl, gte: 100}"
MEASURED = HealthSettings(in_replay=True)


def seen_of(
    asked: bytes, answered: bytes, settings: Settings | None = None, lookup: CtLookup | None = None
) -> tuple[Watched, dict[object, object]]:
    """What is seen of one exchange, and the limits that it reached; each of them has its notice."""
    frames = conversation(("c", asked), ("s", answered))
    seen = watch(frames, settings or Settings(health=MEASURED), lookup=lookup)
    limits = {row["limit"]: row["times"] for row in seen.logs.get("ocspwatch_limits", [])}
    told = [row["sub"] for row in seen.logs.get("notice", []) if row["note"] == "Sensor::Limit_Reached"]
    assert sorted(map(str, limits)) == sorted(map(str, told))
    return seen, limits


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_that_is_too_long_to_be_looked_through(chunked: bool) -> None:
    for size, unread in ((100, False), (8192, False), (8193, True), (40_000, True)):
        body = SECRET.ljust(size, b"a")
        head = FORM + (b"\r\nTransfer-Encoding: chunked" if chunked else b"\r\nContent-Length: %d" % size)
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked else body
        asked = b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + sent
        seen, limits = seen_of(asked, reply(b""))
        assert limits == ({"http.max_form_bytes": 1} if unread else {}), size
        assert bool(seen.of("cleartext")) != unread


def test_forms_that_nobody_wants_to_read_reach_no_limit() -> None:
    long = post(b"/", SECRET.ljust(9000, b"a"), FORM)
    for settings in (
        Settings(health=MEASURED, http=HttpSettings(max_form_bytes=0)),
        Settings(health=MEASURED, logs=LogSettings(cleartext=False)),
    ):
        assert seen_of(long, reply(b""), settings)[1] == {}
    assert seen_of(get(b"/"), reply(b"b" * 9000, FORM))[1] == {}


@pytest.mark.parametrize(("count", "told"), [(16, 0), (30, 1)])
def test_a_crl_with_more_distribution_points_than_are_logged(count: int, told: int) -> None:
    when = tlv(0x17, b"260101000000Z")
    algorithm = seq(oid("1.2.840.10045.4.3.2"))
    name = seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, b"CA"))))
    names = b"".join(tlv(0x86, b"http://d%02d.example/x.crl" % number) for number in range(count))
    points = tlv(0xA0, seq(extension("2.5.29.28", seq(tlv(0xA0, tlv(0xA0, names))))))
    revoked = seq(seq(tlv(2, b"\5"), when))
    crl = seq(seq(tlv(2, b"\1"), algorithm, name, when, when, revoked, points), algorithm, tlv(3, bytes(72)))
    seen, _ = seen_of(get(b"/x.crl"), reply(crl, b"Content-Type: application/pkix-crl"))
    (row,) = seen.of("crl")
    assert len(row["distribution_points"]) == 16  # type: ignore[arg-type]
    cut = [row for row in seen.of("weird") if row["name"] == "log_container_field_truncated"]
    assert [row["addl"] for row in cut] == ["crl"] * told
    counted = {row["name"]: row["num_seen"] for row in seen.of("weird_stats")}
    assert counted.get("log_container_field_truncated", 0) == told


def test_a_certificate_too_large_to_make_an_issuer_known() -> None:
    der = make_root("Root").der
    for most, limits in ((len(der) - 1, {"ct.max_certificate_bytes": 1}), (len(der), {})):
        came = reply(der, b"Content-Type: application/pkix-cert")
        assert seen_of(get(b"/ca.cer"), came, lookup=MemoryLookup(most))[1] == limits


def test_a_group_with_more_events_than_there_is_room_for(tmp_path: Path) -> None:
    base = rule("name|startswith: SYN", service="weird").replace("id:", "name: base\nid:")
    found = rules(tmp_path, base, correlation(COUNTED))
    settings = Settings(rules=RuleSettings(max_group_events=5))
    writer = LogWriter(settings.logs, settings.flow.local_nets, MemorySink())
    writer.observe(engine(found, settings)[0])
    for number in range(12):
        flow = FlowId(f"C{number}", "10.0.0.1", number, "10.0.0.2", 80)
        writer.weird(Weird(number, "SYN_seq_jump", flow, str(number), "TCP"))
    assert writer.limits()["rules.max_group_events"] == 7
