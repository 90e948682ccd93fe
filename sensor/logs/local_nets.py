"""What an address is: its octets, and whether it is local. The latter is asked twice for every flow."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

_MAX_REMEMBERED = 512  # few enough to stay in the processor's cache


_COMPILED = not __file__.endswith(".py")
_OCTETS = bytearray(4)


def pack_address(address: str) -> bytes:
    """Canonical text of an address in network order."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    octets = _OCTETS
    place = octet = 0
    for letter in address:
        if letter == ".":
            octets[place] = octet
            place = (place + 1) & 3
            octet = 0
        else:
            octet = (octet * 10 + ord(letter) - 48) & 255
    octets[place] = octet
    if not _COMPILED:
        return bytes(octets[:4])
    return octets[:4]  # type: ignore[return-value]  # C's octets: a slice of them is bytes


def _number_of(address: str) -> int:
    """An IPv4 address as a number."""
    number = octet = 0
    for letter in address:
        if letter == ".":
            number = number << 8 | octet
            octet = 0
        else:
            octet = (octet * 10 + ord(letter) - 48) & 255
    return (number << 8 | octet) & 0xFFFFFFFF


class LocalNets:
    """Answers for address text in canonical form; remembers its answers for IPv6, within a limit."""

    def __init__(self, nets: Iterable[str]) -> None:
        """`nets` in CIDR form; host bits may be set. Raises ValueError for anything else."""
        self._known: dict[str, bool] = {}
        self._by_octet: list[list[tuple[int, int]]] = [[] for _ in range(256)]
        self._whole = bytearray(256)  # first octets of which all addresses are local
        self._v6: list[tuple[int, int]] = []
        for text in nets:
            net = ip_network(text, strict=False)
            pair = (int(net.network_address), int(net.netmask))
            if isinstance(net, IPv4Network):
                for octet in range(net.network_address.packed[0], net.broadcast_address.packed[0] + 1):
                    self._by_octet[octet].append(pair)
                    self._whole[octet] |= net.prefixlen <= 8
            else:
                self._v6.append(pair)

    def is_local(self, address: str) -> bool:
        """Whether the address is in one of the nets."""
        octet = 0
        for letter in address:
            if letter == ".":  # the first octet mostly decides
                break
            if letter < "0" or letter > "9":  # IPv6
                return self._is_local_v6(address)
            octet = (octet * 10 + ord(letter) - 48) & 255
        else:
            return self._is_local_v6(address)
        if self._whole[octet]:
            return True
        nets = self._by_octet[octet]
        if nets:
            number = _number_of(address)
            for pair in nets:
                net, mask = pair
                if number & mask == net:
                    return True
        return False

    def _is_local_v6(self, address: str) -> bool:
        if address in self._known:
            return self._known[address]
        number = int.from_bytes(pack_address(address), "big")
        known = False
        for net, mask in self._v6:
            known = known or number & mask == net
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[address] = known
        return known
