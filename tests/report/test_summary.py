"""What a summary counts."""

from __future__ import annotations

import msgspec
import pytest

from sensor.audit.findings import GRAVE, Finding
from sensor.ocsp.model import CertStatus, Evidence, OcspResponse
from sensor.privacy.leak import Grade
from sensor.report import summary as module
from sensor.report.summary import FileRead, Summary, Told
from sensor.weird import FlowId, Weird

FLOW = FlowId("C", "192.0.2.1", 1, "192.0.2.2", 80)


def told(summary: Summary) -> list[Told]:
    return list(summary.told.values())


def test_every_kind_of_observation_is_taken_and_others_are_not(make) -> None:
    summary = Summary()
    summary.feed(
        [
            make.connection(443, "ssl"),
            make.transaction("text/html"),
            make.exchange("192.0.2.1", "0A"),
            make.leak("192.0.2.1", Grade.exact, "a.example"),
            Weird(1, "odd", FLOW),
            FileRead("x.pcap", 1, 2),
            "something else",
            None,
        ]
    )
    assert summary.ports.counts == {(443, "ssl"): 1}
    assert summary.mime_types.counts == {"text/html": 1}
    assert list(summary.responders) == [b"ocsp.trust.example"]
    assert summary.leaks == 1
    assert summary.weirds.counts == {"odd": 1}
    assert [f.name for f in summary.files] == ["x.pcap"]


def test_ports_and_what_was_lost(make) -> None:
    summary = Summary()
    summary.feed([make.connection(80, "http", 1460), make.connection(80, None), make.connection(80, "http", 40)])
    assert summary.ports.counts == {(80, "http"): 2, (80, None): 1}
    assert (summary.connections, summary.gapped_connections, summary.missed_bytes) == (3, 2, 1500)


def test_mime_types_of_all_transactions_also_those_without_one(make) -> None:
    summary = Summary()
    summary.feed(
        [
            make.transaction("text/html"),
            make.transaction(None),
            make.transaction("text/html", files=False),
            make.transaction("text/html", reply=False),
        ]
    )
    assert summary.mime_types.counts == {"text/html": 1, "(type unknown)": 1, "(no body)": 1, "(no reply)": 1}


@pytest.mark.parametrize(
    ("spelled", "answer"),
    [
        ({}, "good"),
        ({"status": CertStatus.revoked}, "revoked"),
        ({"status": CertStatus.unknown}, "unknown"),
        ({"error": 1}, "malformedrequest"),
        ({"error": 2}, "internalerror"),
        ({"error": 3}, "trylater"),
        ({"error": 4}, "status 4"),
        ({"error": 5}, "sigrequired"),
        ({"error": 6}, "unauthorized"),
        ({"error": 99}, "status 99"),
        ({"status": None}, "no status"),
        ({"replied": False}, "no reply"),
        ({"http_status": 304, "status": None}, "not modified"),
        ({"http_status": 503, "status": None}, "http 503"),
        ({"evidence": Evidence.mismatch}, "mismatched"),
    ],
)
def test_answers(make, spelled: dict[str, object], answer: str) -> None:
    summary = Summary()
    summary.exchange(make.exchange("192.0.2.1", "0A", **spelled))
    assert summary.responders[b"ocsp.trust.example"].answers.counts == {answer: 1}


def test_medians_of_validity_and_delay(make) -> None:
    summary = Summary()
    for days, delay in ((4, 10), (7, 20), (10, 90)):
        summary.exchange(make.exchange("192.0.2.1", "0A", valid_days=days, delay_ms=delay))
    summary.exchange(make.exchange("192.0.2.1", "0A", valid_days=None, replied=False))
    for _ in range(2):  # a reply alone has no delay
        summary.exchange(make.exchange("192.0.2.1", "0A", valid_days=None, evidence=Evidence.response, delay_ms=0))
    responder = summary.responders[b"ocsp.trust.example"]
    assert responder.asked == 6
    assert (responder.validity.median(), responder.delay.median()) == (7 * 86400 * 10**9, 20_000_000)


def test_responders_by_host_or_else_by_address(make) -> None:
    summary = Summary()
    summary.feed([make.exchange("192.0.2.1", "0A", host=h) for h in (b"OCSP.x", b"ocsp.X:80", None)])
    assert {host: r.asked for host, r in summary.responders.items()} == {b"ocsp.x": 2, b"192.0.2.80": 1}


def test_each_disclosure_is_told_once_and_counted(make) -> None:
    summary = Summary()
    for n in (1, 2, 3):
        summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example", "0A", times_seen=n))
    summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example", "0B"))
    summary.leak(make.leak("192.0.2.2", Grade.exact, "a.example", "0A"))
    assert [(t.label, t.times, t.certificates) for t in told(summary)] == [("a.example", 4, 2), ("a.example", 1, 1)]
    totals = (summary.clients_total, summary.sites_total, summary.certificates_total)
    assert [len(t) for t in totals] == [2, 1, 2]


def test_what_stands_in_the_place_of_a_site(make) -> None:
    summary = Summary()
    summary.leak(make.leak("192.0.2.1", Grade.ca, None, names=("Example CA 1",), sites_total=0))
    summary.leak(make.leak("192.0.2.1", Grade.unlisted, None, "0B", issuer="CN=R9", sites_total=0))
    summary.leak(make.leak("192.0.2.1", Grade.unlisted, None, "0C", issuer=None, sites_total=0))
    assert [(t.grade, t.label) for t in told(summary)] == [
        (Grade.ca, "Example CA 1"),
        (Grade.unlisted, "CN=R9"),
        (Grade.unlisted, ""),
    ]
    assert summary.unlisted.counts == {("CN=R9", "0B"): 1, (None, "0C"): 1}
    assert len(summary.sites_total) == 0


def test_evidence_and_revocation_are_remembered(make) -> None:
    summary = Summary()
    summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example", evidence=Evidence.response))
    assert [(t.asked, t.revoked) for t in told(summary)] == [(False, False)]
    summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example", status=CertStatus.revoked, times_seen=2))
    summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example", evidence=Evidence.response, times_seen=3))
    assert [(t.asked, t.revoked) for t in told(summary)] == [(True, True)]


def test_weirds_by_name_with_an_example_of_those_without_a_flow() -> None:
    summary = Summary()
    summary.feed(
        [Weird(1, "a", FLOW, "x"), Weird(1, "b", None, "147"), Weird(1, "b", None, "148"), Weird(1, "a", FLOW)]
    )
    assert summary.weirds.counts == {"a": 2, "b": 2}
    assert summary.weird_examples == {"b": "147"}


def test_memory_is_bounded_and_the_gravest_is_kept(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOLD", 10)
    monkeypatch.setattr(module, "MAX_RESPONDERS", 5)
    monkeypatch.setattr(module, "MAX_DISTINCT", 50)
    summary = Summary()
    for n in range(500):
        if n == 317:
            summary.leak(make.leak("192.0.2.1", Grade.exact, "a.example"))
        summary.leak(make.leak(f"h{n}", Grade.unlisted, None, f"{n:04X}", sites_total=0))
        summary.exchange(make.exchange("192.0.2.1", "0A", host=b"h%d" % n))
        summary.exchange(make.exchange("192.0.2.1", "0A", host=b"busy"))
        assert len(summary.told) <= 21
        assert len(summary.responders) <= 11
    assert any(t.label == "a.example" for t in told(summary))
    assert summary.told_besides + len(summary.told) == 501
    assert summary.leaks == 501
    assert (len(summary.clients_total), summary.clients_total.is_full) == (50, True)
    # The busy one stays, and what was dropped is added up.
    assert summary.responders[b"busy"].asked == 500
    assert summary.other_responders.asked + sum(r.asked for r in summary.responders.values()) == 1000
    assert summary.other_responders.answers.total == summary.other_responders.asked


def test_a_reply_that_is_not_a_basic_one_has_no_status(make) -> None:
    summary = Summary()
    bare = msgspec.structs.replace(make.exchange("192.0.2.1", "0A", status=None), response=OcspResponse(0, "1.2.3"))
    summary.exchange(bare)
    assert summary.responders[b"ocsp.trust.example"].answers.counts == {"no status": 1}


def test_damage_of_captures_is_told_by_place_and_bounded() -> None:
    summary = Summary()
    summary.feed([Weird(1, "record_cut", None, f"x.pcap: byte {n}", "CAPTURE") for n in range(100)])
    assert summary.damage[0] == ("record_cut", "x.pcap: byte 0")
    assert (len(summary.damage), summary.damage_besides, summary.weirds.total) == (64, 36, 0)


def test_what_is_grave_about_replies_is_counted_with_the_first(make) -> None:
    summary = Summary()
    first, second = make.exchange("192.0.2.1", "0A"), make.exchange("192.0.2.1", "0B", host=None)
    expired, mild = Finding.next_update_past, Finding.nonce_missing
    assert expired in GRAVE
    assert mild not in GRAVE
    summary.audits([first, second, first], [(mild,), None, ()])
    assert (summary.audited, summary.unsound) == (2, {})
    summary.audits([second, first], [(expired, mild), (expired, Finding.signature_invalid)])
    assert summary.audited == 4
    counted = {finding: (each.times, each.host, each.serial_number) for finding, each in summary.unsound.items()}
    assert counted == {
        expired: (2, second.flow.resp_h.encode(), "0B"),
        Finding.signature_invalid: (1, b"ocsp.trust.example", "0A"),
    }


def test_a_reply_about_no_certificate_is_counted_too(make) -> None:
    summary = Summary()
    nothing = msgspec.structs.replace(make.exchange("192.0.2.1", "0A"), cert_id=None)
    summary.audits([nothing], [(Finding.success_without_content,)])
    assert summary.unsound[Finding.success_without_content].serial_number == ""
