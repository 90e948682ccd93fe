"""One log into a sink, by either API: what is read, from where, and every lie that is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from sensor.ct.logged import LogPosition
from sensor.online.pacing import GivenUpError
from sensor.sync.clients import LogError
from sensor.sync.heads import HeadError
from sensor.sync.log_reader import LogReader, PositionError
from tests.ct.pki import Ca
from tests.sync.ct_log import (
    START_MS,
    CtLog,
    Logged,
    serial_number,
    usual_entries,
)
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink

Read = Callable[..., LogReader]


def test_all_of_a_log(server: LogServer, reader: Read, sink: MemorySink, sub: Ca, entries: list[Logged]) -> None:
    one = reader()
    one.to_the_head()
    with_address = [number for number in range(1500) if number % 16 != 5]
    assert {key[2] for key in sink.rows} == {serial_number(n).to_bytes(16, "big") for n in with_address}
    seven = next(row for row in sink.rows.values() if row.serial == serial_number(7).to_bytes(16, "big"))
    assert seven.dns_names == ("site0000007.example", "www.site0000007.example")
    assert seven.ocsp_urls == ("http://ocsp.ca.example/",) and seven.crl_urls == ("http://crl.ca.example/7.crl",)
    assert seven.is_precertificate and seven.precertificate == entries[7].precertificate
    assert all(row.is_precertificate == bool(row.precertificate) for row in sink.rows.values())
    position = sink.positions[server.log.log_id]
    assert (position.first_index, position.next_index, position.tree_size) == (0, 1500, 1500)
    assert position.root_hash == server.log.root(1500)
    assert one.reading.read == 1500 and one.reading.kept == one.reading.new == len(with_address)
    assert one.reading.skipped == {"no OCSP or CRL address": 1500 - len(with_address)} and not one.reading.refused
    assert sink.commits == 4  # the head, then 300 entries at least


def test_nothing_more_costs_one_request(server: LogServer, reader: Read, sink: MemorySink) -> None:
    one = reader()
    one.to_the_head()
    asked = len(server.asked)
    commits = sink.commits
    reader().to_the_head()
    assert len(server.asked) == asked + 1 and sink.commits == commits


@pytest.mark.parametrize(
    "sizes", [(1, 2, 3), (255, 256, 257), (256, 512), (300, 1000, 1500), (1, 1024, 1025), (700, 1499)]
)
def test_a_log_that_grows(
    server: LogServer, reader: Read, sink: MemorySink, sizes: tuple[int, ...], entries: list[Logged]
) -> None:
    """Each time by a new run, which knows only what the sink remembers."""
    for moment, size in enumerate(sizes):
        server.size, server.at_ms = size, START_MS + moment
        reader().to_the_head()
        position = sink.positions[server.log.log_id]
        assert (position.next_index, position.tree_size, position.root_hash) == (size, size, server.log.root(size))
        assert len(sink.rows) == sum(1 for n in range(size) if n % 16 != 5)


@pytest.mark.parametrize("server", ["rfc6962"], indirect=True)
@pytest.mark.parametrize("step", [1, 7, 32])
def test_a_log_that_gives_little_at_once(server: LogServer, reader: Read, sink: MemorySink, step: int) -> None:
    server.size, server._step = 100, step
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 100 and len(sink.rows) == 94
    assert len([path for path in server.asked if "get-entries" in path]) == -(-100 // step)


def test_a_log_that_is_busy(server: LogServer, reader: Read, sink: MemorySink) -> None:
    """Every second answer is 429."""
    answers = iter(range(10**6))
    server.lie = lambda _, body: 429 if next(answers) % 2 else body
    reader(connections=1).to_the_head()
    assert sink.positions[server.log.log_id].next_index == 1500 and len(sink.rows) == 1406


def test_what_is_in_hand_is_bounded_by_its_size_too(
    server: LogServer, reader: Read, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.sync.log_reader._MAX_IN_HAND", 100_000)
    reader(batch_entries=1 << 20).to_the_head()
    assert sink.commits == 7 and len(sink.rows) == 1406


def test_an_empty_log(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.size = 0
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 0 and not sink.rows
    server.size = 3
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 3


def test_a_partial_tile_can_wait(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.size = 700
    one = reader()
    one.to_the_head(whole_tiles=True)
    if server.tiled:
        assert sink.positions[server.log.log_id].next_index == 512
        assert not any("data" in path and ".p" in path for path in server.asked)
    assert sink.positions[server.log.log_id].tree_size == 700
    one.to_the_head()
    assert sink.positions[server.log.log_id].next_index == 700


@pytest.mark.parametrize("server", ["static"], indirect=True)
def test_a_partial_tile_that_is_gone_is_read_from_the_full_one(
    server: LogServer, reader: Read, sink: MemorySink
) -> None:
    everything = server.log.tiles(1500)

    def lie(path: str, body: bytes) -> bytes | int:
        return 404 if ".p/" in path and path.split(".p/", maxsplit=1)[0].lstrip("/") in everything else body

    server.size, server.lie = 700, lie
    original = server.answer
    server.answer = lambda target: original(target) or everything.get(target.lstrip("/"))  # type: ignore[method-assign]
    reader().to_the_head()
    assert any(path.endswith("data/002") for path in server.asked)
    assert sink.positions[server.log.log_id].next_index == 700 and len(sink.rows) == 656


@pytest.mark.parametrize("number", [1, 255, 256, 700, 1499])
def test_since_a_time(server: LogServer, reader: Read, sink: MemorySink, number: int) -> None:
    reader(since_ms=START_MS + number * 100).to_the_head()
    position = sink.positions[server.log.log_id]
    assert (position.first_index, position.next_index) == (number, 1500)
    assert len(sink.rows) == sum(1 for n in range(number, 1500) if n % 16 != 5)
    assert len(server.asked) < 60


def test_since_a_time_that_is_to_come(server: LogServer, reader: Read, sink: MemorySink) -> None:
    reader(since_ms=START_MS * 2).to_the_head()
    assert sink.positions[server.log.log_id].first_index == 1499


def test_again(server: LogServer, reader: Read, sink: MemorySink) -> None:
    reader(since_ms=START_MS + 140_000).to_the_head()
    reader(since_ms=START_MS).to_the_head()  # counts only for what was not read before
    assert sink.positions[server.log.log_id].first_index == 1400
    one = reader(again=True)
    one.to_the_head()
    assert sink.positions[server.log.log_id].first_index == 0 and one.reading.read == 1500
    one.to_the_head()
    assert one.reading.read == 1500


def test_other_filters_need_a_word(server: LogServer, reader: Read, sink: MemorySink) -> None:
    reader(domains=("site0000007.example",), filtered="one site").to_the_head()
    assert len(sink.rows) == 1
    with pytest.raises(PositionError, match=r"other filters \(one site\); --again"):
        reader().to_the_head()
    reader(again=True).to_the_head()
    assert len(sink.rows) == 1406


def test_a_damaged_position_is_not_gone_on_from(server: LogServer, reader: Read, sink: MemorySink) -> None:
    reader().to_the_head()
    position = sink.positions[server.log.log_id]
    sink.positions[server.log.log_id] = LogPosition(
        0, position.next_index, position.frontier[1:], position.tree_size, position.root_hash, position.timestamp, "f"
    )
    with pytest.raises(PositionError, match="damaged"):
        reader().to_the_head()


# What a log must not do.


def refused(read: Read, kind: type[Exception] = LogError) -> str:
    with pytest.raises(kind) as caught:
        read().to_the_head()
    return str(caught.value)


def nothing_was_kept(sink: MemorySink, server: LogServer) -> bool:
    """No entry: of a head that was rightly signed, at most that it was seen."""
    position = sink.positions.get(server.log.log_id)
    return not sink.rows and (position is None or position.next_index == 0)


def test_a_head_signed_by_another_key(server: LogServer, reader: Read, sink: MemorySink) -> None:
    other = CtLog(origin=server.log.origin)
    forged = other.sth if not server.tiled else other.checkpoint

    def lie(path: str, body: bytes) -> bytes:
        return forged(1500, START_MS, server.log.root(1500)) if "get-sth" in path or "checkpoint" in path else body

    server.lie = lie
    reason = refused(reader, HeadError)
    assert reason in ("a head that the log's key did not sign", "a checkpoint without the log's signature")
    assert nothing_was_kept(sink, server)


def test_a_wrong_root(server: LogServer, reader: Read, sink: MemorySink) -> None:
    """Rightly signed, and not the root of what it gives."""
    head = server.log.sth if not server.tiled else server.log.checkpoint

    def lie(path: str, body: bytes) -> bytes:
        return head(1500, START_MS, b"\x55" * 32) if "get-sth" in path[:15] or "checkpoint" in path else body

    server.lie = lambda path, body: body if "consistency" in path else lie(path, body)
    assert "are not those of the tree of 1,500 it signed" in refused(reader)
    assert nothing_was_kept(sink, server)


def _changed_page(
    body: bytes, tiled: bool, change: Callable[[list[Logged]], list[Logged]], page: list[Logged]
) -> bytes:
    entries_ = change(page)
    if tiled:
        return b"".join(each.tile_leaf for each in entries_)
    given = [
        {"leaf_input": base64.b64encode(e.leaf).decode(), "extra_data": base64.b64encode(e.extra).decode()}
        for e in entries_
    ]
    return json.dumps({"entries": given}).encode()


def test_entries_that_changed_places(server: LogServer, reader: Read, sink: MemorySink, entries: list[Logged]) -> None:
    def swap(page: list[Logged]) -> list[Logged]:
        return [page[1], page[0], *page[2:]]

    assert "entries 512 to" in lied_in_third_page(server, reader, entries, swap)
    assert sink.positions[server.log.log_id].next_index == 512  # what was before it stays


def test_an_entry_that_is_another(
    server: LogServer, reader: Read, sink: MemorySink, entries: list[Logged], sub: Ca, root: Ca
) -> None:
    planted = usual_entries(sub, root, 1, 77_777)[0]
    assert "entries 512 to" in lied_in_third_page(server, reader, entries, lambda page: [*page[:-1], planted])
    assert serial_number(77_777).to_bytes(16, "big") not in {key[2] for key in sink.rows}


def test_a_timestamp_that_is_another(server: LogServer, reader: Read, sink: MemorySink, entries: list[Logged]) -> None:
    def later(page: list[Logged]) -> list[Logged]:
        first = page[0].timestamped
        return [
            replace(page[0], timestamped=(int.from_bytes(first[:8], "big") + 1).to_bytes(8, "big") + first[8:]),
            *page[1:],
        ]

    assert "entries 512 to" in lied_in_third_page(server, reader, entries, later)


def lied_in_third_page(
    server: LogServer, reader: Read, entries: list[Logged], change: Callable[[list[Logged]], list[Logged]]
) -> str:
    def lie(path: str, body: bytes) -> bytes:
        if "start=512&" in path or path.endswith("tile/data/002"):
            return _changed_page(body, server.tiled, change, entries[512:768])
        return body

    server.lie = lie
    return refused(lambda: reader(batch_entries=256))


UNREADABLE = [
    ("rfc6962", "get-sth", b"<html>", "not a signed tree head"),
    ("rfc6962", "get-sth", b"{}", "not a signed tree head"),
    ("rfc6962", "get-sth", b'{"x":' + b"[" * 60_000, "not a signed tree head"),
    ("rfc6962", "get-entries", b"<html>", "not what RFC 6962 says"),
    ("rfc6962", "get-entries", b'{"x":' + b"[" * 100_000, "not what RFC 6962 says"),
    ("rfc6962", "get-sth-consistency", b'{"consistency":["\xff"]}', "not what RFC 6962 says"),
    ("rfc6962", "get-roots", b'{"x":' + b"[" * 100_000, "not what RFC 6962 says"),
    ("rfc6962", "get-entries", b"[]", "not what RFC 6962 says"),
    ("rfc6962", "get-entries", b'{"entries":[]}', "0 entries where"),
    ("rfc6962", "get-entries", b'{"entries":[{"leaf_input":"!","extra_data":""}]}', "not what RFC 6962 says"),
    ("rfc6962", "get-sth-consistency", b"null", "not what RFC 6962 says"),
    ("rfc6962", "get-roots", b"{}", "not what RFC 6962 says"),
    ("static", "checkpoint", b"<html>", "not a checkpoint"),
    ("static", "checkpoint", b"\xff", "not a checkpoint"),
    ("static", "checkpoint", b"a\n1\nb\n", "not a checkpoint"),
    ("static", "tile/data", b"<html>", "cut short"),
    ("static", "tile/data", b"", "cut short"),
    ("static", "tile/data", b"\0" * 300, "cut short"),
    ("static", "tile/data/003", None, "something behind the tile's entries"),
    ("static", "tile/1", b"\0" * 31, "31 octets for"),
    ("static", "tile/1", b"\0" * 8192, "octets for"),
    ("static", "issuer", b"<html>", "an issuer that is not the one asked for"),
    ("static", "get-roots", b"<html>", "not what RFC 6962 says"),
]


def instead(where: str, answered: bytes | None, most: int = 1 << 30) -> Callable[[str, bytes], bytes]:
    """This answer at first, `most` times; None: the right one and an octet."""
    given: list[str] = []

    def lie(path: str, body: bytes) -> bytes:
        if where not in path or ("con" in path and "con" not in where) or len(given) >= most:
            return body
        given.append(path)
        return body + b"\0" if answered is None else answered

    return lie


@pytest.mark.parametrize(("server", "where", "answered", "reason"), UNREADABLE, indirect=["server"])
def test_what_cannot_be_read_is_no_answer(
    server: LogServer, reader: Read, sink: MemorySink, where: str, answered: bytes | None, reason: str
) -> None:
    """Nor is it a lie: a server that is being mended answers 200 and a page."""
    server.lie = instead(where, answered)
    with pytest.raises(GivenUpError, match=f"{reason}.*, 2 times"):
        reader().to_the_head()
    server.lie = instead(where, answered, most=1)
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 1500 and len(sink.rows) == 1406


@pytest.mark.parametrize("server", ["rfc6962"], indirect=True)
@pytest.mark.parametrize("hashes", [["AAAA"], ["AA=="] * 100])
def test_a_proof_that_proves_nothing(server: LogServer, reader: Read, sink: MemorySink, hashes: list[str]) -> None:
    server.lie = instead("get-sth-consistency", json.dumps({"consistency": hashes}).encode())
    assert "are not those of" in refused(reader)
    assert nothing_was_kept(sink, server)


def test_no_answer_is_not_a_lie(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.lie = lambda path, body: 500 if "data/005" in path or "start=1280" in path else body
    with pytest.raises(GivenUpError):
        reader(batch_entries=256).to_the_head()
    assert sink.positions[server.log.log_id].next_index == 1280
    server.lie = None
    reader().to_the_head()
    assert len(sink.rows) == 1406
