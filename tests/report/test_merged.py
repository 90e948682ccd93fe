"""sensor.report.merged: what several counted, each a part, added up is what one counts of it all."""

from __future__ import annotations

import random

import msgspec
import pytest

from sensor.audit.findings import GRAVE
from sensor.privacy.leak import Grade
from sensor.report import board as board_module
from sensor.report import merged
from sensor.report.board import Board
from sensor.report.merged import Counted, Glance, Glances, add_up, count_up, glance_at, one_input
from sensor.report.render import render_summary
from sensor.report.summary import MAX_DAMAGE, MAX_DISTINCT, MAX_RESPONDERS, MAX_TOLD, FileRead, Summary
from sensor.weird import FlowId, Weird
from tests.report.conftest import START, _connections, _exchanges, _leaks, _transactions

FILE = FileRead("w1 (ring, worker 1)", 7, 700, START, START + 5, ("3 packets dropped",))
OTHER = FileRead("w1 (ring, worker 2)", 5, 500, START - 9, START + 1)
FLOW = FlowId("C", "10.1.0.21", 1, "192.0.2.1", 80)


def observations() -> list[object]:
    found: list[object] = [*_connections(), *_transactions(), *_exchanges(), *_leaks()]
    found += [Weird(START, "data_before_established", FLOW)] * 12 + [Weird(START, "unknown_link_type", None, "147")] * 3
    return found + [Weird(START, "ring_block_damaged", None, f"{n} frames lost", "CAPTURE") for n in range(3)]


def sent(counted: Counted) -> Counted:
    """As another process gets it."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(counted), type=Counted)


def sorted_within(value: object) -> object:
    """Equals have no order, in neither of them."""
    if isinstance(value, list | tuple):
        return sorted(map(sorted_within, value), key=repr)
    if isinstance(value, dict):
        return sorted(([key, sorted_within(kept)] for key, kept in value.items()), key=repr)
    return value


def counts(summary: Summary) -> dict[str, object]:
    """All that it has counted, but which values it told apart."""
    sets = {name: len(getattr(summary, f"{name}_total")) for name in ("clients", "sites", "certificates")}
    found = msgspec.to_builtins(count_up(summary, FILE), builtin_types=(bytes,)) | sets
    return {name: sorted_within(value) for name, value in found.items()}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_parts_add_up_to_the_whole(workers: int) -> None:
    whole, parts = Summary(), [Summary() for _ in range(workers)]
    rng = random.Random(workers)
    finding = sorted(GRAVE, key=lambda each: each.value)[0]
    for summary in (whole, *parts):
        summary.count_audited(5 if summary is whole else 5 // workers, [])
        summary.other_frames = {"udp": 60 if summary is whole else 60 // workers}
        summary.lookups_failed = 10 if summary is whole else 10 // workers
        summary.discarded = {"too_late": 30 if summary is whole else 30 // workers}
    if workers == 2:
        parts[0].count_audited(1, [])
    for observation in observations():
        whole.feed([observation])
        rng.choice(parts).feed([observation])
    for number in range(4):
        for summary in (whole, parts[number % workers]):
            summary.count_audited(0, [(b"ocsp.example", "0A", finding)])
    total = Summary()
    for part in parts:
        add_up(total, sent(count_up(part, FILE)))
    assert counts(total) == counts(whole)
    assert not total.clients_total.is_full


def test_one_input_of_several() -> None:
    assert one_input("w1 (ring, 2 workers)", [FILE, OTHER], ["one is missing"]) == FileRead(
        "w1 (ring, 2 workers)",
        12,
        1200,
        START - 9,
        START + 5,
        ("w1 (ring, worker 1): 3 packets dropped", "one is missing"),
    )
    assert one_input("x", []) == FileRead("x", 0, 0)


def test_limits_hold_for_the_sum(make) -> None:
    total = Summary()
    for worker in range(4):
        part = Summary()
        for n in range(MAX_TOLD):
            part.leak(make.leak(f"10.{worker}.{n >> 8}.{n & 255}", Grade.exact, f"{n}.example", f"{n:X}"))
        for n in range(MAX_RESPONDERS):
            part.exchange(make.exchange("10.1.0.1", "0A", host=f"{worker}-{n}.example".encode()))
        part.feed([Weird(START, "damaged", None, str(n), "CAPTURE") for n in range(MAX_DAMAGE)])
        add_up(total, sent(count_up(part, FILE)))
    assert len(total.told) <= 2 * MAX_TOLD
    assert len(total.told) + total.told_besides == 4 * MAX_TOLD
    assert len(total.responders) <= 2 * MAX_RESPONDERS
    assert sum(each.asked for each in total.responders.values()) + total.other_responders.asked == 4 * MAX_RESPONDERS
    assert len(total.damage) + total.damage_besides == 4 * MAX_DAMAGE
    assert len(total.clients_total) == 4 * MAX_TOLD


def test_more_than_can_be_told_apart_is_said() -> None:
    part, total = Summary(), Summary()
    for n in range(MAX_DISTINCT + 1):
        part.clients_total.add(n)
    add_up(total, sent(count_up(part, FILE)))
    assert total.clients_total.is_full
    assert len(total.clients_total) == MAX_DISTINCT


def test_a_reply_that_is_valid_for_thousands_of_years_goes_through(make) -> None:
    part, total = Summary(), Summary()
    part.exchange(make.exchange("10.1.0.1", "0A", valid_days=8000 * 365))
    add_up(total, sent(count_up(part, FILE)))
    assert total.responders[b"ocsp.trust.example"].validity.median() == 1 << 62


def test_what_is_no_such_record_is_refused_and_nothing_else_can_go_wrong() -> None:
    """A worker in wrong hands: whatever it writes is refused by its type, or added up."""
    part = Summary()
    part.feed(observations())
    good = msgspec.to_builtins(count_up(part, FILE), builtin_types=(bytes,))
    rng = random.Random(4)
    bad = [-1, 1 << 60, 1 << 64, None, "x", b"x" * 11, [], {}, [[1, 2]], [[["a", "b"], 1], 1], 2.5, [[], 0]]
    added = 0
    for _ in range(3000):
        made = dict(good)
        made[rng.choice(list(made))] = rng.choice(bad)
        try:
            counted = msgspec.convert(made, Counted, builtin_types=(bytes,))
        except msgspec.ValidationError:
            continue
        total = Summary()
        for _ in range(64):
            add_up(total, counted)
        added += 1
        render_summary(total, 80)
    assert added
    encoded = bytearray(msgspec.msgpack.encode(count_up(part, FILE)))
    for _ in range(2000):
        broken = bytearray(encoded)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        try:
            counted = msgspec.msgpack.decode(broken, type=Counted)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        total = Summary()
        add_up(total, counted)
        total.files.append(counted.file)


def board_of(make, clients: range, ts: int) -> Board:
    board = Board()
    for n in clients:
        board.leak(msgspec.structs.replace(make.leak(f"10.0.0.{n}", Grade.exact, f"{n % 3}.example"), ts=ts + n))
    return board


def test_boards_at_a_glance(make) -> None:
    parts = [board_of(make, range(10), 100), board_of(make, range(5, 20), 105)]
    glances = [msgspec.msgpack.decode(msgspec.msgpack.encode(glance_at(part)), type=Glance) for part in parts]
    board = Glances(glances)
    assert board.leaks == 25
    assert (len(board.clients_total), len(board.sites_total)) == (20, 3)
    assert dict(board.clients.top(3)) == {f"10.0.0.{n}": 2 for n in (5, 6, 7)}
    assert [one.ts for one in board.latest(3)] == [124, 123, 122]
    assert len(board.latest(99)) == 25
    assert Glances().latest(5) == []


def test_a_glance_is_bounded(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "TOLD_APART", 7)
    glance = glance_at(board_of(make, range(20), 1))
    assert (len(glance.clients_total.numbers), glance.clients_total.is_full) == (7 * 8, True)
    assert not glance.sites_total.is_full
    assert Glances([glance]).clients_total.is_full
    assert merged.MAX_LATEST == board_module.MAX_LATEST
