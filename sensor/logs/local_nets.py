"""What an address is: its octets, and whether it is local. Asked twice for every flow."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

_MAX_REMEMBERED = 512  # few enough to stay in the processor's cache


class LocalNets:
    """Answers for address text; remembers its answers, within a limit."""

    def __init__(self, nets: Iterable[str]) -> None:
        """`nets` in CIDR form; host bits may be set. Raises ValueError for anything else."""
        self._known: dict[str, tuple[bytes, bool]] = {}
        self._by_octet: list[list[tuple[int, int]]] = [[] for _ in range(256)]
        self._v6: list[tuple[int, int]] = []
        for text in nets:
            net = ip_network(text, strict=False)
            pair = (int(net.network_address), int(net.netmask))
            if isinstance(net, IPv4Network):
                for octet in range(net.network_address.packed[0], net.broadcast_address.packed[0] + 1):
                    self._by_octet[octet].append(pair)
            else:
                self._v6.append(pair)

    def look_at(self, address: str) -> tuple[bytes, bool]:
        """The address in network order, and whether it is in one of the nets."""
        known = self._known.get(address)
        if known is None:
            known = self._look_at(address)
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[address] = known
        return known

    def _look_at(self, address: str) -> tuple[bytes, bool]:
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
            nets = self._v6
        else:
            packed = socket.inet_aton(address)
            nets = self._by_octet[packed[0]]
        number = int.from_bytes(packed, "big")
        for net, mask in nets:
            if number & mask == net:
                return packed, True
        return packed, False
