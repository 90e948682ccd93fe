"""What a log is asked, word for word, and what is made of its answers; the rest is test_log_reader's."""

from __future__ import annotations

import json

import pytest

from sensor.online.fetching import Fetcher
from sensor.sync.clients import LogError, Rfc6962Client, Step, tile_path
from sensor.sync.heads import TreeHead
from sensor.sync.merkle import check_consistency, frontier_before
from tests.sync import ct_log
from tests.sync.conftest import Read, client_of, log_of
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (0, "tile/data/000"),
        (999, "tile/data/999"),
        (1000, "tile/data/x001/000"),
        (1234067, "tile/data/x001/x234/067"),  # static-ct-api's own example
    ],
)
def test_tiles_are_numbered_in_groups(number: int, path: str) -> None:
    assert tile_path("data", number) == path == ct_log.tile_path("data", number)


@pytest.mark.parametrize(("first", "second"), [(1, 1500), (256, 1500), (255, 257), (700, 1024), (1499, 1500)])
def test_proofs(server: LogServer, fetcher: Fetcher, first: int, second: int) -> None:
    log, server.size = server.log, second
    client = client_of(log_of(server), fetcher)
    head = TreeHead(second, log.root(second), 0)
    check_consistency(first, log.root(first), second, head.root, client.consistency(first, second, head))
    leaf = log.levels[0][first]
    path = client.inclusion(first, leaf, head)
    assert frontier_before(first, leaf, second, head.root, path).root() == log.root(first)


@pytest.mark.parametrize("server", ["static"], indirect=True)
def test_tiles_are_fetched_once(server: LogServer, fetcher: Fetcher) -> None:
    client = client_of(log_of(server), fetcher)
    head = client.head()
    client.consistency(700, 1500, head)
    asked = len(server.asked)
    client.consistency(700, 1500, head)
    assert len(server.asked) == asked
    assert {path for path in server.asked if ".p/" in path} == {"/tile/0/005.p/220", "/tile/1/000.p/5"}


@pytest.mark.parametrize("server", ["rfc6962"], indirect=True)
def test_a_log_s_limit_is_learnt(server: LogServer, fetcher: Fetcher) -> None:
    client = client_of(log_of(server), fetcher)
    head = client.head()
    assert client.step == 1024
    assert client.entries(0, 1024, head).count == 256
    assert client.step == 256
    assert client.entries(256, 260, head).count == 4
    assert client.step == 256


def answers(step: Step, limit: int, count: int) -> list[int]:
    """What a log of this limit is asked for in turn."""
    asked = []
    for _ in range(count):
        asked.append(step.now)
        step.learn(step.now, min(step.now, limit))
    return asked


def test_a_bad_moment_does_not_slow_the_rest() -> None:
    step = Step(1024)
    step.learn(1024, 1)
    assert answers(step, 1024, 12) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024]
    step.learn(5, 3)  # asked for less than it gives, as at a log's end: says nothing
    assert step.now == 1024


def test_a_limit_is_tried_ever_more_seldom() -> None:
    step = Step(1024)
    asked = answers(step, 300, 400)
    assert asked[:9] == [1024, 300, 600, 300, 300, 600, 300, 300, 300]
    assert sum(1 for each in asked if each > 300) == 12 and set(asked[1:]) == {300, 600}
    assert answers(step, 1024, 80)[-1] == 1024  # it was raised


@pytest.mark.parametrize("server", ["rfc6962"], indirect=True)
def test_one_short_answer_costs_few_requests(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server._step = 1024
    short: list[str] = []

    def lie(path: str, body: bytes) -> bytes:
        if "get-entries" not in path or short:
            return body
        short.append(path)
        return json.dumps({"entries": json.loads(body)["entries"][:1]}).encode()

    server.lie = lie
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 1500
    assert sum("get-entries" in path for path in server.asked) < 16


@pytest.mark.parametrize("server", ["rfc6962"], indirect=True)
def test_what_does_not_exist_in_rfc_6962(server: LogServer, fetcher: Fetcher) -> None:
    with pytest.raises(LogError, match="no issuers by fingerprint"):
        client_of(log_of(server), fetcher).issuer(bytes(32))


def test_issuers_and_roots(server: LogServer, fetcher: Fetcher) -> None:
    client = client_of(log_of(server), fetcher)
    assert list(client.roots()) == server.log.roots
    if not isinstance(client, Rfc6962Client):
        from hashlib import sha256

        der = server.log.entries[0].issuers[0]
        assert client.issuer(sha256(der).digest()) == der


def test_an_inclusion_proof_for_another_place(server: LogServer, fetcher: Fetcher) -> None:
    client = client_of(log_of(server), fetcher)
    head = client.head()
    if isinstance(client, Rfc6962Client):
        with pytest.raises(LogError, match="lies elsewhere"):
            client.inclusion(8, server.log.levels[0][7], head)
