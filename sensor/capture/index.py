"""Walks the records of a window of a capture file and fills a batch's columns; the one per-frame loop of this package.

Compiled when index.pxd can be used, else the same source runs as Python. Nothing here raises for hostile bytes: a
record that is not plainly good is left to the caller, who decides in Python and comes back.
"""

from __future__ import annotations

from array import array

_COMPILED = not __file__.endswith(".py")

MORE = 0
"""The record at the returned position is not whole yet."""
FULL = 1
"""The columns are full."""
ODD = 2
"""The record at the returned position needs a judgement."""
FOUND = 3
"""A believable record starts at the returned position."""

RESYNC_CHAIN = 3
"""Believable pcap headers in a row that end a search: one alone comes up by chance in structured payloads."""
MAX_TAIL_STEPS = 65536
"""Headers looked at, beyond one a byte, in search of a run that ends with the input: keeps hostile tails linear."""
TIME_SLACK_S = 86400
"""A header found by searching is believed only within a day of the times read so far."""

# How an interface's ticks become nanoseconds (pcapng if_tsresol).
EXACT = 0  # not here: the caller does it with unbounded integers
TIMES = 1  # ticks * factor
OVER = 2  # ticks // factor
SHIFT = 3  # ticks * 10**9 >> factor

EPB = 6  # Enhanced Packet Block (draft-ietf-opsawg-pcapng section 4.3)
SHB = 0x0A0D0D0A  # Section Header Block: reads the same in both byte orders


def turn(number: int) -> int:
    """The unsigned 32-bit number with these octets in the other order."""
    return number >> 24 | (number >> 8) & 0xFF00 | (number & 0xFF00) << 8 | (number & 0xFF) << 24


def u32(data: memoryview, at: int, big: bool) -> int:
    """The unsigned 32-bit number at `at`."""
    if big:
        return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def scan_pcap(
    data: memoryview,
    position: int,
    end: int,
    big: bool,
    head: int,
    factor: int,
    caplen_at: int,
    wirelen_at: int,
    usual_caplen: int,
    trusted: int,
    link: int,
    ts: array[int],
    offset: array[int],
    caplen: array[int],
    wirelen: array[int],
    links: array[int],
    count: int,
) -> tuple[int, int, int]:
    """Index the records of `data` from `position` to `end`, adding to columns that already hold `count` frames.

    `head` is the length of a record header, `factor` the nanoseconds in a unit of its fraction, `caplen_at` and
    `wirelen_at` where in it the two lengths stand. A record is odd if it is longer than `usual_caplen` or than what
    was on the wire, or if nothing was on the wire; the one at `trusted` is taken as it is.
    Returns (frames in the columns, position of the first record not taken, MORE | FULL | ODD).
    """
    full = min(len(ts), len(offset), len(caplen), len(wirelen), len(links))
    if end > len(data) or max(caplen_at, wirelen_at) + 4 > head:
        raise IndexError("records end behind the window")
    if _COMPILED and end:
        octets = address_of(data)  # type: ignore  # noqa: F821  (C's, by way of index.pxd)
    while count < full:
        body = position + head
        if body > end:
            return count, position, MORE
        if _COMPILED:  # this is every frame's way: its header is not read octet by octet
            header = octets + position
            captured, wire = quad_at(header + caplen_at), quad_at(header + wirelen_at)  # type: ignore  # noqa: F821  (C's)
            seconds, fraction = quad_at(header), quad_at(header + 4)  # type: ignore  # noqa: F821  (C's: index.pxd)
        else:
            captured, wire = u32(data, position + caplen_at, False), u32(data, position + wirelen_at, False)
            seconds, fraction = u32(data, position, False), u32(data, position + 4, False)
        if big:
            captured, wire, seconds, fraction = turn(captured), turn(wire), turn(seconds), turn(fraction)
        if (captured > usual_caplen or captured > wire or wire == 0) and position != trusted:
            return count, position, ODD
        if captured > end - body:
            return count, position, MORE
        second = seconds  # in 64 bits
        ts[count] = second * 1000000000 + fraction * factor
        offset[count] = body
        caplen[count] = captured
        wirelen[count] = wire
        links[count] = link
        count += 1
        position = body + captured
    return count, position, FULL


def find_pcap(
    data: memoryview,
    position: int,
    end: int,
    at_end: bool,
    to_the_end: bool,
    big: bool,
    head: int,
    fraction_limit: int,
    caplen_at: int,
    wirelen_at: int,
    max_caplen: int,
    earliest: int,
    latest: int,
    fewest: int,
) -> tuple[int, int]:
    """Search from `position` for the next believable run of record headers.

    Believable: 0 < captured <= on the wire <= `max_caplen`, a fraction below `fraction_limit`, seconds from
    `earliest` to `latest` and within a day of the run's first. `at_end`: no bytes will follow `end`; then a run of
    `fewest` will do if the input ends with it, and with `to_the_end` it must end exactly there.
    Returns (position, FOUND | MORE). MORE: nothing before `position`; search on from there when there are more bytes.
    """
    chain, slack, budget = RESYNC_CHAIN, TIME_SLACK_S, MAX_TAIL_STEPS + end - position  # as locals they are C numbers
    steps = 0
    while position + head <= end:
        at = position
        run = 0
        first = 0
        while True:
            steps += 1
            body = at + head
            if body > end:
                break
            captured = u32(data, at + caplen_at, big)
            if captured == 0 or captured > max_caplen:
                run = -1
                break
            wire = u32(data, at + wirelen_at, big)
            fraction = u32(data, at + 4, big)
            if wire < captured or wire > max_caplen or fraction >= fraction_limit:
                run = -1
                break
            seconds = u32(data, at, big)
            if seconds < earliest or seconds > latest:
                run = -1
                break
            if run == 0:
                first = seconds
            elif seconds > first + slack or seconds + slack < first:
                run = -1
                break
            at = body + captured
            run += 1
            if at > end or (run >= chain and not to_the_end):
                break
        if run >= 0:
            if not at_end:
                return position, FOUND if run >= chain else MORE
            if (at == end and run >= fewest) or (run > 1 and not to_the_end):
                return position, FOUND
        if to_the_end and steps > budget:
            return end, MORE
        position += 1
    return position, MORE


def scan_pcapng(
    data: memoryview,
    position: int,
    end: int,
    big: bool,
    max_caplen: int,
    max_block: int,
    interfaces: int,
    if_link: array[int],
    if_way: array[int],
    if_factor: array[int],
    if_offset: array[int],
    if_limit: array[int],
    ts: array[int],
    offset: array[int],
    caplen: array[int],
    wirelen: array[int],
    links: array[int],
    count: int,
) -> tuple[int, int, int]:
    """Index the Enhanced Packet Blocks of `data` from `position` to `end`; any other or unsound block is odd.

    The `if_` columns have a row for each of the section's `interfaces`: link type, the way its ticks become
    nanoseconds, the factor for it, nanoseconds to add, and the most ticks for which this stays within 64 bits.
    Returns (frames in the columns, position of the first block not taken, MORE | FULL | ODD).
    """
    full = len(ts)
    epb, exact, times, over = EPB, EXACT, TIMES, OVER  # as locals they are C numbers
    while count < full:
        if position + 32 > end:
            if position + 12 > end or u32(data, position, big) == epb:
                return count, position, MORE
            return count, position, ODD
        length = u32(data, position + 4, big)
        if u32(data, position, big) != epb or length < 32 or length > max_block or length & 3:
            return count, position, ODD
        if length > end - position:
            return count, position, MORE
        interface = u32(data, position + 8, big)
        captured = u32(data, position + 20, big)
        if interface >= interfaces or captured > length - 32 or captured > max_caplen:
            return count, position, ODD
        high = u32(data, position + 12, big)
        ticks = (high << 32) | u32(data, position + 16, big)
        way = if_way[interface]
        if way == exact or ticks > if_limit[interface] or u32(data, position + length - 4, big) != length:
            return count, position, ODD
        factor = if_factor[interface]
        if way == times:
            ns = ticks * factor
        elif way == over:
            ns = ticks // factor
        else:
            # For 32 <= factor < 64 the product is built from two halves, so that it stays within 64 bits; its low
            # 32 bits cannot reach the result.
            seconds = ticks >> factor
            part = ticks - (seconds << factor)
            if factor < 32:
                ns = seconds * 1000000000 + (part * 1000000000 >> factor)
            else:
                carry = (part & 0xFFFFFFFF) * 1000000000 >> 32
                ns = seconds * 1000000000 + ((part >> 32) * 1000000000 + carry >> (factor - 32))
        ts[count] = ns + if_offset[interface]
        offset[count] = position + 28
        caplen[count] = captured
        wirelen[count] = u32(data, position + 24, big)
        links[count] = if_link[interface]
        count += 1
        position += length
    return count, position, FULL


def find_pcapng(
    data: memoryview, position: int, end: int, at_end: bool, to_the_end: bool, big: bool, max_block: int
) -> tuple[int, int]:
    """Search from `position` for the next believable block: a known type, and a length that stands at both its ends.

    A section header is believed in either byte order. `at_end`: no bytes will follow `end`; with `to_the_end` blocks
    must follow each other from the one found to `end`. Returns (position, FOUND | MORE), as `find_pcap`.
    """
    section, budget = SHB, MAX_TAIL_STEPS + end - position
    steps = 0
    while position + 12 <= end:
        at = position
        order = big
        run = 0
        while True:
            steps += 1
            if at + 12 > end:
                break
            kind = u32(data, at, order)
            if kind == section:
                order = data[at + 8] == 0x1A
                if u32(data, at + 8, order) != 0x1A2B3C4D:
                    run = -1
                    break
            elif not (0 < kind <= 6 or kind in (9, 10, 0xBAD, 0x40000BAD)):
                run = -1
                break
            length = u32(data, at + 4, order)
            if length < 12 or length > max_block or length & 3:
                run = -1
                break
            if length > end - at:
                break
            if u32(data, at + length - 4, order) != length:
                run = -1
                break
            at += length
            run += 1
            if run > 1 and not to_the_end:
                break
        if run >= 0:
            if not at_end:
                return position, FOUND if run > 1 else MORE
            if at == end or (run > 0 and not to_the_end):
                return position, FOUND
        if to_the_end and steps > budget:
            return end, MORE
        position += 1
    return position, MORE


def run_stop(ts: array[int], first: int, stop: int, limit: int, with_limit: bool) -> int:
    """The end of the run of frames from `first` on, before `stop`, that are earlier than `limit` (or at it)."""
    while first < stop and (ts[first] < limit or (with_limit and ts[first] == limit)):
        first += 1
    return first
