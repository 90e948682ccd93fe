"""Networks as patterns over text: what fits is what is in them."""

from __future__ import annotations

import sqlite3
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.networks import address_globs

GROUPS = st.sampled_from([0, 0, 0, 1, 0xDB8, 0x2001, 0xFD, 0xFD00, 0xFE80, 0xFFFF])
SIXES = st.lists(GROUPS, min_size=8, max_size=8).map(
    lambda groups: IPv6Address(sum(group << 112 - 16 * place for place, group in enumerate(groups)))
)
FOURS = st.integers(0, 2**32 - 1).map(IPv4Address)


@given(st.one_of(SIXES, FOURS), st.integers(0, 128), st.lists(st.one_of(SIXES, FOURS), max_size=20), st.data())
def test_what_fits_is_in_the_network(
    base: IPv4Address | IPv6Address, bits: int, others: list[IPv4Address | IPv6Address], data: st.DataObject
) -> None:
    network = ip_network((base, bits % (base.max_prefixlen + 1)), strict=False)
    globs = address_globs(network)
    if globs is None:
        return
    assert 0 < len(globs) <= 128
    inside = network[data.draw(st.integers(0, network.num_addresses - 1))]
    database = sqlite3.connect(":memory:")
    for address in (base, inside, network[0], network[-1], *others):
        fits = any(database.execute("SELECT ? GLOB ?", (str(address), glob)).fetchone()[0] for glob in globs)
        assert fits == (address in network), (address, network, globs)
    database.close()


@pytest.mark.parametrize(
    ("network", "globs"),
    [
        ("192.0.2.0/24", ("192.0.2.*",)),
        ("192.0.2.4/31", ("192.0.2.4", "192.0.2.5")),
        ("0.0.0.0/0", ("[0-9]*.*",)),
        ("2001:db8::/32", ("2001:db8:*",)),
        ("2001:db8:0:1::/64", ("2001:db8:0:1:*",)),
        ("fd00::/8", ("fd[0-9a-f][0-9a-f]:*",)),
        ("1:2:3:4:5:6:7:2000/116", ("1:2:3:4:5:6:7:2[0-9a-f][0-9a-f][0-9a-f]",)),
        ("::/0", ("*:*",)),
        ("::1/128", ("::1",)),
        ("64:ff9b::/96", None),  # 64:ff9b::c000:201, and 64:ff9b:0:0:0:0:c000:201 is not what it is called
        ("2001:db8::/48", None),
        ("::/1", None),
    ],
)
def test_examples(network: str, globs: tuple[str, ...] | None) -> None:
    assert address_globs(ip_network(network)) == globs
    assert str(ip_address("2001:db8:0::1")) == "2001:db8::1"  # the zeros that hide
