"""`ocspwatch rules` as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.cli.main import main

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
RULE = f"""
title: A revoked certificate is in use
id: 929a690e-bef0-4204-a928-ef5e620d6fcc
level: high
logsource: {{product: zeek, service: ocsp_exchange}}
detection:
    selection:
        cert_status: revoked
    condition: selection
ocspwatch:
    matches: [{PCAPS}/ocsp/firefox-esr-revoked.pcap]
    ignores: [{PCAPS}/ocsp/firefox-esr.pcap]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "revoked.yml").write_text(RULE)
    return tmp_path


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", str(folder)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:2] == ["high", "ocsp_exchange"] and out[-1] == "1 rules"
    assert main(["rules", "list", "--json", str(folder)]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["id"] == "929a690e-bef0-4204-a928-ef5e620d6fcc" and row["file"] == str(folder / "revoked.yml")


def test_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", str(folder)]) == 0
    (folder / "bad.yml").write_text(RULE.replace("cert_status", "status").replace("high", "great"))
    (folder / "dns.yml").write_text(RULE.replace("ocsp_exchange", "dns").replace("fcc", "fcd"))
    assert main(["rules", "check", str(folder)]) == 2
    told = capsys.readouterr()
    assert f"{folder}/dns.yml:2: note: there is no dns.log here, this rule will never fire" in told.out
    assert told.err.splitlines() == [
        f"ocspwatch: {folder}/bad.yml:4: expected one of informational, low, medium, high, critical, not great",
        f"ocspwatch: {folder}/bad.yml:8: ocsp_exchange has no field status, did you mean http_status?",
    ]


def test_test(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(folder)]) == 0
    assert "2 as they say, 0 not; 0 rules name no capture" in capsys.readouterr().out
    (folder / "lost.yml").write_text(
        RULE.replace("fcc", "fca").replace("firefox-esr.pcap", "none.pcap").replace("firefox-esr-revoked", "no")
    )
    assert main(["rules", "test", str(folder)]) == 2  # each that cannot be read is told, and the others are tried
    told = capsys.readouterr()
    assert "2 as they say, 0 not" in told.out and len(told.err.splitlines()) == 2
    assert all(f"ocspwatch: {folder}/lost.yml:2: A revoked" in line for line in told.err.splitlines())
    assert main(["rules", "check", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/lost.yml:11: note: there is no capture {PCAPS}/ocsp/no.pcap",
        f"{folder}/lost.yml:12: note: there is no capture {PCAPS}/ocsp/none.pcap",
        "2 rules are right",
    ]
    (folder / "lost.yml").unlink()
    path = folder / "revoked.yml"
    path.write_text(RULE.replace("ignores: [", "ignores: [" + f"{PCAPS}/ocsp/firefox-esr-revoked.pcap, "))
    assert main(["rules", "test", "-q", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines()[0].startswith("FAIL A revoked certificate is in use: fires on")
    path.write_text(RULE.replace("firefox-esr.pcap", "none.pcap"))
    assert main(["rules", "test", str(folder)]) == 2
    assert "none.pcap" in capsys.readouterr().err


def test_replay(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = str(PCAPS / "ocsp" / "firefox-esr-revoked.pcap")
    assert main(["replay", capture, "--json", "-q", "--rules", str(folder)]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["rule_level"] for line in lines if line.get("rule_id")] == ["high"]
    (folder / "bad.yml").write_text("title: x")
    assert main(["replay", capture, "--json", "--rules", str(folder)]) == 2
    assert f"ocspwatch: {folder}/bad.yml:1: expected logsource" in capfd.readouterr().err


def test_convert(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sigma.backends.splunk", reason="needs pySigma's backends (the extra convert)")
    path = str(folder / "revoked.yml")
    for target, query in (
        ("splunk", 'source="*ocsp_exchange.log" cert_status="revoked"'),
        ("elasticsearch", "_path:ocsp_exchange AND cert_status:revoked"),
        ("sqlite", "SELECT * FROM ocsp_exchange WHERE cert_status='revoked' COLLATE NOCASE"),
    ):
        assert main(["rules", "convert", "--to", target, path]) == 0
        assert capsys.readouterr().out == f"{query}\n"
    (folder / "word.yml").write_text(RULE.replace("cert_status: revoked", "'|all': [a, b]").replace("fcc", "fcd"))
    assert main(["rules", "convert", "--to", "sqlite", str(folder)]) == 2
    told = capsys.readouterr()
    assert "cert_status" in told.out and "word.yml:2: " in told.err


def test_convert_tells_of_each_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A document that has no query, or a mistake, keeps none of the others from theirs."""
    pytest.importorskip("sigma.backends.splunk", reason="needs pySigma's backends (the extra convert)")
    several = [RULE.replace("fcc", f"fc{n}") for n in "abd"]
    several[1] = several[1].replace("cert_status: revoked", "'|all': [a, b]").replace("title: A", "title: B")
    several[2] = several[2].replace("cert_status", "cert_stratus")
    (folder / "several.yml").write_text("---\n".join(several))
    (folder / "revoked.yml").unlink()
    assert main(["rules", "convert", "--to", "sqlite", str(folder)]) == 2
    told = capsys.readouterr()
    assert told.out.count("SELECT * FROM ocsp_exchange WHERE cert_status='revoked'") == 1
    assert len(told.err.splitlines()) == 2
    assert "several.yml:" in told.err and "B revoked certificate is in use" in told.err and "cert_stratus" in told.err


@pytest.mark.parametrize("target", ["splunk", "elasticsearch", "sqlite"])
def test_convert_what_is_shipped(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sigma.backends.splunk", reason="needs pySigma's backends (the extra convert)")
    shipped = PCAPS.parent / "rules"
    assert main(["rules", "convert", "--to", target, str(shipped / "zeek_http_brute_force.yml")]) == 0
    told = capsys.readouterr()
    assert "401" in told.out and not told.err
    code = main(["rules", "convert", "--to", target, str(shipped / "zeek_log4shell_chain.yml")])
    told = capsys.readouterr()
    assert (code, told.err == "") == ((0, True) if target == "sqlite" else (2, False))
