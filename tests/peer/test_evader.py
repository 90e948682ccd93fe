"""HTTP Evader through the whole program: a capture in, files.log with the EICAR body's SHA-256 out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.settings import HttpSettings, Settings
from tests.http.test_reader_evader import NOT_RECOVERED, SHA256
from tests.peer.score import replay


@pytest.mark.needs("shared/corpus/http_evader.json")
def test_bodies_are_recovered_from_captures(shared: Path, tmp_path: Path) -> None:
    """As many as the reader alone recovers: what stands before it in the program loses none."""
    corpus = shared / "corpus"
    settings = Settings(http=HttpSettings(hash_bodies="all"))
    cases = json.loads((corpus / "http_evader.json").read_text())
    lost = set()
    for case in cases:
        number = case.rpartition("-")[2]
        logs = tmp_path / number
        _, complete = replay(corpus / "captures" / "OISF_suricata-verify" / case / "input.pcap", logs, settings)
        assert complete, case
        files = logs / "files.log"
        rows = [json.loads(line) for line in files.read_text().splitlines()] if files.exists() else []
        if not any(row.get("sha256") == SHA256 for row in rows):
            lost.add(number)
    assert len(cases) > 200
    assert lost == set(NOT_RECOVERED)
    found = len(cases) - len(lost)
    figure = f"in {found} of {len(cases)} cases ({100 * found / len(cases):.1f} %)"
    assert figure in (Path(__file__).parent / "README.md").read_text()
