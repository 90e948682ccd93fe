"""What else is in the capture changes nothing; the same frames give the same bytes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.settings_file import override
from tests.flow.frames import Frame, ethernet, ip4, tcp, udp
from tests.invariance.replay import PCAPS, SETTINGS, by_request, captures, frames_of, ours, read, replay, whole


def noise(dice: random.Random, ts: int) -> Frame:
    """A frame of a stranger: SYNs, lone data, broken headers, fragments of nothing, HTTP that is none."""
    src = f"10.66.{dice.randrange(256)}.{dice.randrange(1, 255)}"
    port = dice.randrange(1, 65536)
    kind = dice.randrange(8)
    seq = dice.randrange(2**32)
    if kind < 3:
        return Frame(ts, ethernet(ip4(src, "198.51.100.40", tcp(port, 80, seq, 0, 2))))
    if kind == 3:
        return Frame(ts, ethernet(ip4(src, "198.51.100.40", tcp(port, 80, seq, 1, 24, dice.randbytes(200)))))
    if kind == 4:
        return Frame(ts, ethernet(ip4(src, "198.51.100.40", dice.randbytes(64), 6, ident=port, more=True)))
    if kind == 5:
        return Frame(ts, ethernet(ip4(src, "198.51.100.40", udp(port, 53, dice.randbytes(30)), 17)))
    if kind == 6:
        return Frame(ts, dice.randbytes(dice.randrange(80)))
    text = b"GET /" + dice.randbytes(20).hex().encode() + b" HTTP/1.1\r\nHost: a.example\r\n\r\n"
    return Frame(ts, ethernet(ip4(src, "198.51.100.40", tcp(port, 80, seq, 1, 24, text))))


@pytest.mark.parametrize("name", captures())
def test_isolation_from_strangers(name: str) -> None:
    dice = random.Random(name)
    mixed = []
    for frame in frames_of(name):
        mixed += [noise(dice, frame.ts) for _ in range(dice.randrange(30))]
        mixed.append(frame)
    assert replay(mixed).told() == whole(name).told()


def test_isolation_of_captures_one_after_the_other() -> None:
    """All of ours in one, the same addresses and ports again and again, ten minutes between them."""
    frames: list[Frame] = []
    expected = []
    for name in ours():
        start = frames[-1].ts + 600 * 10**9 if frames else 0
        own = frames_of(name)
        frames += [frame._replace(ts=start + frame.ts - own[0].ts) for frame in own]
        expected += whole(name).told()
    seen = replay(frames)
    assert seen.told() == sorted(expected, key=repr)
    assert len(by_request(seen)) > 100


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("size", [1, 3, 50])
def test_determinism_whatever_the_batches(name: str, size: int) -> None:
    """Not only the exchanges: every byte of every log."""
    assert replay(frames_of(name), size).logs == whole(name).logs


@pytest.mark.parametrize("name", ["crl-after-ocsp", "ocsp-after-crl", "crl-emptied", "revoked-on-crl"])
def test_determinism_of_crls_whatever_the_batches(name: str) -> None:
    """A CRL is read while packets are, and questions are told of by the batch."""
    frames = read(PCAPS / "revocation" / f"{name}.pcap")
    for settings in (SETTINGS, override(SETTINGS, {"crl.max_remembered": 1})):
        alone = replay(frames, 1, settings).logs
        assert all(replay(frames, size, settings).logs == alone for size in (0, 3, 10))
    if name == "crl-after-ocsp":
        assert b'"asked_serials":' in alone["crl"]


def test_determinism_whatever_the_hash_seed(repository: Path) -> None:
    code = """
import sys, hashlib; sys.path.insert(0, ".")
from tests.invariance.replay import ours, whole
print(hashlib.sha256(repr([sorted(whole(name).logs.items()) for name in ours()]).encode()).hexdigest())
"""
    told = set()
    for seed in ("0", "1", "99"):
        env = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=repository, env=env
        )
        told.add(run.stdout)
    assert len(told) == 1
    assert len(told.pop()) == 65
