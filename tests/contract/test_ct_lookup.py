"""The CtLookup contract, against the store's file, the fake in memory, a Redis Cluster that was loaded from a store
(and an empty store before it), and each of them behind a thread."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.ct, however pytest is started

from sensor.cluster.lookup import ClusterLookup
from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Nodes
from sensor.cluster.push import Push
from sensor.ct.deferred import DeferredLookup
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.logged import LogPosition
from sensor.ct.lookup import CrlUse, CtLookup, Found, Issuer, NotFound, Unavailable
from sensor.ct.memory import MemoryLookup
from sensor.ct.partitions import folder_of
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.ocsp.model import CertId
from sensor.pki.certificates import decode_certificate
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.name_text import decode_name
from sensor.pki.names import url_key
from sensor.settings import ClusterSettings, CtSettings
from tests.cluster.servers import Cluster, Lasting
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca, make_root
from tests.ports import free_ports

ROOT = make_root("Root")
SUB = ROOT.intermediate("Sub", path_length=1)
NAMESAKES = (make_root("Twin"), make_root("Twin"))
KNOWN = (ROOT, SUB, *NAMESAKES)
SERIAL = 0xA0B1C2D3


def points(*urls: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    names = ([x509.UniformResourceIdentifier(url)] for url in urls)
    return ((x509.CRLDistributionPoints([x509.DistributionPoint(each, None, None, None) for each in names]), False),)


LEAVES = {
    "shard 1": (SUB, SUB.issue("a.example", serial=21, extra=points("http://CRL.example:80/1.crl"))),
    "shard 1, too": (
        NAMESAKES[1],
        NAMESAKES[1].issue("b.example", serial=22, extra=points("http://crl.example/1.crl")),
    ),
    "shard 2": (SUB, SUB.issue("c.example", serial=23, extra=points("http://crl.example/2.crl"))),
    SUB.subject.rfc4514_string(): (SUB, SUB.issue("sub.example", "www.sub.example", serial=SERIAL)),
    "twin 0": (NAMESAKES[0], NAMESAKES[0].issue("zero.example", serial=SERIAL)),
    "twin 1": (NAMESAKES[1], NAMESAKES[1].issue("one.example", serial=SERIAL)),
    "only twin 1": (NAMESAKES[1], NAMESAKES[1].issue("only.example", serial=7)),
}


WITH_CRL = {"http://crl.example/1.crl": {"a.example", "b.example"}, "http://crl.example/2.crl": {"c.example"}}


class Harness(Protocol):
    """A CtLookup that knows KNOWN and LEAVES, and a way to put it into trouble."""

    lookup: CtLookup

    def break_it(self) -> None: ...

    def mend_it(self) -> None: ...


@dataclass
class MemoryHarness:
    lookup: MemoryLookup = field(default_factory=MemoryLookup)

    def __post_init__(self) -> None:
        issuers = {}
        for number, ca in enumerate(KNOWN, 1):
            decoded = decode_certificate(ca.der, 250)
            issuer = issuers[id(ca)] = Issuer(number, decode_name(decoded.subject_der), str(ca.subject))
            self.lookup.add_issuer(issuer, decoded.subject_der, decoded.key_octets, ca.der)
        for ca, der in LEAVES.values():
            self.lookup.add(issuers[id(ca)], decode_certificate(der, 250).facts)

    def break_it(self) -> None:
        self.lookup.trouble = "broken by the test"

    def mend_it(self) -> None:
        self.lookup.trouble = None


class StoreHarness:
    """`fill` puts KNOWN and LEAVES into the store at a path, with a folder to work in."""

    def __init__(self, folder: Path, fill: Callable[[Path, Path], None]) -> None:
        self.now = 0.0
        self.path = folder / "ct.sqlite"
        fill(self.path, folder)
        self.settings = CtSettings(path=str(self.path), busy_timeout_ms=1)
        self.lookup = StoreLookup(self.settings, clock=lambda: self.now)
        self._holder: sqlite3.Connection | None = None

    def break_it(self) -> None:
        """Another process has the file to itself when the look-up comes back to it."""
        self.lookup.close()
        holder = sqlite3.connect(self.path, isolation_level=None)
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        self._holder = holder
        self.lookup = StoreLookup(self.settings, clock=lambda: self.now)

    def mend_it(self) -> None:
        assert self._holder is not None
        self._holder.close()
        self.now += 1.5


def imported(path: Path, folder: Path) -> None:
    certificates = folder / "all.pem"
    certificates.write_bytes(b"".join([*(ca.pem for ca in KNOWN)]))
    leaves = []
    for number, (_, der) in enumerate(LEAVES.values()):
        (folder / f"{number}.der").write_bytes(der)
        leaves.append(str(folder / f"{number}.der"))
    store = Store(path, 250)
    report = ImportReport()
    import_paths(store, [str(certificates), *leaves], CtSettings(), 1, report)
    store.close()
    assert report.refused == {}


def synced(path: Path, flush_rows: int) -> None:
    """By the word of a CT log, one certificate a batch; a file each if `flush_rows` is 1."""
    sink = StoreSink(path, 250, flush_rows)
    sink.add_issuers([logged_issuer(ca) for ca in KNOWN])
    for number, (ca, der) in enumerate(LEAVES.values(), 1):
        sink.add([logged(ca, der)], "Log", 1)
        assert sink.commit(b"log", LogPosition(0, number, (), 9, b"", 1, "")) == 1
    sink.close()
    assert bool(list(folder_of(path).glob("*.run"))) == (flush_rows == 1)


FILL: dict[str, Callable[[Path, Path], None]] = {
    "store": imported,
    "waiting": lambda path, _: synced(path, 1000),
    "files": lambda path, _: synced(path, 1),
}


class Switched:
    """Nodes that can be exchanged for others."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.nodes = Nodes(settings)

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        return self.nodes.ask(commands)

    def close(self) -> None:
        self.nodes.close()


class ClusterHarness:
    """All that is known lies in the cluster; the store before it is not there."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._ct = CtSettings(path=str(folder / "no.sqlite"))
        self._settings = cluster.settings
        self.lookup = self._made(self._settings)

    def _made(self, settings: ClusterSettings) -> ClusterLookup:
        self._nodes = Switched(settings)
        return ClusterLookup(StoreLookup(self._ct, clock=lambda: 0.0), self._nodes, settings, self._ct)

    def break_it(self) -> None:
        """Nobody is there any more."""
        self.lookup.close()
        (port,) = free_ports(1)
        self.lookup = self._made(ClusterSettings(nodes=(f"127.0.0.1:{port}",), tls=False, retry_s=0.1))

    def mend_it(self) -> None:
        self._nodes.close()
        self._nodes.nodes = Nodes(self._settings)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    made = Cluster(folder)
    imported(folder / "ct.sqlite", folder)
    nodes = Lasting(made.settings)
    Push(folder / "ct.sqlite", nodes, made.settings.prefix, 1_770_000_000).run()
    nodes.close()
    yield made
    made.close()


class DeferredHarness:
    """Another thread asks the store, or the fake; the machine may be slow, so an answer may take a second."""

    def __init__(self, inner: MemoryHarness | StoreHarness | ClusterHarness) -> None:
        self.inner = inner
        self.lookup: CtLookup = self._deferred()

    def _deferred(self) -> DeferredLookup:
        inner, settings = self.inner, CtSettings(answer_within_ms=1000)
        if isinstance(inner, MemoryHarness):
            return DeferredLookup(lambda: inner.lookup, settings, clock=lambda: 0.0)
        if isinstance(inner, ClusterHarness):
            return DeferredLookup(lambda: inner.lookup, settings, clock=lambda: 0.0)
        inner.lookup.close()  # one thread uses a store's connection: the deferred one opens its own
        return DeferredLookup(
            lambda: StoreLookup(inner.settings, clock=lambda: inner.now), settings, clock=lambda: inner.now
        )

    def break_it(self) -> None:
        self.lookup.close()
        self.inner.break_it()
        self.lookup = self._deferred()

    def mend_it(self) -> None:
        """It is tried again a few times a second, and by nobody in between."""
        self.inner.mend_it()
        until = time.monotonic() + 10
        while isinstance(self.lookup.lookup([ROOT.cert_id(4711)])[0], Unavailable):
            assert time.monotonic() < until
            time.sleep(0.01)


NEEDS_REDIS = pytest.mark.needs("redis-server", "redis-cli")
KINDS = ["memory", "store", "waiting", "files", "deferred memory", "deferred store", "deferred files"]


@pytest.fixture(params=[*KINDS, *(pytest.param(kind, marks=NEEDS_REDIS) for kind in ("cluster", "deferred cluster"))])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    kind = request.param.rpartition(" ")[2]
    inner: MemoryHarness | StoreHarness | ClusterHarness
    if kind == "cluster":
        inner = ClusterHarness(tmp_path, request.getfixturevalue("cluster"))
    else:
        inner = MemoryHarness() if kind == "memory" else StoreHarness(tmp_path, FILL[kind])
    made: Harness = DeferredHarness(inner) if request.param.startswith("deferred") else inner
    yield made
    made.lookup.close()
    inner.lookup.close()


@pytest.fixture
def ask(harness: Harness) -> Callable[..., list[object]]:
    return lambda *ids: list(harness.lookup.lookup(ids))


Ask = Callable[..., list[object]]


def names(answer: object) -> tuple[str, ...]:
    assert isinstance(answer, Found), answer
    return answer.certificate.dns_names


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_found_under_every_algorithm(ask: Ask, algorithm: str) -> None:
    (answer,) = ask(SUB.cert_id(SERIAL, algorithm))
    assert isinstance(answer, Found)
    assert answer.certificate == decode_certificate(LEAVES[SUB.subject.rfc4514_string()][1], 250).facts
    assert answer.issuer.name == answer.certificate.issuer_name
    assert answer.source


def test_one_answer_for_every_id_in_order(ask: Ask) -> None:
    found, other, unknown = SUB.cert_id(SERIAL), NAMESAKES[1].cert_id(7), SUB.cert_id(99)
    answers = ask(found, unknown, other, found, found)
    assert [type(a) for a in answers] == [Found, NotFound, Found, Found, Found]
    assert names(answers[0]) == names(answers[3]) == names(answers[4]) == ("sub.example", "www.sub.example")
    assert names(answers[2]) == ("only.example",)
    assert ask() == []


def test_the_same_serial_under_several_issuers(ask: Ask) -> None:
    answers = ask(*(ca.cert_id(SERIAL) for ca in (SUB, *NAMESAKES)))
    assert [names(a)[0] for a in answers] == ["sub.example", "zero.example", "one.example"]


def test_namesakes_with_other_keys_do_not_answer_for_each_other(ask: Ask) -> None:
    mine, not_mine = ask(NAMESAKES[1].cert_id(7), NAMESAKES[0].cert_id(7))
    assert names(mine) == ("only.example",)
    assert isinstance(not_mine, NotFound)
    assert not_mine.issuer is not None
    assert not_mine.issuer.name == NAMESAKES[0].subject.rfc4514_string()


def test_an_issuer_nobody_knows(ask: Ask) -> None:
    stranger = make_root("Root")
    assert ask(stranger.cert_id(SERIAL)) == [NotFound()]


def test_both_hashes_must_be_of_one_issuer(ask: Ask) -> None:
    a, b = SUB.cert_id(SERIAL), ROOT.cert_id(SERIAL)
    mixed = CertId("sha1", a.issuer_name_hash, b.issuer_key_hash, a.serial_number)
    other_algorithm = CertId("sha256", a.issuer_name_hash, a.issuer_key_hash, a.serial_number)
    assert ask(mixed, other_algorithm) == [NotFound(), NotFound()]


@pytest.mark.parametrize("algorithm", ["md5", "sha3-256", "1.3.14.3.2.26", "", "sha1 "])
def test_algorithms_nobody_can_resolve(ask: Ask, algorithm: str) -> None:
    a = SUB.cert_id(SERIAL)
    assert ask(CertId(algorithm, a.issuer_name_hash, a.issuer_key_hash, a.serial_number)) == [NotFound()]


@pytest.mark.parametrize("serial", ["", "-05", "00", "A0B1C2D", "A0B1C2D3...", "zz", "A0" * 64, "00A0B1C2D3"])
def test_serials_no_certificate_has(ask: Ask, serial: str) -> None:
    (answer,) = ask(SUB.cert_id(serial))
    assert isinstance(answer, NotFound)
    assert answer.issuer is not None


def test_trouble_is_an_answer_and_is_not_remembered(harness: Harness) -> None:
    harness.break_it()
    for answer in harness.lookup.lookup([SUB.cert_id(SERIAL), SUB.cert_id(99), SUB.cert_id(SERIAL)]):
        assert isinstance(answer, Unavailable)
        assert answer.reason
    harness.mend_it()
    found, absent = harness.lookup.lookup([SUB.cert_id(SERIAL), SUB.cert_id(99)])
    assert names(found) == ("sub.example", "www.sub.example")
    assert isinstance(absent, NotFound)


def test_closing_twice(harness: Harness) -> None:
    harness.lookup.close()
    harness.lookup.close()
    assert harness.lookup.lookup([]) == []


class TestIssuerCertificate:
    """Of whom an answer names, the certificate whose key made the CertID's hashes."""

    @pytest.mark.parametrize("number", range(len(KNOWN)))
    def test_of_a_known_ca(self, harness: Harness, number: int) -> None:
        ca = KNOWN[number]
        (answer,) = harness.lookup.lookup([ca.cert_id(SERIAL, "sha256")])
        assert isinstance(answer, Found | NotFound)
        assert answer.issuer is not None
        assert harness.lookup.issuer_certificate(answer.issuer) == ca.der

    def test_of_one_that_the_traffic_made_known(self, harness: Harness) -> None:
        new = SUB.intermediate("Seen in traffic")
        issuer = harness.lookup.issuer_from_traffic(new.der)
        assert issuer is not None
        assert harness.lookup.issuer_certificate(issuer) == new.der

    @pytest.mark.parametrize("number", [-7, 0, 4711])
    def test_of_nobody(self, harness: Harness, number: int) -> None:
        assert harness.lookup.issuer_certificate(Issuer(number, "CN=Nobody", "Nobody")) is None

    def test_in_trouble(self, harness: Harness) -> None:
        (answer,) = harness.lookup.lookup([SUB.cert_id(99)])
        assert isinstance(answer, NotFound)
        assert answer.issuer is not None
        issuer = answer.issuer
        assert harness.lookup.issuer_certificate(issuer) is not None
        harness.break_it()
        assert harness.lookup.issuer_certificate(issuer) is None
        harness.mend_it()
        harness.lookup.lookup([SUB.cert_id(1)])
        assert harness.lookup.issuer_certificate(issuer) is not None


class TestWithCrl:
    """Certificates that name a CRL as theirs."""

    @pytest.mark.parametrize("url", ["http://crl.example/1.crl", "http://crl.example/2.crl"])
    def test_those_that_name_it(self, harness: Harness, url: str) -> None:
        use = harness.lookup.with_crl(url)
        assert isinstance(use, CrlUse)
        assert not use.more
        assert {names(each)[0] for each in use.certificates} == WITH_CRL[url]
        assert all(url in map(url_key, each.certificate.crl_urls) for each in use.certificates)

    def test_one_that_nobody_names(self, harness: Harness) -> None:
        assert harness.lookup.with_crl("http://crl.example/3.crl") == CrlUse((), False)

    def test_in_trouble(self, harness: Harness) -> None:
        harness.break_it()
        assert isinstance(harness.lookup.with_crl("http://crl.example/1.crl"), Unavailable)
        harness.mend_it()
        harness.lookup.lookup([ROOT.cert_id(1)])
        assert isinstance(harness.lookup.with_crl("http://crl.example/1.crl"), CrlUse)


class TestIssuersNamed:
    """All CAs of a name, with their certificates."""

    def test_namesakes(self, harness: Harness) -> None:
        name = decode_name(decode_certificate(NAMESAKES[0].der, 9).subject_der)
        found = harness.lookup.issuers_named(name)
        assert not isinstance(found, Unavailable)
        assert {each.certificate for each in found} == {each.der for each in NAMESAKES}

    def test_those_of_the_traffic(self, harness: Harness) -> None:
        new = SUB.intermediate("Seen in traffic, too")
        name = decode_name(decode_certificate(new.der, 9).subject_der)
        assert list(harness.lookup.issuers_named(name)) == []  # type: ignore[arg-type]  # not Unavailable
        harness.lookup.issuer_from_traffic(new.der)
        (found,) = harness.lookup.issuers_named(name)  # type: ignore[misc]  # likewise
        assert found.certificate == new.der

    def test_in_trouble(self, harness: Harness) -> None:
        harness.break_it()
        assert isinstance(harness.lookup.issuers_named("CN=x"), Unavailable)


class TestTraffic:
    """Certificates seen in the traffic name issuers, if someone known vouches for them, and nothing else."""

    def test_an_intermediate_signed_by_a_known_ca(self, harness: Harness) -> None:
        new = SUB.intermediate("Seen in traffic")
        leaf = new.issue("secret.example", serial=0x55)
        assert harness.lookup.lookup([new.cert_id(0x55)]) == [NotFound()]
        issuer = harness.lookup.issuer_from_traffic(new.der)
        assert issuer is not None
        assert (issuer.common_name, issuer.number < 0) == ("Seen in traffic", True)
        assert harness.lookup.issuer_from_traffic(new.der) == issuer
        # The leaf itself may be offered as often as anyone likes: traffic never makes a name.
        assert harness.lookup.issuer_from_traffic(leaf) is None
        for algorithm in ALGORITHMS:
            assert harness.lookup.lookup([new.cert_id(0x55, algorithm)]) == [NotFound(issuer)]

    def test_a_chain_of_them(self, harness: Harness) -> None:
        first = ROOT.intermediate("First", path_length=None)
        second = first.intermediate("Second")
        assert harness.lookup.issuer_from_traffic(second.der) is None
        assert harness.lookup.issuer_from_traffic(first.der) is not None

    def test_a_chain_in_order(self, harness: Harness) -> None:
        first = ROOT.intermediate("First", path_length=None)
        second = first.intermediate("Second")
        assert harness.lookup.issuer_from_traffic(first.der) is not None
        issuer = harness.lookup.issuer_from_traffic(second.der)
        assert harness.lookup.lookup([second.cert_id(1)]) == [NotFound(issuer)]

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_bundle(self, harness: Harness, order: int) -> None:
        first = ROOT.intermediate("First", path_length=None)
        second = first.intermediate("Second")
        leaf = x509.load_der_x509_certificate(second.issue("a.example"))
        chain = [second.certificate, leaf, first.certificate][::order]
        issuer = harness.lookup.issuer_from_traffic(pkcs7.serialize_certificates(chain, Encoding.DER))
        assert issuer is not None
        for ca in (first, second):
            (answer,) = harness.lookup.lookup([ca.cert_id(9)])
            assert isinstance(answer, NotFound)
            assert answer.issuer is not None
            assert answer.issuer.name == ca.subject.rfc4514_string()
        strangers = [make_root("Stranger").certificate, leaf]
        assert harness.lookup.issuer_from_traffic(pkcs7.serialize_certificates(strangers, Encoding.DER)) is None

    def test_a_known_ca_is_recognized(self, harness: Harness) -> None:
        issuer = harness.lookup.issuer_from_traffic(SUB.der)
        assert issuer is not None
        assert issuer.number > 0
        assert harness.lookup.lookup([SUB.cert_id(99)]) == [NotFound(issuer)]

    def test_who_is_not_vouched_for(self, harness: Harness) -> None:
        stranger = make_root("Root")
        damaged = bytearray(SUB.intermediate("Damaged").der)
        damaged[-3] ^= 1
        not_a_ca = SUB.issue("delegate.example")
        limited = SUB.intermediate("Limited", path_length=0)
        assert harness.lookup.issuer_from_traffic(limited.der) is not None
        too_deep = limited.intermediate("Too deep")
        for der in (
            stranger.der,
            stranger.intermediate("Under a stranger").der,
            bytes(damaged),
            not_a_ca,
            too_deep.der,
            b"",
            b"\x30\x80",
            b"x" * 5000,
            SUB.der[:-1],
            SUB.der + b"\0" * (2 << 20),
        ):
            assert harness.lookup.issuer_from_traffic(der) is None
        assert harness.lookup.lookup([stranger.cert_id(1), too_deep.cert_id(1)]) == [NotFound(), NotFound()]

    def test_a_stranger_of_a_known_name_does_not_replace_it(self, harness: Harness) -> None:
        stranger = Ca(SUB.subject, make_root("x").key, SUB.certificate)
        fake = stranger.issue("fake.example", serial=SERIAL)
        assert harness.lookup.issuer_from_traffic(fake) is None
        assert names(harness.lookup.lookup([SUB.cert_id(SERIAL)])[0]) == ("sub.example", "www.sub.example")


@pytest.fixture(scope="module")
def lookups(tmp_path_factory: pytest.TempPathFactory) -> list[CtLookup]:
    harnesses = [MemoryHarness(), *(StoreHarness(tmp_path_factory.mktemp(kind), fill) for kind, fill in FILL.items())]
    deferred = DeferredHarness(StoreHarness(tmp_path_factory.mktemp("deferred"), imported))
    return [*(harness.lookup for harness in harnesses), deferred.lookup]


@given(st.text(max_size=20), st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=50))
def test_no_id_makes_it_raise(lookups: list[CtLookup], algorithm: str, name: bytes, key: bytes, serial: str) -> None:
    asked = [CertId(algorithm, name, key, serial), CertId("sha1", name, key, serial)]
    for lookup in lookups:
        assert [type(answer) for answer in lookup.lookup(asked)] == [NotFound, NotFound]
