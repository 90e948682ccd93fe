"""What conn.log says of one TCP flow."""

from __future__ import annotations

import msgspec

from sensor.weird import FlowId


class Connection(msgspec.Struct, frozen=True, gc=False):
    """A finished flow in Zeek's terms (reference: zeek-logs.md, conn.log). Times in nanoseconds.

    `duration` is None where Zeek leaves it out (then `orig_bytes` and `resp_bytes` too); `history` may be empty.
    """

    flow: FlowId
    ts: int
    service: str | None
    duration: int | None
    orig_bytes: int | None
    resp_bytes: int | None
    conn_state: str
    missed_bytes: int
    history: str
    orig_pkts: int
    orig_ip_bytes: int
    resp_pkts: int
    resp_ip_bytes: int
    vlan: int | None = None
    inner_vlan: int | None = None
    tunnel_parents: tuple[str, ...] = ()  # the uid of the tunnel the flow ran in
