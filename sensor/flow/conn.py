"""What conn.log says of one TCP flow."""

from __future__ import annotations

from sensor.weird import FlowId


class Connection:
    """A finished flow in Zeek's terms (reference: zeek-logs.md, conn.log). Times in nanoseconds.

    `duration` is None where Zeek leaves it out (then `orig_bytes` and `resp_bytes` too); `history` may be empty;
    `tunnel_parents` holds the uid of the tunnel the flow ran in. Not to be changed once made (compiled, it cannot be).
    A class of its own, not a Struct: one is made for every flow, and compiled its numbers are no objects.
    """

    __slots__ = (
        "conn_state",
        "duration",
        "flow",
        "history",
        "inner_vlan",
        "missed_bytes",
        "orig_bytes",
        "orig_ip_bytes",
        "orig_pkts",
        "resp_bytes",
        "resp_ip_bytes",
        "resp_pkts",
        "service",
        "ts",
        "tunnel_parents",
        "vlan",
    )

    def __init__(
        self,
        flow: FlowId,
        ts: int,
        service: str | None,
        duration: int | None,
        orig_bytes: int | None,
        resp_bytes: int | None,
        conn_state: str,
        missed_bytes: int,
        history: str,
        orig_pkts: int,
        orig_ip_bytes: int,
        resp_pkts: int,
        resp_ip_bytes: int,
        vlan: int | None = None,
        inner_vlan: int | None = None,
        tunnel_parents: tuple[str, ...] = (),
    ) -> None:
        self.flow = flow
        self.ts = ts
        self.service = service
        self.duration = duration
        self.orig_bytes = orig_bytes
        self.resp_bytes = resp_bytes
        self.conn_state = conn_state
        self.missed_bytes = missed_bytes
        self.history = history
        self.orig_pkts = orig_pkts
        self.orig_ip_bytes = orig_ip_bytes
        self.resp_pkts = resp_pkts
        self.resp_ip_bytes = resp_ip_bytes
        self.vlan = vlan
        self.inner_vlan = inner_vlan
        self.tunnel_parents = tunnel_parents

    def fields(self) -> tuple[object, ...]:
        """As the constructor takes them."""
        return (
            self.flow,
            self.ts,
            self.service,
            self.duration,
            self.orig_bytes,
            self.resp_bytes,
            self.conn_state,
            self.missed_bytes,
            self.history,
            self.orig_pkts,
            self.orig_ip_bytes,
            self.resp_pkts,
            self.resp_ip_bytes,
            self.vlan,
            self.inner_vlan,
            self.tunnel_parents,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.fields())

    def __repr__(self) -> str:
        return f"Connection{self.fields()!r}"
