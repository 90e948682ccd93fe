"""What real clients fetched in the corpus: a CRL of Let's Encrypt's root, certificates of Microsoft's; with OpenSSL."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings
from tests.conftest import SHARED
from tests.pki.crl_text import openssl_facts, our_facts
from tests.pki.crls import read

CAPTURES = SHARED / "corpus" / "captures"
CRL = CAPTURES / "OISF_suricata-verify/tests/tls/tls-subjectaltname/input.pcap"
CERTIFICATES = CAPTURES / "ntop_nDPI/tests/cfgs/default/pcap/tls_certificate_too_long.pcap"


def replayed(path: Path) -> MemorySink:
    settings = Settings()
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    source = open_inputs([str(path)], settings.capture)
    try:
        Pipeline(settings, MemoryLookup(), writer, None).run(source)
    finally:
        source.close()
        writer.close()
    return sink


def objects(path: Path, folder: Path, beginning: bytes) -> list[bytes]:
    """What tshark takes out of the HTTP replies and begins so."""
    words = ["tshark", "-q", "-r", str(path), "--export-objects", f"http,{folder}"]
    subprocess.run(words, check=True, capture_output=True)
    found = (each.read_bytes() for each in sorted(folder.iterdir()))
    return [data for data in found if data.startswith(beginning)]


@pytest.mark.needs("tshark", "openssl", "shared/corpus/captures")
def test_a_crl_of_lets_encrypt(tmp_path: Path) -> None:
    sink = replayed(CRL)
    (line,) = sink.records("crl")
    (der,) = (each for each in objects(CRL, tmp_path, b"0\x82") if openssl_facts(each) is not None)
    facts = openssl_facts(der)
    assert facts is not None
    assert our_facts(*read(der)) == facts
    assert (line["url"], line["issuer"], line["size"]) == ("http://x1.c.lencr.org/", facts["issuer"], len(der))
    assert (line["this_update"], line["next_update"]) == (facts["this_update"], facts["next_update"])
    assert int(line["crl_number"], 16) == facts["number"]
    assert line["audit"] == ["signature_not_checked:issuer_unknown", "validity_long_unless_ca"]
    (leak,) = (each for each in sink.records("leak") if each["channel"] == "crl")
    assert (leak["grade"], leak["software"]) == ("unlisted", "Windows CryptoAPI")


@pytest.mark.needs("tshark", "openssl", "shared/corpus/captures")
def test_issuers_certificates_of_microsoft(tmp_path: Path) -> None:
    sink = replayed(CERTIFICATES)
    lines = sink.records("x509")
    assert len(lines) == 2
    for line, der in zip(lines, objects(CERTIFICATES, tmp_path, b"0\x82"), strict=True):
        words = [
            "openssl",
            "x509",
            "-inform",
            "DER",
            "-noout",
            "-subject",
            "-issuer",
            "-serial",
            "-fingerprint",
            "-sha256",
        ]
        done = subprocess.run([*words, "-nameopt", "RFC2253"], input=der, capture_output=True, check=True)
        said = dict(re.findall(r"(?m)^(\w+)(?: Fingerprint)?=(.*)$", done.stdout.decode()))
        assert line["certificate.subject"] == said["subject"]
        assert line["certificate.issuer"] == said["issuer"]
        assert line["certificate.serial"] == said["serial"]
        assert line["fingerprint"] == said["sha256"].replace(":", "").lower()
    leaks = [each for each in sink.records("leak") if each["channel"] == "ca_issuers"]
    assert {each["grade"] for each in leaks} == {"ca"}
    assert leaks[0]["software"].startswith("Apple")
