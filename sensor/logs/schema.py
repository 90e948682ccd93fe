"""What all records of `logs.records` share: the types of their fields, how a line begins, whom it is about."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

Time = Annotated[float, Meta(title="time")]
"""Seconds since 1970 with microseconds; with `timestamps` iso8601 text, with millis an integer."""

Interval = Annotated[float, Meta(title="interval")]
"""Seconds."""

Count = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a log. `_path` and `_write_ts` come first if asked for."""

    path_: str | UnsetType = field(name="_path", default=UNSET)
    """With --stream or --json: the name of the log."""
    write_ts_: Time | UnsetType = field(name="_write_ts", default=UNSET)
    """With --stream: the packet time at which the record was complete."""
    ts: Time
    """When it began, in packet time."""


class OfFlow(Record, frozen=True, kw_only=True):
    """A line that always belongs to a connection."""

    uid: str
    """The connection's name in every log."""
    orig_h: str = field(name="id.orig_h")
    """Address of the side that opened the connection."""
    orig_p: Port = field(name="id.orig_p")
    """Its port."""
    resp_h: str = field(name="id.resp_h")
    """Address of the other side."""
    resp_p: Port = field(name="id.resp_p")
    """Its port."""
