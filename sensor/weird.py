"""One oddity seen in the traffic or in a capture, by its stable name; any stage may produce one."""

from __future__ import annotations

import msgspec


class FlowId:
    """Who talks to whom, and the name of this conversation in every log. Not to be changed once made.

    `uid` is Zeek-shaped: "C" and 17 or 18 base-62 digits, a digest of the flow's first packet. `orig_h` and `resp_h`
    are addresses in canonical text (RFC 5952 for IPv6); ports are 0..65535. `proto` is the IP protocol number.
    """

    __slots__ = ("orig_h", "orig_p", "proto", "resp_h", "resp_p", "uid")

    def __init__(self, uid: str, orig_h: str, orig_p: int, resp_h: str, resp_p: int, proto: int = 6) -> None:
        self.uid = uid
        self.orig_h = orig_h
        self.orig_p = orig_p
        self.resp_h = resp_h
        self.resp_p = resp_p
        self.proto = proto

    def fields(self) -> tuple[str, str, int, str, int, int]:
        """As the constructor takes them."""
        return (self.uid, self.orig_h, self.orig_p, self.resp_h, self.resp_p, self.proto)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlowId) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.fields())

    def __repr__(self) -> str:
        return f"FlowId{self.fields()!r}"

    def __reduce__(self) -> tuple[type[FlowId], tuple[object, ...]]:
        return FlowId, self.fields()


def name_flow(uid: str, orig_h: str, orig_p: int, resp_h: str, resp_p: int) -> FlowId:
    """The FlowId of a TCP flow. One is made for each, and as arguments of a constructor its ports would be objects."""
    flow = FlowId.__new__(FlowId)
    flow.uid, flow.orig_h, flow.orig_p, flow.resp_h, flow.resp_p = uid, orig_h, orig_p, resp_h, resp_p
    flow.proto = 6
    return flow


class Weird(msgspec.Struct, frozen=True, gc=False):
    """`name` is Zeek's where Zeek has one. `ts` nanoseconds. `source` is the layer, as Zeek names it: TCP, HTTP, ..."""

    ts: int
    name: str
    flow: FlowId | None = None
    addl: str | None = None
    source: str | None = None
