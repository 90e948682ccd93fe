"""A real cluster asked: who has what, moved and moving slots, nodes that die, hang, refuse and lie."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sensor.cluster.nodes import SLOTS, Lost, MissingLibraryError, Nodes, decode_slots, key_slot, parse_address
from sensor.cluster.replies import Refusal, Reply, ReplyError
from sensor.settings import ClusterSettings
from tests.cluster.servers import PASSWORD, Cluster, Server
from tests.ports import free_ports, silent

REDIS = pytest.mark.needs("redis-server", "redis-cli")
KEYS = [b"key:%d" % n for n in range(60)]
ALL = range(len(KEYS))


def nodes_of(cluster: Cluster, **changed: Any) -> Nodes:
    return Nodes(msgspec.structs.replace(cluster.settings, **changed))


def write(nodes: Nodes) -> None:
    assert nodes.ask([(b"SET", key, b"of " + key) for key in KEYS]) == [b"OK"] * len(KEYS)


def read(nodes: Nodes) -> list[object]:
    return list(nodes.ask([(b"GET", key) for key in KEYS]))


WHOLE = [b"of " + key for key in KEYS]


@REDIS
class TestWhole:
    def test_every_key_at_its_node(self, cluster: Cluster) -> None:
        nodes = nodes_of(cluster)
        write(nodes)
        assert read(nodes) == WHOLE
        kept = [int(cluster.of(server, "DBSIZE")) for server in cluster.servers]
        assert sum(kept) == len(KEYS)
        assert all(kept)
        nodes.close()

    def test_it_is_learnt_from_any_of_them(self, cluster: Cluster) -> None:
        (port,) = free_ports(1)
        nodes = nodes_of(cluster, nodes=(f"127.0.0.1:{port}", cluster.nodes[2]))
        write(nodes)
        assert nodes.failures == 1
        nodes.close()

    def test_slots_that_moved(self, cluster: Cluster) -> None:
        nodes = nodes_of(cluster)
        write(nodes)
        nodes._slots = nodes._slots[::-1]  # what was learnt long ago
        assert read(nodes) == WHOLE
        nodes.close()

    def test_a_slot_that_is_moving(self, cluster: Cluster) -> None:
        key = KEYS[0]
        slot = key_slot(key)
        nodes = nodes_of(cluster)
        write(nodes)
        owner = next(s for s in cluster.servers if s.port == nodes._slots[slot][1])
        heir = next(s for s in cluster.servers if s is not owner)
        ids = {s.port: cluster.of(s, "CLUSTER", "MYID").decode().strip() for s in (owner, heir)}
        cluster.of(heir, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[owner.port])
        cluster.of(owner, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[heir.port])
        try:
            cluster.of(owner, "MIGRATE", "127.0.0.1", str(heir.port), key.decode(), "0", "5000")
            assert read(nodes) == WHOLE
            assert nodes._slots[slot][1] == owner.port
        finally:
            cluster.of(owner, "MIGRATE", "127.0.0.1", str(heir.port), key.decode(), "0", "5000")
            for server in (heir, owner):
                cluster.of(server, "CLUSTER", "SETSLOT", str(slot), "STABLE")
            nodes.close()
            cluster.empty()

    def test_one_that_hangs_costs_its_own_keys_an_answer(self, cluster: Cluster) -> None:
        """For as long as it hangs: it is left alone for a while and asked again, and so on."""
        nodes = nodes_of(cluster, timeout_ms=800, retry_s=0.2)
        write(nodes)
        hanging = cluster.servers[0]
        his = [n for n, key in enumerate(KEYS) if nodes._slots[key_slot(key)][1] == hanging.port]
        hanging.pause()
        try:
            until = time.monotonic() + 20
            waited = at_once = 0
            while waited < 2 or not at_once:
                began = time.monotonic()
                assert began < until
                answers = read(nodes)
                took = time.monotonic() - began
                assert took < 3
                assert [n for n, answer in enumerate(answers) if isinstance(answer, Lost)] == his
                assert all(answers[n] == WHOLE[n] for n in range(len(KEYS)) if n not in his)
                waited += took >= 0.8
                at_once += took < 0.8
        finally:
            hanging.go_on()
        until = time.monotonic() + 20
        while read(nodes) != WHOLE:  # and what it said too late is nobody's answer
            assert time.monotonic() < until
            time.sleep(0.05)
        nodes.close()

    def test_a_host_that_is_gone_costs_its_own_keys_an_answer(self, cluster: Cluster) -> None:
        """Nothing comes back from there: whoever waits to be connected waits alone."""
        nodes = nodes_of(cluster, timeout_ms=1000)
        write(nodes)
        port = nodes._slots[key_slot(KEYS[0])][1]
        his = [n for n, key in enumerate(KEYS) if nodes._slots[key_slot(key)][1] == port]
        nodes.close()
        with silent() as address:
            nodes._slots = [address if slot[1] == port else slot for slot in nodes._slots]
            answers = read(nodes)
        assert answers == [Lost(f"127.0.0.1:{address[1]}: no answer in time") if n in his else WHOLE[n] for n in ALL]
        nodes.close()

    def test_who_has_what_is_learnt_past_hosts_that_are_gone(self, cluster: Cluster) -> None:
        with silent() as first, silent() as second:
            named = (*(f"127.0.0.1:{address[1]}" for address in (first, second)), cluster.nodes[2])
            nodes = nodes_of(cluster, nodes=named, timeout_ms=1000)
            write(nodes)
            nodes._is_stale = True
            nodes._learn_at = 0.0
            began = time.monotonic()
            assert read(nodes) == WHOLE  # who answered last is asked first
            assert time.monotonic() - began < 0.5
        nodes.close()

    def test_one_without_an_address_yet(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        """A resolver that is silent, which nothing can be told to hurry up, keeps nobody past the time."""
        real = socket.getaddrinfo
        found = threading.Event()

        def slow(host: str, *rest: Any, **named: Any) -> Any:
            assert host != "node.example" or found.wait(20)
            return real("127.0.0.1" if host == "node.example" else host, *rest, **named)

        nodes = nodes_of(cluster, timeout_ms=1000)
        write(nodes)
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        try:
            key = key_slot(KEYS[0])
            nodes._slots[key] = ("node.example", nodes._slots[key][1])
            began = time.monotonic()
            answers = read(nodes)
            assert 0.9 < time.monotonic() - began < 3
            assert isinstance(answers[0], Lost)
            assert answers[1:] == WHOLE[1:]
        finally:
            found.set()
        nodes.close()


@REDIS
def test_one_killed_under_load(tmp_path: Path) -> None:
    """Asked all the while, through death and return, nothing but what is there or Lost ever comes."""
    cluster = Cluster(tmp_path)
    nodes = nodes_of(cluster, timeout_ms=1000)
    try:
        write(nodes)
        victim = cluster.servers[2]
        his = {n for n, key in enumerate(KEYS) if nodes._slots[key_slot(key)][1] == victim.port}
        killer = threading.Timer(0.2, victim.kill)
        killer.start()
        whole = partial = 0
        until = time.monotonic() + 20
        while partial < 200:
            assert time.monotonic() < until
            answers = read(nodes)
            lost = {n for n, answer in enumerate(answers) if isinstance(answer, Lost)}
            assert all(answers[n] == WHOLE[n] for n in range(len(KEYS)) if n not in lost)
            assert lost <= his
            whole += not lost
            partial += lost == his
        killer.join()
        assert whole
        victim.start()  # empty, as nothing was saved: the same part of the keys, nothing in it
        answers = read(nodes)
        while any(isinstance(answer, Lost) for answer in answers):
            assert time.monotonic() < until
            time.sleep(0.02)
            answers = read(nodes)
        assert answers == [None if n in his else WHOLE[n] for n in range(len(KEYS))]
    finally:
        nodes.close()
        cluster.close()


@REDIS
def test_users_passwords_and_tls(tmp_path: Path) -> None:
    ca, key, certificate = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "node.pem"))
    words = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3650",
        "-subj",
        "/CN=node",
    ]
    subprocess.run(
        ["openssl", "req", *words, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    Path(ca).write_bytes(Path(certificate).read_bytes())
    plain, secured, bus = free_ports(3)
    acl = ["--user", "sensor", "on", f">{PASSWORD.replace(' ', '_')}", "~ocspwatch:*", "+get", "+cluster|slots"]
    tls = ["--tls-port", str(secured), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ca]
    server = Server(tmp_path, plain, bus, [*tls, "--tls-auth-clients", "no", "--tls-cluster", "yes", *acl])
    try:
        subprocess.run(
            ["redis-cli", "-p", str(plain), "CLUSTER", "ADDSLOTSRANGE", "0", str(SLOTS - 1)],
            check=True,
            capture_output=True,
        )
        good = ClusterSettings(
            nodes=(f"127.0.0.1:{secured}",), tls=True, ca_file=ca, user="sensor", timeout_ms=5000, retry_s=0.1
        )
        password = PASSWORD.replace(" ", "_")

        def said(settings: ClusterSettings, password: str | None) -> str:
            nodes = Nodes(settings, password)
            (answer,) = nodes.ask([(b"GET", b"ocspwatch:x")])
            nodes.close()
            return answer.reason if isinstance(answer, Lost) else repr(answer)

        until = time.monotonic() + 20
        while "CLUSTERDOWN" in said(good, password):  # it has just begun
            assert time.monotonic() < until
            time.sleep(0.05)
        assert said(good, password) == "None"
        assert "not accepted" in said(good, "wrong")
        assert password not in said(good, "wrong")
        assert "certificate is not valid" in said(msgspec.structs.replace(good, ca_file=""), password)
        elsewhere = msgspec.structs.replace(good, nodes=(f"127.0.0.1:{plain}",), timeout_ms=300)
        assert "no answer in time" in said(elsewhere, password)  # it waits for a command
    finally:
        server.kill()


class Liar:
    """A node that says what it is told to, and then nothing."""

    def __init__(self, *said: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.port = self._listener.getsockname()[1]
        self._said = said
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        talks = []
        for said in self._said:
            try:
                talk, _ = self._listener.accept()
            except OSError:
                break
            talks.append(talk)
            talk.settimeout(20)
            for reply in (b"+OK\r\n", b"+OK\r\n", said):
                talk.recv(65536)
                talk.sendall(reply.replace(b"PORT", b"%d" % self.port))
        self._listener.close()
        for talk in talks:
            talk.close()

    def close(self) -> None:
        self._thread.join()


ALL_MINE = b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:PORT\r\n"


@pytest.fixture
def lie() -> Iterator[Any]:
    liars: list[Liar] = []

    def make(*said: bytes, **changed: Any) -> Nodes:
        liars.append(Liar(*said))
        settings = {"nodes": (f"127.0.0.1:{liars[-1].port}",), "tls": False, "timeout_ms": 5000, **changed}
        return Nodes(ClusterSettings(**settings))

    yield make
    for liar in liars:
        liar.close()


@pytest.mark.parametrize(
    "said",
    [
        b"-ERR This instance has cluster support disabled\r\n",
        b"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\na\r\n:1\r\n",
        b"*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$3\r\na b\r\n:1\r\n",
        b"*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\na\r\n:0\r\n",
        b"*2\r\n:1\r\n:2\r\n",
        b"*0\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"$99999999\r\n",
    ],
)
def test_a_node_that_lies_about_who_has_what(lie: Any, said: bytes) -> None:
    nodes = lie(said)
    (answer,) = nodes.ask([(b"GET", b"x")])
    assert isinstance(answer, Lost)
    assert nodes.failures == 1
    nodes.close()


def slots(*nodes: tuple[object, object]) -> Reply:
    return [[n, n, [host, port, b"id", []]] for n, (host, port) in enumerate(nodes)]


class TestSlots:
    def test_those_that_nobody_has(self) -> None:
        found = decode_slots(slots((b"a", 1), (b"b", 2)), "asked", 10)
        assert found[:3] == [("a", 1), ("b", 2), ("", 0)]

    @pytest.mark.parametrize("host", [b"", None])
    def test_a_node_without_a_name_is_where_it_was_asked(self, host: bytes | None) -> None:
        assert decode_slots(slots((host, 7)), "10.0.0.1", 10)[0] == ("10.0.0.1", 7)

    def test_a_node_that_is_not_known_where(self) -> None:
        assert decode_slots(slots((b"?", 7), (b"a", 1)), "asked", 10)[:2] == [("", 0), ("a", 1)]

    def test_too_many_nodes(self) -> None:
        reply = slots(*((b"a", port) for port in range(1, 12)))
        assert decode_slots(reply, "asked", 11)
        with pytest.raises(ReplyError, match="more than 10"):
            decode_slots(reply, "asked", 10)

    @pytest.mark.parametrize("reply", [None, b"x", 3, [], [[]], [[1, 2]], [[2, 1, [b"a", 1]]], Refusal("ERR \x1b[2J")])
    def test_none(self, reply: Reply) -> None:
        with pytest.raises(ReplyError) as caught:
            decode_slots(reply, "asked", 10)
        assert str(caught.value).isprintable()


def test_addresses() -> None:
    assert parse_address("redis.example:6379") == ("redis.example", 6379)
    assert parse_address("[2001:db8::1]:1") == ("2001:db8::1", 1)


def test_nobody_there() -> None:
    (port,) = free_ports(1)
    nodes = Nodes(ClusterSettings(nodes=(f"127.0.0.1:{port}",), tls=False))
    assert nodes.ask([]) == []
    assert [type(answer) for answer in nodes.ask([(b"GET", b"x")] * 3)] == [Lost] * 3
    nodes.close()


def test_without_the_library(without_library: Callable[[str], None]) -> None:
    without_library("redis")
    with pytest.raises(MissingLibraryError, match="cluster"):
        Nodes(ClusterSettings(nodes=("a:1",)))
