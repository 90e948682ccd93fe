"""The same pair of exchanges in every kind of capture file, and damaged ones. python -m pcaps.file.craft"""

from __future__ import annotations

import gzip
import lzma
import struct
from dataclasses import replace

import zstandard

from pcaps.ip.craft import exchange
from pcaps.lab import capturefile, crafting
from pcaps.lab.capturefile import ETHERNET, RAW, block, enhanced, interface, old_packet, option, section, simple
from pcaps.lab.crafting import Crafted
from pcaps.lab.frames import Packet, packets
from pcaps.tcp.craft import usual

COMPRESSED = {"pcap.gz", "pcap.zst", "pcap.xz", "pcap-two-members.gz", "pcap-gz-cut.gz"}
WORKSHOP = crafting.Workshop("file", unstable=COMPRESSED)
SEGMENTS, ROWS = exchange()
FRAMES = packets(SEGMENTS)
PLAIN = capturefile.pcap(FRAMES)


def _file(name: str, shows: str, data: bytes, readable: bool = True) -> None:
    WORKSHOP.piece(name, shows)(lambda: Crafted(data, ROWS, readable))


_file("microseconds-little-endian.pcap", "pcap as x86 writes it", PLAIN)
_file("microseconds-big-endian.pcap", "pcap as a big-endian machine writes it", capturefile.pcap(FRAMES, order=">"))
_file("nanoseconds-little-endian.pcap", "pcap with nanoseconds", capturefile.pcap(FRAMES, nano=True))
_file(
    "nanoseconds-big-endian.pcap", "pcap with nanoseconds, big-endian", capturefile.pcap(FRAMES, order=">", nano=True)
)
_file("one-interface.pcapng", "pcapng, if_tsresol nanoseconds", capturefile.pcapng(FRAMES))
_file("pcap.gz", "gzip, and the name says nothing about what is inside", gzip.compress(PLAIN, mtime=0), False)
_file(
    "pcap-two-members.gz",
    "two gzip members one after the other",
    gzip.compress(PLAIN[:2000], mtime=0) + gzip.compress(PLAIN[2000:], mtime=0),
    False,
)
_file("pcap.zst", "zstandard", zstandard.compress(PLAIN), False)
_file("pcap.xz", "xz", lzma.compress(PLAIN), False)
_file("ethernet.erf", "Endace ERF, Ethernet records", capturefile.erf(FRAMES))


def _two_sections() -> bytes:
    """Both byte orders, link types and resolutions; names, unknown blocks, options."""
    half = len(FRAMES) // 2 + 1
    out = section("<") + interface("<", ETHERNET, name="span0", resolution=9) + interface("<", RAW, name="tun0")
    out += block("<", 5, struct.pack("<IQ", 0, 0))  # interface statistics
    for index, (ts, frame) in enumerate(FRAMES[:half]):
        if index % 2:
            out += enhanced("<", 1, ts // 1000, frame[14:], option("<", 1, b"inside the tunnel") + option("<", 0, b""))
        else:
            out += enhanced("<", 0, ts, frame)
    out += block("<", 0x80000042, b"private") + section(">")
    out += interface(">", ETHERNET, name="span1", resolution=0x80 | 20, offset=1_700_000_000)
    for ts, frame in FRAMES[half:]:
        since = ts - 1_700_000_000 * 10**9
        out += enhanced(">", 0, (since << 20) // 10**9 + 1, frame)
    return out


@WORKSHOP.piece(
    "two-sections.pcapng",
    "two sections, one of each byte order; Ethernet and raw IP; resolutions 10^-9, 10^-6, 2^-20; if_tsoffset",
)
def two_sections() -> Crafted:
    later = replace(ROWS[1], ts=None)  # 2^-20 seconds: not the same nanoseconds
    rows = [ROWS[0], later]
    return Crafted(_two_sections(), rows, readable=False)


@WORKSHOP.piece("old-blocks.pcapng", "Packet Blocks, the obsolete kind")
def old_blocks() -> Crafted:
    out = section() + interface("<", ETHERNET)
    return Crafted(out + b"".join(old_packet("<", 0, ts // 1000, frame) for ts, frame in FRAMES), ROWS)


@WORKSHOP.piece("simple-blocks.pcapng", "Simple Packet Blocks: there are no times")
def simple_blocks() -> Crafted:
    out = section(">") + interface(">", ETHERNET)
    rows = [replace(row, ts=None) for row in ROWS]
    return Crafted(out + b"".join(simple(">", frame) for _, frame in FRAMES), rows, readable=False)


@WORKSHOP.piece(
    "bad-block.pcapng", "a block with an impossible length after the first exchange; the blocks behind it are sound"
)
def bad_block() -> Crafted:
    out = section() + interface("<", ETHERNET, resolution=9)
    good = b"".join(enhanced("<", 0, ts, frame) for ts, frame in FRAMES[:7])
    bad = struct.pack("<II", 6, 0x7FFFFFF0)
    rest = b"".join(enhanced("<", 0, ts, frame) for ts, frame in FRAMES[7:])
    return Crafted(out + good + bad + rest, ROWS, readable=False)


def _records(count: int) -> int:
    """Where the record after the first `count` begins."""
    return len(capturefile.pcap(FRAMES[:count]))


@WORKSHOP.piece(
    "cut-in-record.pcap", "cut in the middle of a record of the second exchange: the first is read, exit code 3"
)
def cut() -> Crafted:
    return Crafted(PLAIN[: _records(7) + 30], ROWS[:1], readable=False)


@WORKSHOP.piece("cut-in-record-header.pcap", "cut in the middle of a record's header")
def cut_header() -> Crafted:
    return Crafted(PLAIN[: _records(7) + 7], ROWS[:1], readable=False)


@WORKSHOP.piece(
    "impossible-length.pcap",
    "the record of the second request claims 4 GiB: the next sound record is its reply, exit code 3",
)
def impossible() -> Crafted:
    at = _records(7)
    record = bytearray(PLAIN[at:])
    record[8:16] = struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF)
    alone = replace(
        ROWS[1], ts=None, method=None, host=None, uri=None, http_version=None, nonce=None, evidence="response"
    )  # fmt: skip
    return Crafted(PLAIN[:at] + bytes(record), [ROWS[0], alone], readable=False)


@WORKSHOP.piece("pcap-gz-cut.gz", "a gzip file that ends too early, after the first exchange")
def cut_gzip() -> Crafted:
    import zlib

    packer = zlib.compressobj(wbits=31)
    whole = packer.compress(PLAIN[: _records(7)]) + packer.flush(zlib.Z_FULL_FLUSH)
    return Crafted(whole, ROWS[:1], readable=False)


@WORKSHOP.piece("snaplen-96.pcap", "snaplen 96: headers only, what is missing is a gap")
def short() -> Crafted:
    return Crafted(capturefile.pcap(FRAMES, snaplen=96), [], readable=False)


@WORKSHOP.piece("empty.pcap", "a file header and no record")
def empty() -> Crafted:
    return Crafted(capturefile.pcap([]), [])


@WORKSHOP.piece("unknown-link.pcap", "link type 147, which nobody but its user knows: counted, no OCSP")
def unknown_link() -> Crafted:
    return Crafted(capturefile.pcap(FRAMES, 147), [])


def _rotated() -> tuple[list[Packet], int]:
    made = usual()
    return packets(made.segments), made.data(False, 1)[2]


@WORKSHOP.piece(
    "rotated-1.pcap",
    "first of two files: it ends inside the second exchange's reply (read with rotated-2.pcap: three exchanges)",
)
def first_half() -> Crafted:
    frames, at = _rotated()
    rows = usual().rows
    unfinished = replace(rows[1], response_status=None, cert_status=None, evidence=None)
    return Crafted(capturefile.pcap(frames[:at]), [rows[0], unfinished], readable=False)


@WORKSHOP.piece("rotated-2.pcap", "second of two files: alone it shows the third exchange")
def second_half() -> Crafted:
    frames, at = _rotated()
    return Crafted(capturefile.pcap(frames[at:]), usual().rows[2:], readable=False)


@WORKSHOP.piece("clock-jumps.pcap", "the clock goes back by a minute and forward by ten years between frames")
def clock() -> Crafted:
    shift = {5: -60, 9: 10 * 365 * 86_400}
    frames, by = [], 0
    for index, (ts, frame) in enumerate(FRAMES):
        by += shift.get(index, 0) * 10**9
        frames.append((ts + by, frame))
    rows = [replace(row, ts=None) for row in ROWS]
    return Crafted(capturefile.pcap(frames), rows, readable=False)


if __name__ == "__main__":
    crafting.run(WORKSHOP)
