"""sensor.logs.community_id against the reference implementation and against Zeek's own logs."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import communityid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.logs import community_id as module
from sensor.weird import FlowId
from tests.logs.observations import flows


def community_id(orig_h: str, orig_p: int, resp_h: str, resp_p: int, proto: int) -> str:
    return module.community_id(ip_address(orig_h).packed, orig_p, ip_address(resp_h).packed, resp_p, proto)


@given(flows(), st.booleans())
def test_as_the_reference_implementation(flow: FlowId, same_host: bool) -> None:
    resp_h = flow.orig_h if same_host else flow.resp_h
    tuple_ = communityid.FlowTuple.make_tcp(flow.orig_h, resp_h, flow.orig_p, flow.resp_p)
    ours = community_id(flow.orig_h, flow.orig_p, resp_h, flow.resp_p, flow.proto)
    assert ours == communityid.CommunityID().calc(tuple_)


def test_direction_does_not_matter() -> None:
    assert community_id("10.0.0.1", 1, "10.0.0.2", 2, 6) == community_id("10.0.0.2", 2, "10.0.0.1", 1, 6)


@pytest.mark.needs("shared/corpus/zeek")
def test_as_zeek(shared: Path) -> None:
    """But for flows of a host with itself: there Zeek 8.2.2 compares the ports with their octets swapped."""
    seen = 0
    for log in (shared / "corpus" / "zeek").rglob("conn.log"):
        for record in map(json.loads, log.read_text().splitlines()):
            if record["proto"] == "tcp" and record["id.orig_h"] != record["id.resp_h"]:
                ends = [record[f"id.{end}"] for end in ("orig_h", "orig_p", "resp_h", "resp_p")]
                assert community_id(*ends, 6) == record["community_id"]
                seen += 1
    assert seen > 5000
