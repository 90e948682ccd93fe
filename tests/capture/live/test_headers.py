"""The walk to the IP header: where it ends for each way in which an IP packet can be wrapped."""

from __future__ import annotations

import pytest
from machine import run

from sensor.capture.live.assembler import LDB_X, LDX, RET, RET_A, Assembler
from sensor.capture.live.headers import Exits, walk_ethernet

MACS = bytes(12)
V4, V6 = b"\x45\xa4" + bytes(40), b"\x60\xa6" + bytes(60)
OTHER, DOUBTFUL = 0xE0, 0xEE

asm = Assembler()
asm.emit(LDX, 0)
walk_ethernet(asm, "ethernet", Exits("ip", "ip", "other", "doubtful"))
asm.label("ip")
asm.emit(LDB_X, 1)
asm.emit(RET_A)
asm.label("other")
asm.emit(RET, OTHER)
asm.label("doubtful")
asm.emit(RET, DOUBTFUL)
PROGRAM = asm.assemble()

WRAPPED = {
    "IPv4": ("0800", V4, 0xA4),
    "IPv6": ("86dd", V6, 0xA6),
    "802.1Q": ("8100 0064 0800", V4, 0xA4),
    "QinQ": ("88a8 00c8 8100 0064 86dd", V6, 0xA6),
    "old QinQ": ("9100 00c8 9200 0064 0800", V4, 0xA4),
    "three tags": ("88a8 0001 88a8 0002 8100 0003 0800", V4, DOUBTFUL),
    "MPLS": ("8847 00010 1 40", V4, 0xA4),
    "MPLS, two labels": ("8847 00010 0 40 00011 1 40", V6, 0xA6),
    "MPLS, five labels": ("8847" + "00010 0 40" * 4 + "00011 1 40", V4, DOUBTFUL),
    "MPLS in a VLAN": ("8100 0005 8848 00010 1 40", V4, 0xA4),
    "pseudowire": ("8847 00010 1 40 00000000", V4, DOUBTFUL),
    "PPPoE": ("8864 11 00 0001 0030 0021", V4, 0xA4),
    "PPPoE in a VLAN": ("8100 0005 8864 11 00 0001 0030 0057", V6, 0xA6),
    "PPPoE, not IP": ("8864 11 00 0001 0030 c021", bytes(60), DOUBTFUL),
    "PPPoE discovery": ("8863 11 00 0001 0030", bytes(60), OTHER),
    "ARP": ("0806", bytes(60), OTHER),
    "ARP in a VLAN": ("8100 0005 0806", bytes(60), OTHER),
    "LLDP": ("88cc", bytes(60), OTHER),
    "802.2": ("0040 aaaa03 000000 0800", V4, DOUBTFUL),
    "802.1BR": ("893f 000000000000 0800", V4, DOUBTFUL),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_where_the_walk_ends(name: str) -> None:
    types, inside, expected = WRAPPED[name]
    assert run(PROGRAM, MACS + bytes.fromhex(types.replace(" ", "")) + inside) == expected
