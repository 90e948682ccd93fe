"""sensor.flow.table against a dict and a deque."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.flow.state import Flow
from sensor.flow.table import FlowQueue, FlowTable

# Keys that meet in few places of the index, at its end among others, and any.
KEYS = st.one_of(
    st.builds(lambda low, high: high << 20 | low, st.sampled_from([0, 1, 254, 255, 256, 511]), st.integers(0, 40)),
    st.integers(0, 2**64 - 1),
).map(lambda key: key or 1)


def flow_of(key: int) -> Flow:
    flow = Flow(0, 0)
    flow.key = key
    return flow


def holds(table: FlowTable, expected: dict[int, Flow]) -> None:
    assert len(table) == table.size() == len(expected)
    for key, flow in expected.items():
        assert table.find(key) is flow
    assert {flow.key for flow in table.values()} == set(expected)


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=300))
def test_a_table_is_as_a_dict(turns: list[tuple[bool, int]]) -> None:
    table, expected = FlowTable(), dict[int, Flow]()
    for add, key in turns:
        known = expected.get(key)
        assert table.find(key) is known
        if known is None and add:
            expected[key] = flow_of(key)
            table.add(expected[key])
        elif known is not None and not add:
            table.remove(expected.pop(key))
        elif key != 1 << 63 and key ^ 1 << 63 not in expected:
            table.remove(flow_of(key ^ 1 << 63))  # there is none: nothing happens
    holds(table, expected)


def test_a_key_is_not_nothing() -> None:
    with pytest.raises(ValueError, match="without a key"):
        FlowTable().add(flow_of(0))


def test_it_grows_and_empties() -> None:
    """Runs of neighbours, so that what moves up moves far, round the end of the index, too."""
    table = FlowTable()
    expected = {key << 32 | 0xFFFFFFF0 + key % 32: flow_of(key << 32 | 0xFFFFFFF0 + key % 32) for key in range(600)}
    for flow in expected.values():
        table.add(flow)
    holds(table, expected)
    for key in list(expected)[::3]:
        table.remove(expected.pop(key))
    holds(table, expected)
    for key in list(expected):
        table.remove(expected.pop(key))
    holds(table, {})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["append", "popleft", "over", "tidy", "keep"]), max_size=30), st.integers(1, 30))
def test_a_queue_is_as_a_deque(turns: list[str], many: int) -> None:
    queue, expected = FlowQueue(), deque[Flow]()
    for number, turn in enumerate(turns):
        if turn == "append":
            for _ in range(50 * many):  # more than are kept behind the front
                flow = flow_of(number)
                expected.append(flow)
                queue.append(flow)
        elif turn == "popleft":
            for _ in range(min(40 * many, len(expected))):
                assert queue.popleft() is expected.popleft()
        elif turn == "over":
            for flow in list(expected)[: 20 * many]:
                flow.over = True
        elif turn == "tidy":
            queue.tidy()
            while expected and expected[0].over:
                expected.popleft()
        else:
            kept = list(expected)[::2]
            queue.keep(kept)
            expected = deque(kept)
        assert len(queue) == len(expected)
        assert queue.values() == list(expected)


def test_what_was_taken_is_let_go_of() -> None:
    queue = FlowQueue()
    for number in range(3000):
        queue.append(flow_of(number))
        queue.append(flow_of(number))
        queue.popleft()
        queue.popleft()
        assert not len(queue)
    assert not queue.values()
    with pytest.raises(IndexError):
        queue.popleft()
