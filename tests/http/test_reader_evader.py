"""HTTP Evader: replies that hide their body from who is not as lenient as a browser (H1, issue 7)."""

from __future__ import annotations

import json
from pathlib import Path

import dpkt
import pytest

from sensor.settings import HttpSettings
from tests.http.wire import answer, ask, hear

SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
NOT_RECOVERED = {  # by case, and why
    "040": "chunks of twice the Content-Length: the chunks count",
    "146": "three content codings: two are undone",
    "248": "Content-Length 34, folded with 68: the first counts",
    "250": "Content-Length 34, and 68 as a comment: the first counts",
    "266": "no status line to a request of HTTP/1.1",
    "447": "status 100 has no body",
    "449": "status 102 has no body",
    "450": "status 204 has no body",
    "453": "status 304 has no body",
    "476": "status 204 has no body, chunked or not",
}
"""May only get shorter."""


def _spoken(capture: Path) -> tuple[bytes, bytes]:
    """What client and server say in a capture whose segments are whole and in order."""
    said = {True: b"", False: b""}
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            segment = dpkt.ethernet.Ethernet(frame).data.data
            said[segment.dport == 80] += bytes(segment.data)
    return said[True], said[False]


@pytest.mark.needs("shared/corpus/http_evader.json")
def test_bodies_are_recovered(shared: Path) -> None:
    settings = HttpSettings(hash_bodies="all")
    corpus = shared / "corpus"
    cases = json.loads((corpus / "http_evader.json").read_text())
    lost = set()
    for case in cases:
        asked, answered = _spoken(corpus / "captures" / "OISF_suricata-verify" / case / "input.pcap")
        steps = (ask(asked), answer(answered))
        heard = hear(*steps, settings=settings)
        digests = [
            file.digests.sha256
            for item in heard.transactions
            if item.response is not None
            for file in item.response.files
            if file.digests is not None
        ]
        if SHA256 not in digests:
            lost.add(case.rpartition("-")[2])
        assert hear(*steps, mode="bytewise", settings=settings).transactions == heard.transactions, case
    assert lost == set(NOT_RECOVERED)
    assert len(lost) <= 0.05 * len(cases)
