"""sensor.flow.state: names and addresses of flows, sizes by sequence numbers, numbering that starts anew."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.late import Late
from sensor.flow.state import ESTABLISHED, INACTIVE, RESET, SYN_SENT, Endpoint, Flow, make_flow_id, render_address
from tests.flow.talk import stream

WORD = st.integers(0, 2**64 - 1)
GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0xA, 0xFFFF, 0x0100]), min_size=8, max_size=8)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_addresses(number: int) -> None:
    assert render_address(4, 0, number) == str(ipaddress.IPv4Address(number))


@given(GROUPS)
def test_ipv6_addresses_as_rfc_5952(groups: list[int]) -> None:
    number = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
    if number >> 32 != 0xFFFF:
        expected = str(ipaddress.IPv6Address(number))
        assert render_address(6, number >> 64, number & 0xFFFFFFFFFFFFFFFF) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),  # two runs of one length: the first
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  # one group alone is not shortened
        ("::ffff:192.0.2.1", "192.0.2.1"),  # as Zeek writes mapped addresses
        ("::fffe:192.0.2.1", "::fffe:c000:201"),
    ],
)
def test_ipv6_corners(text: str, canonical: str) -> None:
    number = int(ipaddress.IPv6Address(text))
    assert render_address(6, number >> 64, number & 0xFFFFFFFFFFFFFFFF) == canonical


def flow_of(
    one: tuple[int, int, int], other: tuple[int, int, int], ts: int = 5, number: int = 7, family: int = 6
) -> Flow:
    flow = Flow(number, ts)
    flow.family = family
    flow.orig_hi, flow.orig_lo, flow.orig_p = one
    flow.resp_hi, flow.resp_lo, flow.resp_p = other
    return flow


END = st.tuples(WORD, WORD, st.integers(0, 65535))


@given(END, END)
def test_uid_does_not_depend_on_who_is_who(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    there, back = make_flow_id(flow_of(one, other)), make_flow_id(flow_of(other, one))
    assert there.uid == back.uid
    assert (there.orig_h, there.orig_p) == (back.resp_h, back.resp_p)


def test_t17_uid_depends_on_everything_else() -> None:
    """Swapped ports, XOR of the addresses, time, number, family: other flows, other names."""
    base = ((0, 1, 40000), (0, 2, 80))
    flows = [
        flow_of(*base),
        flow_of((0, 1, 80), (0, 2, 40000)),
        flow_of((0, 5, 40000), (0, 6, 80)),
        flow_of((1, 1, 40000), (1, 2, 80)),
        flow_of(*base, ts=6),
        flow_of(*base, number=8),
        flow_of(*base, family=4),
    ]
    assert len({make_flow_id(flow).uid for flow in flows}) == len(flows)
    assert make_flow_id(flow_of(*base)) == make_flow_id(flow_of(*base))


def test_flip_turns_everything_round_and_keeps_the_name() -> None:
    flow = flow_of((0, 1, 80), (0, 2, 40000), family=4)
    flow.history = "h"
    client, server = flow.resp, flow.orig
    before = flow.flow_id()
    flow.flip()
    assert flow.flow_id() == make_flow_id(flow_of((0, 2, 40000), (0, 1, 80), family=4))
    assert flow.flow_id().uid == before.uid
    assert (flow.orig, flow.resp) == (client, server)
    assert (flow.orig.is_orig, flow.resp.is_orig) == (True, False)
    assert (flow.orig.peer, flow.resp.peer) == (server, client)
    assert flow.history == "h^"


@pytest.mark.parametrize(
    ("last_rel", "ack_rel", "fin_cnt", "size"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 0),  # a SYN
        (101, 1, 0, 100),
        (1, 101, 0, 100),  # the peer acknowledged more than was seen
        (102, 1, 1, 100),
        (1, 0, 1, 0),
        (2, 2, 1, 0),
    ],
)
def test_size_counts_neither_syn_nor_fin(last_rel: int, ack_rel: int, fin_cnt: int, size: int) -> None:
    end = Flow(0, 0).orig
    end.last_rel, end.ack_rel, end.fin_cnt, end.state = last_rel, ack_rel, fin_cnt, ESTABLISHED
    assert end.size() == size


def test_size_of_an_aborted_attempt_is_nothing() -> None:
    """SYN, then RST, and an ACK in between that is about another connection (Zeek: TCP_Endpoint::Size)."""
    end = Flow(0, 0).orig
    end.prev_state, end.state, end.last_rel, end.ack_rel = SYN_SENT, RESET, 1, 5000
    assert end.size() == 0
    end.ack_rel = 1
    end.last_rel = 101
    assert end.size() == 100


def numbered(start: int, next_rel: int) -> Endpoint:
    end = Flow(0, 0).orig
    end.state = ESTABLISHED
    end.start_seq = start
    end.next_rel, end.trim_rel, end.top_rel = next_rel, next_rel - 10, next_rel + 20
    end.held = [(next_rel + 10, next_rel + 20, stream(next_rel + 10, 10))]
    end.recent = [(next_rel - 10, next_rel, stream(next_rel - 10, 10))]
    return end


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**20), st.integers(-(2**20), 2**20))
def test_inherited_numbers_mean_the_same_octets(start: int, next_rel: int, ahead: int) -> None:
    """A later flow that counts from elsewhere: every place still names the same sequence number on the wire."""
    old = numbered(start, next_rel)
    new = Flow(1, 0).orig
    new.inherit(old)
    again = (start + next_rel + ahead) & 0xFFFFFFFF
    new.start_seq = again
    new.rebase()

    def on_the_wire(end: Endpoint, rel: int) -> int:
        return (end.start_seq + rel) & 0xFFFFFFFF

    assert on_the_wire(new, new.next_rel) == on_the_wire(old, next_rel)
    assert (new.trim_rel - new.next_rel, new.top_rel - new.next_rel) == (-10, 20)
    assert new.held is not None
    assert new.recent is not None
    assert new.held[0] == (new.next_rel + 10, new.next_rel + 20, stream(next_rel + 10, 10))
    assert new.recent[0] == (new.next_rel - 10, new.next_rel, stream(next_rel - 10, 10))
    assert old.held is None, "in one place only"


def test_an_unseen_side_has_no_numbers_to_inherit() -> None:
    new = Flow(1, 0).orig
    new.inherit(Flow(0, 0).orig)
    assert (new.state, new.inherited, new.is_numbered()) == (INACTIVE, False, False)
    assert new.next_rel == 1


def test_release_breaks_the_rings() -> None:
    flow = Flow(0, 0)
    ends = (flow.orig, flow.resp)
    flow.release()
    assert flow.reader is None
    assert all(end.peer not in ends for end in ends)
    assert flow.orig is flow.resp


def test_late_is_per_flow() -> None:
    one, other = Flow(0, 0), Flow(1, 0)
    one.late = Late()
    assert other.late is None


def _said(end: Endpoint) -> dict[str, object]:
    """All that is known of one side, without the other."""
    values = {name: getattr(end, name) for name in dir(end) if not name.startswith("_") and name != "peer"}
    return {name: value for name, value in values.items() if not callable(value)}


def test_a_side_of_a_flow_that_is_over_is_as_new_in_another() -> None:
    """Compiled, it is used again, unless something else refers to it."""
    flow = Flow(1, 10)
    kept = flow.resp
    for end in (flow.orig, flow.resp):
        for name, value in _said(end).items():
            setattr(end, name, [(1, 2, b"x")] if value is None and name != "prefix" else b"x" if value is None else 7)
    before = _said(kept)
    flow.release()
    others = [Flow(number, 10) for number in range(2, 5)]
    for other in others:
        assert other.orig is not kept
        assert other.resp is not kept
        assert (_said(other.orig), _said(other.resp)) == (_said(Endpoint(True)), _said(Endpoint(False)))
        assert other.orig.peer is other.resp
        assert other.resp.peer is other.orig
    assert _said(kept) == before
