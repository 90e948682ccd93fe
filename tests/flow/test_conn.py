"""sensor.flow.conn: what conn.log says of a whole conversation, field for field."""

from __future__ import annotations

import pickle

import pytest

import sensor
from sensor.flow.conn import Connection
from sensor.weird import FlowId
from tests.flow.frames import START, Frame, ethernet, ip4, vlan
from tests.flow.talk import CLOSE, HANDSHAKE, MS, Ends, frames_of, listen, parse, play
from tests.flow.wraps import in_udp, vxlan

SCRIPT = HANDSHAKE + "c> A =100\ns> A =200\nc> A\n" + CLOSE


def test_every_field_of_the_usual() -> None:
    conn = play(SCRIPT).conn
    assert conn == Connection(
        flow=FlowId(conn.flow.uid, "10.20.0.31", 49152, "198.51.100.40", 80, 6),
        ts=START + MS,
        service=None,
        duration=8 * MS,  # both have closed with the last FIN: the ACK to it does not count
        orig_bytes=100,
        resp_bytes=200,
        conn_state="SF",
        missed_bytes=0,
        history="ShADdFaf",
        orig_pkts=6,
        orig_ip_bytes=6 * 40 + 100,
        resp_pkts=4,
        resp_ip_bytes=4 * 40 + 200,
        vlan=None,
        inner_vlan=None,
        tunnel_parents=(),
    )


def test_ipv6() -> None:
    conn = play(SCRIPT, ends=Ends(client="2001:db8:20::31", server="2001:db8:40::80")).conn
    assert (conn.flow.orig_h, conn.flow.resp_h) == ("2001:db8:20::31", "2001:db8:40::80")
    assert (conn.orig_ip_bytes, conn.resp_ip_bytes) == (6 * 60 + 100, 4 * 60 + 200)


def test_tags_are_those_of_the_first_packet() -> None:
    assert play(SCRIPT, ends=Ends(vlan=7)).conn.vlan == 7
    frames = frames_of(parse(SCRIPT))
    datagram = frames[0].data[14:]
    frames[0] = Frame(frames[0].ts, ethernet(vlan(7, 0x8100, vlan(8, 0x0800, datagram)), 0x88A8))
    conn = listen().feed(frames).end().conn
    assert (conn.vlan, conn.inner_vlan) == (7, 8)


def test_tunnel_parents_name_the_same_tunnel_in_both_directions() -> None:
    def inside(wrap: str, segments: str) -> Connection:
        frames = []
        for frame in frames_of(parse(segments)):
            datagram = frame.data[14:]
            if wrap == "vxlan":
                frames.append(Frame(frame.ts, in_udp(4789, vxlan(ethernet(datagram)))))
            else:
                frames.append(Frame(frame.ts, ethernet(ip4("192.0.2.1", "192.0.2.2", datagram, 4))))
        return listen().feed(frames).end().conn

    one, again, other = inside("ipip", SCRIPT), inside("ipip", "c> S\n"), inside("vxlan", SCRIPT)
    assert len(one.tunnel_parents) == 1
    assert one.tunnel_parents == again.tunnel_parents != other.tunnel_parents
    assert one.tunnel_parents[0].startswith("C")
    assert one.orig_ip_bytes == 6 * 40 + 100, "of the inner datagrams"


def test_a_connection_cannot_be_changed() -> None:
    """Uncompiled only the type checker forbids it."""
    conn = play(SCRIPT).conn
    fields = conn.fields()
    if sensor.build_mode() == "compiled":
        with pytest.raises(AttributeError):
            conn.history = "S"
        with pytest.raises(AttributeError):
            conn.flow.uid = "C1"  # type: ignore[misc]  # that is what is tested
    assert conn.fields() == fields


def test_what_makes_connections_equal() -> None:
    conn = play(SCRIPT).conn
    same = Connection(*conn.fields())  # type: ignore[arg-type]  # a tuple of anything
    assert same == conn
    assert hash(same) == hash(conn)
    assert repr(same) == repr(conn)
    others = (FlowId("C1", "::1", 1, "::2", 2), 7, "x", 7, 7, 7, "x", 7, "x", 7, 7, 7, 7, 7, 7, ("C1",))
    for place, other in enumerate(others):
        fields = list(conn.fields())
        assert fields[place] != other
        fields[place] = other
        assert Connection(*fields) != conn, place  # type: ignore[arg-type]  # a list of anything


def test_a_flow_id_can_be_sent_to_another_process() -> None:
    flow = FlowId("C1", "192.0.2.1", 1, "192.0.2.2", 65535)
    assert pickle.loads(pickle.dumps(flow)) == flow  # noqa: S301  (our own bytes)
    assert FlowId(*flow.fields()) == flow
    assert flow.proto == 6
    assert len({flow, FlowId(*flow.fields()), FlowId("C1", "192.0.2.1", 1, "192.0.2.2", 65534)}) == 2
