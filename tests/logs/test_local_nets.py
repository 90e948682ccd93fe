"""sensor.logs.local_nets against the standard library and against Zeek's own logs."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.logs.local_nets import LocalNets, pack_address
from sensor.settings import FlowSettings
from tests.logs.observations import addresses

NETS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: f"{pair[0]}/{pair[1]}")


@given(st.lists(NETS, max_size=5), st.lists(addresses, min_size=1, max_size=5))
def test_as_the_standard_library(nets: list[str], hosts: list[str]) -> None:
    local = LocalNets(nets)
    for host in [*hosts, *hosts, *(net.partition("/")[0] for net in nets)]:
        expected = any(ip_address(host) in ip_network(net, strict=False) for net in nets)
        assert local.is_local(host) == expected
        assert pack_address(host) == ip_address(host).packed


@pytest.mark.parametrize("wrong", ["", "10.0.0.0/33", "example.com", "10.0.0"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        LocalNets([wrong])


def test_the_memory_is_bounded() -> None:
    local = LocalNets(["10.0.0.0/8"])
    for number in range(70_000):
        assert local.is_local(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        assert not local.is_local(f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}")
    assert not local.is_local("11.0.0.1")


@pytest.mark.needs("shared/corpus/zeek")
def test_the_default_is_zeeks(shared: Path) -> None:
    local = LocalNets(FlowSettings().local_nets)
    seen = set()
    for log in (shared / "corpus" / "zeek").rglob("conn.log"):
        for record in map(json.loads, log.read_text().splitlines()):
            for end in ("orig", "resp"):
                assert local.is_local(record[f"id.{end}_h"]) == record[f"local_{end}"], record
                seen.add(record[f"local_{end}"])
    assert seen == {True, False}
