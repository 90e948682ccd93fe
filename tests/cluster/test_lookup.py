"""The look-up over a real cluster: a node that dies, values that somebody planted, and what is remembered.

That it obeys the contract is tests/contract's to show.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sensor.cluster.entries import Keys, encode_entry, issuer_id
from sensor.cluster.issuers import FIRST_NUMBER
from sensor.cluster.lookup import ClusterLookup
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Lost, Nodes, key_slot
from sensor.cluster.push import Push
from sensor.ct.deferred import DeferredLookup
from sensor.ct.lookup import Answer, CrlUse, Found, NotFound, Unavailable
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.pki.certificates import decode_certificate
from sensor.pki.name_text import decode_name
from sensor.settings import ClusterSettings, CtSettings
from tests.cluster.servers import Cluster, Lasting
from tests.ct.pki import make_root
from tests.ct.stores import StoreBench

REDIS = pytest.mark.needs("redis-server", "redis-cli")
ROOT = make_root("Root")
SUB = ROOT.intermediate("Sub")
SERIALS = range(0x100, 0x128)
LEAVES = {serial: SUB.issue(f"host-{serial:x}.example", serial=serial) for serial in SERIALS}
IDS = [SUB.cert_id(serial) for serial in SERIALS]
KEYS = Keys("ocspwatch")
SUB_ID = issuer_id(decode_certificate(SUB.der, 0))


def filled(folder: Path) -> StoreBench:
    bench = StoreBench(CtSettings(path=str(folder / "filled.sqlite")), folder)
    bench.load(ROOT.pem + SUB.pem, *LEAVES.values())
    return bench


def push(cluster: Cluster, folder: Path) -> None:
    nodes = Lasting(cluster.settings)
    Push(filled(folder).path, nodes, "ocspwatch", 1_770_000_000).run()
    nodes.close()


class Asked:
    """Nodes that count, and may be told what to say."""

    def __init__(self, inner: Nodes | None = None) -> None:
        self.inner = inner
        self.commands: list[Command] = []
        self.values: dict[bytes, Answered] = {}

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        self.commands += commands
        if self.inner is None:
            return [self.values.get(command[1]) for command in commands]
        return self.inner.ask(commands)

    def close(self) -> None:
        if self.inner is not None:
            self.inner.close()


NewLookup = Callable[..., ClusterLookup]


@pytest.fixture
def new_lookup(tmp_path: Path) -> Iterator[NewLookup]:
    made: list[ClusterLookup] = []

    def make(
        nodes: Nodes | Asked, path: Path | None = None, clock: Callable[[], float] = time.monotonic, **ct: int
    ) -> ClusterLookup:
        settings = CtSettings(path=str(path or tmp_path / "absent.sqlite"), **ct)
        cluster = ClusterSettings(nodes=("a:1",), believed_s=60.0)
        made.append(ClusterLookup(StoreLookup(settings), nodes, cluster, settings, clock))
        return made[-1]

    yield make
    for lookup in made:
        lookup.close()


def name_of(answer: Answer) -> str:
    assert isinstance(answer, Found), answer
    return answer.certificate.dns_names[0]


def truth(cert_id: CertId) -> str:
    return f"host-{int(cert_id.serial_number, 16):x}.example"


@REDIS
def test_one_node_killed_under_load(tmp_path: Path) -> None:
    """As `live` asks, behind a thread: while a node dies and after it, every answer is right, Unavailable, or comes
    later; those of the other nodes' certificates go on coming."""
    cluster = Cluster(tmp_path)
    push(cluster, tmp_path)
    ct = CtSettings(path=str(tmp_path / "absent.sqlite"), answer_within_ms=200)
    settings = ClusterSettings(nodes=cluster.nodes, tls=False, timeout_ms=1000, retry_s=0.2, believed_s=0.0)
    seen = ClusterLookup(StoreLookup(ct), Nodes(settings), settings, ct)
    # The thread of the one behind opens its own.
    lookup = DeferredLookup(
        lambda: ClusterLookup(StoreLookup(ct), Nodes(settings), settings, ct), ct, clock=_clock_of_no_memory()
    )
    try:
        assert [name_of(answer) for answer in seen.lookup(IDS)] == [truth(i) for i in IDS]
        probe = Nodes(settings)
        probe.ask([(b"GET", b"x")])
        (issuer,) = {KEYS.issuer(i.hash_algorithm, i.issuer_name_hash, i.issuer_key_hash) for i in IDS}
        holder = probe._slots[key_slot(issuer)][1]  # who knows whose they all are
        victim = next(server for server in cluster.servers if server.port == holder)
        his = {i for i in IDS if probe._slots[_slot(i)][1] == victim.port}
        probe.close()
        assert 0 < len(his) < len(IDS)

        late: dict[CertId, Answer] = {}
        before = after = refused = 0
        until = time.monotonic() + 15
        while not any(isinstance(answer, Found) for answer in lookup.lookup(IDS)):  # it has asked, by its own nodes
            assert time.monotonic() < until
        killer = threading.Timer(0.2, victim.kill)
        killer.start()
        while after < 100 or refused < 20:
            assert time.monotonic() < until
            for cert_id, answer in zip(IDS, lookup.lookup(IDS), strict=True):
                _is_right(cert_id, answer)
                killed = not killer.is_alive()
                before += isinstance(answer, Found) and not killed
                after += isinstance(answer, Found) and killed
                refused += isinstance(answer, Unavailable) and killed and cert_id in his
            for cert_id, answer in lookup.take_late():
                _is_right(cert_id, answer)
                late[cert_id] = answer
                after += isinstance(answer, Found)
        killer.join()
        assert before
        direct = seen.lookup(IDS)
        assert {i for i, answer in zip(IDS, direct, strict=True) if isinstance(answer, Unavailable)} == his
        assert all(name_of(answer) == truth(i) for i, answer in zip(IDS, direct, strict=True) if i not in his)
        assert seen.counts.lost >= len(his)
    finally:
        lookup.close()
        seen.close()
        cluster.close()


def _clock_of_no_memory() -> Callable[[], float]:
    """So that every answer is asked for again."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 10
        return now

    return clock


def _slot(cert_id: CertId) -> int:
    return key_slot(KEYS.certificate(SUB_ID, bytes.fromhex(cert_id.serial_number)))


def _is_right(cert_id: CertId, answer: Answer) -> None:
    if isinstance(answer, Found):
        assert name_of(answer) == truth(cert_id)
        assert answer.issuer.common_name == "Sub"
    else:
        assert isinstance(answer, Unavailable), answer


@REDIS
class TestWhole:
    def test_the_store_is_asked_first(self, cluster: Cluster, new_lookup: NewLookup, tmp_path: Path) -> None:
        asked = Asked(Nodes(cluster.settings))
        lookup = new_lookup(asked, filled(tmp_path).path)
        assert [name_of(answer) for answer in lookup.lookup(IDS)] == [truth(i) for i in IDS]
        assert asked.commands == []
        (answer,) = lookup.lookup([SUB.cert_id(0x999)])
        assert isinstance(answer, NotFound)
        assert answer.issuer is not None
        assert 0 < answer.issuer.number < FIRST_NUMBER
        assert [command[0] for command in asked.commands] == [b"GET"]  # whose it is, the store knows

    def test_a_batch_is_one_question_of_each_kind(
        self, cluster: Cluster, new_lookup: NewLookup, tmp_path: Path
    ) -> None:
        push(cluster, tmp_path)
        asked = Asked(Nodes(cluster.settings))
        lookup = new_lookup(asked)
        assert [name_of(answer) for answer in lookup.lookup([*IDS, *IDS])] == [truth(i) for i in (*IDS, *IDS)]
        assert len(asked.commands) == 2 + len(IDS)  # whose, its certificate, and each of them once
        assert lookup.counts.found == len(IDS)
        lookup.lookup(IDS)
        assert len(asked.commands) == 2 + len(IDS)

    def test_it_takes_little(self, cluster: Cluster, tmp_path: Path) -> None:
        """Octets that the cluster needs of memory for a certificate: told in docs/cluster.md."""
        push(cluster, tmp_path)
        key = KEYS.certificate(SUB_ID, bytes.fromhex(IDS[0].serial_number))
        nodes = Nodes(cluster.settings)
        ((value,),) = [nodes.ask([(b"GET", key)])]
        assert isinstance(value, bytes)
        assert len(value) < 100
        nodes.close()


ONE = IDS[0]
TRIPLE = (ONE.hash_algorithm, ONE.issuer_name_hash, ONE.issuer_key_hash)


@pytest.fixture
def planted() -> Asked:
    asked = Asked()
    asked.values = {
        KEYS.issuer(*TRIPLE): SUB_ID,
        KEYS.authority(SUB_ID): SUB.der,
        KEYS.certificate(SUB_ID, bytes.fromhex(ONE.serial_number)): encode_entry(
            decode_certificate(LEAVES[0x100], 250).facts, "Log", 1
        ),
    }
    return asked


class TestPlanted:
    """Whoever may write to the cluster writes what he likes: what cannot be is refused, counted, and not there."""

    def test_what_is_right(self, planted: Asked, new_lookup: NewLookup) -> None:
        lookup = new_lookup(planted)
        assert name_of(lookup.lookup([ONE])[0]) == truth(ONE)
        assert lookup.counts.refused == 0

    @pytest.mark.parametrize("value", [b"", b"\xc1", b"x" * 2_000_000, 7, [b"x"]])
    def test_certificates(self, planted: Asked, new_lookup: NewLookup, value: Answered) -> None:
        planted.values[KEYS.certificate(SUB_ID, bytes.fromhex(ONE.serial_number))] = value
        lookup = new_lookup(planted)
        (answer,) = lookup.lookup([ONE])
        assert isinstance(answer, NotFound)
        assert answer.issuer is not None
        assert lookup.counts.refused == 1

    @pytest.mark.parametrize("value", [b"", ROOT.der, LEAVES[0x100], b"x" * 2_000_000, 7])
    def test_issuers(self, planted: Asked, new_lookup: NewLookup, value: Answered) -> None:
        planted.values[KEYS.authority(SUB_ID)] = value
        lookup = new_lookup(planted)
        assert lookup.lookup([ONE]) == [NotFound()]
        assert lookup.counts.refused == 1

    def test_another_issuer_under_these_hashes(self, planted: Asked, new_lookup: NewLookup) -> None:
        """Of the same name, with a certificate of this serial number: no name comes of it."""
        other = make_root(
            "Other",
        )
        named = issuer_id(decode_certificate(other.der, 0))
        planted.values |= {KEYS.issuer(*TRIPLE): named, KEYS.authority(named): other.der}
        planted.values[KEYS.certificate(named, bytes.fromhex(ONE.serial_number))] = encode_entry(
            decode_certificate(other.issue("evil.example", serial=0x100), 250).facts, "Log", 1
        )
        lookup = new_lookup(planted)
        assert lookup.lookup([ONE]) == [NotFound()]
        assert lookup.counts.reasons == {"an issuer's id under another key's hash": 1}

    def test_names(self, planted: Asked, new_lookup: NewLookup) -> None:
        name = decode_name(decode_certificate(SUB.der, 0).subject_der)
        other = issuer_id(decode_certificate(ROOT.der, 0))
        planted.values |= {KEYS.authority(other): ROOT.der, KEYS.name(name): [b"x", 5, other, SUB_ID]}
        lookup = new_lookup(planted)
        found = lookup.issuers_named(name)
        assert not isinstance(found, Unavailable)
        assert [known.certificate for known in found] == [SUB.der]
        assert lookup.counts.refused == 3

    def test_a_crl_of_others_certificates(self, planted: Asked, new_lookup: NewLookup) -> None:
        member = SUB_ID + bytes.fromhex(ONE.serial_number)
        planted.values[KEYS.crl("http://crl.example/1.crl")] = [member, b"x", 4, member]
        lookup = new_lookup(planted)
        assert lookup.with_crl("http://crl.example/1.crl") == CrlUse((), False)
        assert lookup.counts.refused == 2

    def test_reasons_are_few(self, planted: Asked, new_lookup: NewLookup) -> None:
        lookup = new_lookup(planted)
        for number in range(100):
            lookup._refuse(type("E", (ValueError,), {})(f"reason {number}"))  # type: ignore[arg-type]  # any error
        assert lookup.counts.refused == 100
        assert len(lookup.counts.reasons) == 16


class TestRemembered:
    def test_for_so_long(self, planted: Asked, new_lookup: NewLookup) -> None:
        now = 0.0
        lookup = new_lookup(planted, clock=lambda: now)
        absent = SUB.cert_id(0x999)
        for now in (0.0, 59.0):  # noqa: B007  (the clock's)
            assert name_of(lookup.lookup([ONE])[0]) == truth(ONE)
            assert isinstance(lookup.lookup([absent])[0], NotFound)
        assert len(planted.commands) == 2 + 2
        now = 61.0
        lookup.lookup([ONE, absent])
        assert len(planted.commands) == 4 + 1 + 2  # whose it is, again, and both; the CA's certificate stays known

    def test_no_more_than_the_settings_allow(self, planted: Asked, new_lookup: NewLookup) -> None:
        lookup = new_lookup(planted, memory_entries=10)
        for serial in range(1, 100):
            lookup.lookup([SUB.cert_id(serial)])
        assert len(lookup._answers) == 10
        assert lookup.limits()["ct.memory_entries"] == 89 + 89  # and as many the store's

    def test_never_that_it_could_not_be_asked(self, planted: Asked, new_lookup: NewLookup) -> None:
        lookup = new_lookup(planted)
        whole = dict(planted.values)
        for key, value in whole.items():
            planted.values[key] = Lost("gone")
            (answer,) = lookup.lookup([ONE])
            assert isinstance(answer, Unavailable)
            assert not answer.pending
            planted.values[key] = value
        assert name_of(lookup.lookup([ONE])[0]) == truth(ONE)

    def test_who_was_not_there_to_vouch_is_asked_again(self, planted: Asked, new_lookup: NewLookup) -> None:
        new = SUB.intermediate("New", path_length=None)
        top = make_root("Top")
        lookup = new_lookup(planted)
        seen = top.intermediate("Seen in traffic")
        named = issuer_id(decode_certificate(top.der, 0))
        key = KEYS.name(decode_name(decode_certificate(top.der, 0).subject_der))
        planted.values |= {key: Lost("gone"), KEYS.authority(named): top.der}
        assert lookup.issuer_from_traffic(seen.der) is None
        planted.values[key] = [named]
        assert lookup.issuer_from_traffic(seen.der) is not None
        assert lookup.issuers_accepted == 1
        assert lookup.issuer_from_traffic(new.der) is None  # SUB has no name entry here
