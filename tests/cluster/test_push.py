"""A store into a real cluster: what goes, what stays, how long it lasts, and what an interruption costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from sensor.cluster import push as pushing
from sensor.cluster.entries import Keys, issuer_id
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost, Nodes
from sensor.cluster.push import Push, Pushed, PushError
from sensor.ct.lookup import MAX_CRL_USE
from sensor.ct.schema import StoreError
from sensor.ct.store_sink import StoreSink
from sensor.pki.certificates import decode_certificate
from sensor.settings import CtSettings
from tests.cluster.servers import Cluster
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import START, make_root
from tests.ct.stores import NOW, StoreBench
from tests.ct.test_store_sink import AT, LOG

ROOT = make_root("Root")
SUB = ROOT.intermediate("Sub")
STRANGER = make_root("Stranger")
ENDS = int(START.timestamp()) + 90 * 86400
BEFORE = int(START.timestamp())
KEYS = Keys("ocspwatch")
URL = "http://crl.example/1.crl"
CRL = x509.DistributionPoint([x509.UniformResourceIdentifier(URL)], None, None, None)
POINT = ((x509.CRLDistributionPoints([CRL]), False),)
LEAVES = [SUB.issue(f"{n}.example", serial=0x100 + n, extra=POINT) for n in range(MAX_CRL_USE + 6)]


@pytest.fixture
def bench(tmp_path: Path) -> StoreBench:
    bench = StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path)
    bench.load(ROOT.pem + SUB.pem, *LEAVES, STRANGER.issue("waits.example"))
    return bench


class Recorded:
    """Takes everything, but what it is told to lose."""

    def __init__(self) -> None:
        self.values: dict[bytes, tuple[bytes, ...]] = {}
        self.asked = 0
        self.lose = 0

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        replies: list[Answered] = []
        for command in commands:
            self.asked += 1
            if self.lose:
                self.lose -= 1
                replies.append(Lost("no answer in time"))
            else:
                self.values[b" ".join(command[:2])] = command
                replies.append(b"OK")
        return replies

    def close(self) -> None:
        """Nothing to close."""


def test_what_goes_and_what_stays(bench: StoreBench) -> None:
    nodes = Recorded()
    done = Push(bench.path, nodes, "ocspwatch", BEFORE).run()
    assert done == Pushed(issuers=2, certificates=len(LEAVES) + 2, crls=1, unverified=1)
    sets = [command for command in nodes.values.values() if command[0] == b"SET" and b":c:" in command[1]]
    assert {command[4] for command in sets} == {b"%d" % ENDS}
    (members,) = (command[2:] for command in nodes.values.values() if command[0] == b"ZADD")
    assert len(members) // 2 == MAX_CRL_USE + 1


def test_what_has_expired_stays(bench: StoreBench) -> None:
    done = Push(bench.path, Recorded(), "ocspwatch", ENDS).run()
    assert (done.certificates, done.expired, done.crls) == (0, len(LEAVES) + 2, 0)


def test_beside_a_sync_all_of_the_moment_it_began(bench: StoreBench) -> None:
    """Every row waits when it begins, and is in a file, or merged into a second, when it is looked at."""
    rows = 40
    sink = StoreSink(bench.path, 250, 1 << 30)
    sink.add_issuers([logged_issuer(SUB)])
    sink.add([logged(SUB, SUB.issue(f"s{n}.example", serial=0x9000 + n)) for n in range(rows)], "a log", NOW)
    sink.commit(LOG, AT)
    sink.close()
    begun: list[int] = []

    class Writes(Recorded):
        def ask(self, commands: Sequence[Command]) -> list[Answered]:
            if not begun:
                begun.append(1)
                for first in (0xA000, 0xB000):
                    sink = StoreSink(bench.path, 250, flush_rows=1)
                    sink.add_issuers([logged_issuer(SUB)])
                    more = [SUB.issue(f"m{n}.example", serial=first + n, extra=POINT) for n in range(rows)]
                    sink.add([logged(SUB, der) for der in more], "another log", NOW)
                    sink.commit(LOG, AT)
                    sink.close()
            return super().ask(commands)

    done = Push(bench.path, Writes(), "ocspwatch", BEFORE).run()
    assert done == Pushed(issuers=2, certificates=len(LEAVES) + 2 + rows, crls=1, unverified=1)


def test_only_what_is_new(bench: StoreBench) -> None:
    assert Push(bench.path, Recorded(), "ocspwatch", BEFORE, since=NOW).run().old == 0
    done = Push(bench.path, Recorded(), "ocspwatch", BEFORE, since=NOW + 1).run()
    assert (done.certificates, done.old) == (0, len(LEAVES) + 2)


def test_what_a_node_did_not_take_is_sent_again(bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_FIRST_WAIT_S", 0.001)
    whole, lossy = Recorded(), Recorded()
    Push(bench.path, whole, "ocspwatch", BEFORE).run()
    lossy.lose = 7
    Push(bench.path, lossy, "ocspwatch", BEFORE).run()
    assert lossy.values == whole.values
    assert lossy.asked == whole.asked + 7


def test_one_that_never_takes_it_ends_the_push(bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_FIRST_WAIT_S", 0.001)
    nodes = Recorded()
    nodes.lose = 10**9
    push = Push(bench.path, nodes, "ocspwatch", BEFORE)
    with pytest.raises(PushError, match="no answer in time"):
        push.run()
    assert push.done.certificates == 0


def test_called_off_while_it_waits(bench: StoreBench) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(PushError, match="stopped"):
        Push(bench.path, Recorded(), "ocspwatch", BEFORE, stop=stop).run()


def test_batches_are_told_and_bounded(bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "BATCH", 10)
    sizes: list[int] = []

    class Sized(Recorded):
        def ask(self, commands: Sequence[Command]) -> list[Answered]:
            sizes.append(len(commands))
            return super().ask(commands)

    told: list[int] = []
    Push(bench.path, Sized(), "ocspwatch", BEFORE, told=lambda done: told.append(done.seen)).run()
    assert max(sizes) == 10
    assert told == sorted(told)
    assert len(told) == len(sizes)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Push(tmp_path / "absent.sqlite", Recorded(), "ocspwatch", BEFORE).run()


@pytest.mark.needs("redis-server", "redis-cli")
def test_twice_into_a_real_one(cluster: Cluster, tmp_path: Path) -> None:
    """By the servers' clock a certificate lasts until it expires, a CRL's set as long as its last one, issuers stay."""
    soon = int(time.time()) + 3600
    nodes = Nodes(cluster.settings)
    bench = StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path)
    bench.load(ROOT.pem + SUB.pem, *LEAVES)

    class Soon(Recorded):
        """Moves the expiry to an hour from now."""

        def ask(self, commands: Sequence[Command]) -> list[Answered]:
            old = b"%d" % ENDS
            return nodes.ask([tuple(b"%d" % soon if w == old else w for w in command) for command in commands])

    def contents() -> list[tuple[bytes, ...]]:
        named = issuer_id(decode_certificate(SUB.der, 0))
        keys = [KEYS.certificate(named, (0x100 + n).to_bytes(2, "big")) for n in range(len(LEAVES))]
        return [
            *((value,) for value in nodes.ask([(b"GET", key) for key in keys])),  # type: ignore[misc]  # values
            tuple(nodes.ask([(b"ZREVRANGE", KEYS.crl(URL), b"0", b"-1")])[0]),  # type: ignore[arg-type]  # a list
        ]

    assert Push(bench.path, Soon(), "ocspwatch", BEFORE).run().certificates == len(LEAVES) + 2
    first = contents()
    assert len(first[-1]) == MAX_CRL_USE + 1
    assert all(value[0] for value in first[:-1])
    Push(bench.path, Soon(), "ocspwatch", BEFORE).run()
    assert contents() == first
    named = issuer_id(decode_certificate(SUB.der, 0))
    left = nodes.ask(
        [
            (b"TTL", KEYS.certificate(named, b"\x01\x00")),
            (b"TTL", KEYS.crl(URL)),
            (b"TTL", KEYS.authority(named)),
        ]
    )
    assert all(isinstance(seconds, int) and 3000 < seconds <= 3600 for seconds in left[:2]), left
    assert left[2] == -1
    nodes.close()
