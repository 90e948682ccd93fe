"""What an address is: its octets, and whether it is local. The latter is asked twice for every flow."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import Final

_MAX_REMEMBERED = 512  # few enough to stay in the processor's cache
_SOME: Final = 1
_ALL: Final = 2
_DOT: Final = 46
_DOTS: Final = 3


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


class LocalNets:
    """Answers for address text in canonical form; remembers its answers for IPv6, within a limit."""

    def __init__(self, nets: Iterable[str]) -> None:
        """`nets` in CIDR form; host bits may be set. Raises ValueError for anything else."""
        self._known: dict[str, bool] = {}
        self._pairs = bytearray(1 << 16)  # by the first two octets: 0 if no address is local, _SOME, or _ALL
        self._v4: list[tuple[int, int]] = []  # the nets that do not have all of two octets
        self._v6: list[tuple[int, int]] = []
        for text in nets:
            net = ip_network(text, strict=False)
            pair = (int(net.network_address), int(net.netmask))
            if isinstance(net, IPv4Network):
                first, last = int(net.network_address) >> 16, int(net.broadcast_address) >> 16
                if net.prefixlen <= 16:
                    self._pairs[first : last + 1] = bytes([_ALL]) * (last + 1 - first)
                else:
                    self._pairs[first] = max(self._pairs[first], _SOME)
                    self._v4.append(pair)
            else:
                self._v6.append(pair)

    def is_local(self, address: str) -> bool:
        """Whether the address is in one of the nets."""
        if not _COMPILED:
            octets = address.encode() + b"\0"
            text = octets
        elif PyUnicode_IS_COMPACT_ASCII(address):  # type: ignore  # noqa: F821  (C's, by way of local_nets.pxd)
            text = PyUnicode_DATA(address)  # type: ignore  # noqa: F821  (C's; behind it there is a 0)
        else:
            return self._is_local_v6(address)
        number = octet = dots = place = 0
        while True:
            letter = text[place]
            place += 1
            if 48 <= letter <= 57:
                octet = (octet * 10 + letter - 48) & 255
                continue
            number = number << 8 | octet
            octet = 0
            if letter != _DOT:
                break
            dots += 1
            if dots == 2:  # these mostly decide
                known = self._pairs[number & 0xFFFF]
                if known != _SOME:
                    return known == _ALL
        if letter or dots != _DOTS:
            return self._is_local_v6(address)
        for net, mask in self._v4:  # noqa: SIM110  (a generator is an object, and its numbers are)
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
