"""One oddity seen in the traffic or in a capture, by its stable name; any stage may produce one."""

from __future__ import annotations

import msgspec


class FlowId(msgspec.Struct, frozen=True, gc=False):
    """Who talks to whom, and the name of this conversation in every log.

    `uid` is Zeek-shaped: "C" and 17 or 18 base-62 digits, a digest of the flow's first packet. `orig_h` and `resp_h`
    are addresses in canonical text (RFC 5952 for IPv6); ports are 0..65535. `proto` is the IP protocol number.
    """

    uid: str
    orig_h: str
    orig_p: int
    resp_h: str
    resp_p: int
    proto: int = 6


class Weird(msgspec.Struct, frozen=True, gc=False):
    """`name` is Zeek's where Zeek has one. `ts` nanoseconds. `source` is the layer, as Zeek names it: TCP, HTTP, ..."""

    ts: int
    name: str
    flow: FlowId | None = None
    addl: str | None = None
    source: str | None = None
