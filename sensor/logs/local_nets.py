"""Which addresses are local: the question behind local_orig and local_resp, asked twice for every flow."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

_MAX_REMEMBERED = 65536


class LocalNets:
    """Answers for address text; remembers its answers, within a limit."""

    def __init__(self, nets: Iterable[str]) -> None:
        """`nets` in CIDR form; host bits may be set. Raises ValueError for anything else."""
        self._known: dict[str, bool] = {}
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

    def contains(self, address: str) -> bool:
        local = self._known.get(address)
        if local is None:
            local = self._look(address)
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[address] = local
        return local

    def _look(self, address: str) -> bool:
        if ":" in address:
            number, nets = int.from_bytes(socket.inet_pton(socket.AF_INET6, address), "big"), self._v6
        else:
            packed = socket.inet_aton(address)
            number, nets = int.from_bytes(packed, "big"), self._by_octet[packed[0]]
        for net, mask in nets:  # noqa: SIM110  (a generator cannot be in a compiled method, and costs more than this)
            if number & mask == net:
                return True
        return False
