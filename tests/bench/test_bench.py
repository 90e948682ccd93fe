"""The loads are what they say, and the tables tell a kept promise from a missed one."""

from __future__ import annotations

import struct
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import table  # noqa: E402  (it lies beside this file, which is no package)
from mkload import FIRST_PACKET, KINDS, make_load  # noqa: E402  (as above)


def _packets(path: Path) -> list[tuple[int, bytes]]:
    """(microseconds, frame) of each record of a classic pcap."""
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    at, found = 24, []
    while at < len(data):
        seconds, micros, length, original = struct.unpack_from("<IIII", data, at)
        assert length == original
        found.append((seconds * 1_000_000 + micros, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return found


@pytest.mark.parametrize(
    ("kind", "count", "packets"),
    [("dense", 3, 30), ("mixed", 2, 220), ("bulk", 65, 5 + 48684 + 10 + 2), ("churn", 1001, 3003 + 10)],
)
def test_a_load_has_its_packets(kind: str, count: int, packets: int, tmp_path: Path) -> None:
    path = tmp_path / "load.pcap"
    make_load(kind, count, path, tmp_path / "load.pem")
    found = _packets(path)
    assert len(found) == packets
    times = [time for time, _ in found]
    assert {later - time for time, later in pairwise(times)} == {17}
    for _, frame in found:
        assert frame[12:14] == b"\x08\0" and int.from_bytes(frame[16:18], "big") == len(frame) - 14
    assert (tmp_path / "load.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 201


def test_replies_are_of_the_packets_time_and_signed(tmp_path: Path) -> None:
    """One that is of the wall clock would be from the future, and cost what rules do about that."""
    path = tmp_path / "load.pcap"
    make_load("dense", 3, path, tmp_path / "load.pem")
    authority = x509.load_pem_x509_certificates((tmp_path / "load.pem").read_bytes())[0]
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    bodies = [frame[54:].partition(b"\r\n\r\n")[2] for _, frame in _packets(path) if frame[54:].startswith(b"HTTP/1.1")]
    assert len(bodies) == 3
    for body in bodies:
        reply = ocsp.load_der_ocsp_response(body)
        assert reply.produced_at_utc == reply.this_update_utc
        assert reply.produced_at_utc.timestamp() < FIRST_PACKET / 1e6
        key.verify(reply.signature, reply.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
        assert reply.public_bytes(serialization.Encoding.DER) == body


def test_the_download_is_as_long_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "load.pcap"
    make_load("bulk", 1, path)
    bodies: Counter[bytes] = Counter()
    for _, frame in _packets(path):
        bodies[frame[26:30]] += len(frame) - 54
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n"
    assert bodies[bytes((192, 0, 2, 9))] == len(head) + (1 << 20)


def test_a_dense_load_alternates_get_and_post(tmp_path: Path) -> None:
    path = tmp_path / "load.pcap"
    make_load("dense", 4, path)
    requests = [frame[54:58] for _, frame in _packets(path) if frame[54:58] in (b"GET ", b"POST")]
    assert requests == [b"GET ", b"POST", b"GET ", b"POST"]
    assert set(KINDS) == {"dense", "mixed", "bulk", "churn"}


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (table.Target("faster", 12), 12.0, True),
        (table.Target("faster", 12), 11.9, False),
        (table.Target("within", 3), 0.34, True),
        (table.Target("within", 3), 0.33, False),
        (table.Target("within", 3), 5.0, True),
    ],
)
def test_promises(target: table.Target, ratio: float, met: bool) -> None:
    assert target.met(ratio) is met
    row = table.Row("dense 1", "tshark", ratio, 1 << 20, 2 << 20, target)
    text = table.render_report([row], [], 5)
    assert ("kept |" in text) is met and ("**missed** |" in text) is not met


def test_growth_and_memory_are_judged() -> None:
    straight = table.Growth("dense 1", (1.0, 1.02, 0.97, 1.09), 249 << 20)
    bent = table.Growth("dense 1", (1.0, 1.1, 1.2, 1.3), 251 << 20)
    assert "**missed**" not in table.render_report([], [straight], 5)
    assert table.render_report([], [bent], 5).count("**missed**") == 2


def test_figures_replace_figures(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{table.MARKS[0]}\nold\n{table.MARKS[1]}\nafter\n")
    table.replace_figures(path, "new")
    table.replace_figures(path, "newer")
    assert path.read_text() == f"before\n{table.MARKS[0]}\n\nnewer\n\n{table.MARKS[1]}\nafter\n"


def test_the_readme_has_a_place_for_the_figures_and_no_bare_seconds() -> None:
    text = (HERE / "README.md").read_text()
    assert text.index(table.MARKS[0]) < text.index(table.MARKS[1])
    assert " s |" not in text and "seconds" not in text


def test_a_hundred_rules_are_right_and_the_load_has_nothing_for_them(tmp_path: Path) -> None:
    from hundred import write_rules

    from sensor.cli.rule_trial import Trial
    from sensor.rules.loader import load_rules
    from sensor.settings import RuleSettings, Settings

    assert write_rules(tmp_path / "hundred.yml") == 100
    rules = load_rules([tmp_path / "hundred.yml"], RuleSettings())
    assert len(rules.rules) == 100
    make_load("dense", 4, tmp_path / "load.pcap", tmp_path / "load.pem")
    trial = Trial(rules, Settings())
    assert trial.fired(tmp_path / "load.pcap") == frozenset()
    trial.close()


def test_several_workers_are_judged_by_their_work() -> None:
    made = [table.Sharing("dense 9", 2, 1.5, 1.7, 1.9, 80 << 20), table.Sharing("dense 9", 2, 1.6, 1.69, 1.9, 80 << 20)]
    report = table.render_report([], [], 3, made)
    assert "| `dense 9` | 2 | 1.50 | 1.70 | 1.90 | kept | 80 |" in report
    assert "| 1.60 | 1.69 | 1.90 | **missed** |" in report
