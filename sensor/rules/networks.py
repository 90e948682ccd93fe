"""A network as patterns over the text of an address: for query languages that know text only.

The text is RFC 5952's, which logs have: it hides zeros of IPv6, so that not every network has such patterns.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from itertools import pairwise

_GROUPS = 8
_GROUP_BITS = 16
_NIBBLE_BITS = 4


def address_globs(network: IPv4Network | IPv6Network) -> tuple[str, ...] | None:
    """Patterns in the language of SQLite's GLOB, one of which the text of an address fits if, and only if, it is in
    `network`; None if there are none. At most 128."""
    if network.prefixlen == network.max_prefixlen:
        return (str(network.network_address),)
    return _of_four(network) if isinstance(network, IPv4Network) else _of_six(network)


def _of_four(network: IPv4Network) -> tuple[str, ...]:
    whole = -(-network.prefixlen // 8)
    if not whole:
        return ("[0-9]*.*",)  # what has no colon in front, as ::ffff:192.0.2.1 has
    rest = "" if whole == 4 else ".*"
    parts = network.subnets(new_prefix=8 * whole)
    return tuple(".".join(str(each.network_address).split(".")[:whole]) + rest for each in parts)


def _of_six(network: IPv6Network) -> tuple[str, ...] | None:
    """Of whole groups, and of what is left of the next one the digits, if the first is none that is left out."""
    if not network.prefixlen:
        return ("*:*",)
    found = []
    for part in network.subnets(new_prefix=-(-network.prefixlen // _NIBBLE_BITS) * _NIBBLE_BITS):
        whole, bits = divmod(part.prefixlen, _GROUP_BITS)
        groups = part.network_address.exploded.split(":")
        fixed, digits = groups[:whole], groups[whole][: bits // _NIBBLE_BITS] if bits else ""
        zeros = [not int(group, 16) for group in fixed]
        if digits.startswith("0") or (zeros and zeros[-1]) or (True, True) in pairwise(zeros):
            return None
        texts = [f"{int(group, 16):x}" for group in fixed]
        if digits:
            texts.append(digits + "[0-9a-f]" * (_NIBBLE_BITS - len(digits)))
        found.append(":".join(texts) + ("" if len(texts) == _GROUPS else ":*"))
    return tuple(found)
