"""Row T12: segments that the capture has and the receiver drops. Neither reading takes the place of the other."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest

from sensor.settings import HttpSettings, Settings
from tests.flow import frames as wire
from tests.flow.frames import Frame
from tests.flow.talk import Ends, Segment, parse
from tests.hostile.rows import Guard, Row
from tests.hostile.test_tcp import BYE, Q2, SHAKE, A, Q, R, lit, said, told
from tests.hostile.witness import Watched, answering, asking, watch
from tests.ocsp import wire as ocsp

ROWS = {
    "T12": Row(
        "segments the receiver drops: wrong checksum, low TTL, MD5 option, old timestamp, bad or no ACK; FINs, SYNs",
        ("flow.max_older_flows", "http.max_second_reading_bytes", "http.max_second_readings"),
        (
            "rexmit_inconsistency",
            "data_after_FIN",
            "excessive_SYN_numbers",
            "HTTP_second_reading_cut",
            "ambiguous: tcp",
        ),
        guards=(
            Guard("sensor/flow/reassembly.py", "if end.far_acks < _FAR_RUN:", "if False:"),
            Guard("sensor/flow/copies.py", "        flow.doubt = ts\n", "        pass\n"),
            Guard("sensor/flow/reassembly.py", "                self.forget(end.peer)", "                pass"),
            Guard("sensor/flow/beginning.py", "    end.next_rel = max(rel, first)\n", "    return False\n"),
            Guard("sensor/flow/beginning.py", "        turn_back(flow, ts)\n", "        return False\n"),
            Guard("sensor/flow/delivery.py", "asks != end.is_orig and", "False and"),
            Guard("sensor/flow/delivery.py", "and reader.unfinished(end.reads_as_orig):", "and False:"),
            Guard("sensor/flow/tracker.py", "            flow.older = older\n", ""),
            Guard("sensor/flow/older.py", "reassembler.charge(_split(flow, end), PER_READING)", "pass"),
            Guard("sensor/flow/older.py", "    renumbered.peer.lost = lost or None\n", ""),
            Guard("sensor/flow/older.py", "    elif _was_read(flow):\n        return False\n", ""),
            Guard(
                "sensor/flow/older.py",
                "    if not unread:\n        return False\n",
                "    if True:\n        return False\n",
            ),
            Guard("sensor/flow/tcp.py", "not acknowledges_older(self.reassembler, flow, end, packet, rel_ack)", "True"),
            Guard(
                "sensor/flow/tcp.py", "or (end.hist_mask & _H_SYN and end.next_rel > 1 and end.ack_rel > 0)", "or True"
            ),
            Guard("sensor/flow/older.py", "        _answer(reassembler, flow, newest, packet, ts)\n", "        pass\n"),
            Guard("sensor/flow/older.py", "    if flow.reading == NOBODY or not room:\n", "    if True:\n"),
            Guard(
                "sensor/flow/older.py",
                "            lost.append(Lost(piece.first, piece.last, None))",
                "            pass",
            ),
            Guard("sensor/flow/older.py", "(ahead + (0 if acked == _NOWHERE else min(acked, _NEAR)),", "(ahead,"),
            Guard("sensor/flow/tcp.py", "if far and not renumber(", "if False and not renumber("),
            Guard("sensor/flow/tcp.py", "            rel = unwrap(end, packet.seq, rel)\n", "            pass\n"),
            Guard("sensor/flow/tcp.py", "rel_ack = unwrap(peer, packet.ack, rel_ack)", "pass"),
            Guard("sensor/flow/tcp.py", "and end.top_rel == 1 and not end.hist_mask & _H_SYN:", "and True:"),
            Guard("sensor/flow/reassembly.py", "not -_FAR <= told - end.top_rel <= _FAR", "told - end.top_rel > _FAR"),
            Guard("sensor/http/second.py", "if self._forks >= self._most and self._paid < cost:", "if False:"),
        ),
    ),
}
ENDS = Ends()


@dataclass(frozen=True)
class Odd:
    """What makes the receiver drop a segment. `checksum` is added to the right one."""

    checksum: int = 0
    ttl: int = 64
    options: bytes = b""
    flags: int = wire.ACK | wire.PSH
    ack: int = 0


def stamp(value: int) -> bytes:
    """The timestamp option (RFC 7323 section 3.2)."""
    return b"\1\1\x08\x0a" + struct.pack("!II", value, 0)


MD5 = b"\x13\x12" + b"\xee" * 16 + b"\1\1"
"""RFC 2385: who has no key for it drops the segment."""
ODD = {
    "wrong checksum": Odd(checksum=1, options=stamp(50)),
    "low TTL": Odd(ttl=1, options=stamp(50)),
    "MD5 option": Odd(options=MD5),
    "old timestamp (PAWS)": Odd(options=stamp(1)),
    "bad ACK, of the future": Odd(ack=999_999, options=stamp(50)),
    "bad ACK, long ago": Odd(ack=-999_999, options=stamp(50)),
    "without ACK": Odd(flags=0, options=stamp(50)),
}


def sum_of(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def sent(segment: Segment, odd: Odd) -> Frame:
    """The frame of a segment of ENDS as a host would send it, its checksums right but for what is `odd`."""
    ports, hosts = (ENDS.cport, ENDS.sport), (ENDS.client, ENDS.server)
    if not segment.from_client:
        ports, hosts = ports[::-1], hosts[::-1]
    numbers = (segment.seq, segment.ack + odd.ack)
    data = bytearray(wire.tcp(*ports, *numbers, segment.flags, segment.payload, options=odd.options))
    pseudo = wire.address(hosts[0]) + wire.address(hosts[1]) + struct.pack("!HH", 6, len(data))
    struct.pack_into("!H", data, 16, (sum_of(pseudo + data) + odd.checksum) & 0xFFFF)
    packet = bytearray(wire.ip4(*hosts, bytes(data)))
    packet[8] = odd.ttl
    struct.pack_into("!H", packet, 10, sum_of(bytes(packet[:20])))
    return Frame(segment.ts, wire.ethernet(bytes(packet)))


def talk(script: str, odd: Odd) -> Watched:
    """The frames of a script: each of its segments with a timestamp, those that are `forged` as `odd` says."""
    frames = []
    for number, line in enumerate(script.splitlines()):
        segment = parse(script)[number]
        forged = line.endswith("forged")
        if forged:
            segment = Segment(
                segment.ts, segment.from_client, segment.seq, segment.ack, odd.flags, segment.payload, segment.window
            )
        frames.append(sent(segment, odd if forged else Odd(options=stamp(100 + number))))
    return watch(frames)


@pytest.mark.parametrize("odd", ODD)
def test_t12_another_request_before_the_true_one(odd: str) -> None:
    """Both are told, each said to be one of two readings, and the true one with its answer."""
    seen = talk(f"{SHAKE}c> A @1 {lit(Q2)} forged\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}", ODD[odd])
    rows = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert rows.keys() == {"0BADCAFE", "0C0FFEE0"}
    assert {str(row.get("ambiguous")) for row in rows.values()} == {"['tcp']"}
    assert ("0BADCAFE", "good") in told(seen)
    assert "rexmit_inconsistency" in seen.weirds


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("junk", [b"x", b"\0", b"GET / HTTP/1.1\r\nX: "], ids=ascii)
def test_t12_rubbish_before_the_true_request(odd: str, junk: bytes) -> None:
    rubbish = (junk * len(Q))[: len(Q)]
    seen = talk(f"{SHAKE}c> A @1 {lit(rubbish)} forged\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}", ODD[odd])
    assert [
        (row["serial_number"], row.get("ambiguous")) for row in seen.exchanges if row["evidence"] != "response"
    ] == [("0BADCAFE", ["tcp"])]
    assert "rexmit_inconsistency" in seen.weirds


@pytest.mark.parametrize("odd", ODD)
def test_t12_another_reply_before_the_true_one(odd: str) -> None:
    other = answering(A, ocsp.UNKNOWN)
    seen = talk(f"{SHAKE}c> A {lit(Q)}\ns> A @1 {lit(other)} forged\ns> A @1 {lit(R)}\nc> A{BYE}", ODD[odd])
    assert {row["cert_status"] for row in seen.exchanges} == {"good", "unknown"}
    assert ["tcp"] in [row.get("ambiguous") for row in seen.exchanges]


@pytest.mark.parametrize("whose", ["the client's", "the server's", "of both"])
def test_t12_rubbish_before_a_true_message_does_not_part_the_exchange(whose: str) -> None:
    """It is told once: the request and its reply are found by one reading."""
    junk = lit(bytes(20))
    before = "" if whose == "the server's" else f"c> A @1 {junk}\n"
    between = "" if whose == "the client's" else f"s> A @1 {junk}\n"
    seen = said(f"{SHAKE}{before}c> A @1 {lit(Q)}\n{between}s> A @1 {lit(R)}\nc> A{BYE}")
    assert [(row["serial_number"], row["evidence"], row.get("ambiguous")) for row in seen.exchanges] == [
        ("0BADCAFE", "both", ["tcp"])
    ]


@pytest.mark.parametrize("odd", ODD)
def test_t12_the_same_octets_are_no_doubt(odd: str) -> None:
    """A copy that says the same, dropped or not, changes nothing."""
    seen = talk(f"{SHAKE}c> A @1 {lit(Q)} forged\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}", ODD[odd])
    assert [(row["serial_number"], row["cert_status"], row.get("ambiguous")) for row in seen.exchanges] == [
        ("0BADCAFE", "good", None)
    ]


@pytest.mark.parametrize("odd", ODD)
def test_t12_before_anybody_reads(odd: str) -> None:
    """The copies differ above a hole at the very beginning: both readings are told when it is filled."""
    script = f"c> A @41 {lit(Q2[40:])} forged\nc> A @41 {lit(Q[40:])}\nc> A @1 {lit(Q[:40])} forged"
    seen = talk(f"{SHAKE}{script}\ns> A {lit(R)}{BYE}", Odd() if "ACK" in odd else ODD[odd])
    rows = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert rows.keys() == {"0BADCAFE", "0C0FFEE0"}
    assert {str(row.get("ambiguous")) for row in rows.values()} == {"['tcp']"}
    assert ("0BADCAFE", "good") in told(seen)


def test_t12_what_a_server_will_not_take_does_not_take_the_place_of_what_it_does() -> None:
    """Without ACK, acknowledging the future, or of another connection's numbers: garbage beside the true request."""
    junk = lit(b"\xee" * len(Q))
    for odd in (f"c> . @1 {junk} forged", f"c> A @1 ^999999 {junk} forged", f"c> A @3000000000 {junk} forged"):
        seen = said(f"{SHAKE}{odd}\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}")
        assert ("0BADCAFE", "good") in [(row.get("serial_number"), row.get("cert_status")) for row in seen.exchanges]


Q3, R3 = asking(0xC0FFEE), answering(0xC0FFEE)
TALK = [
    *SHAKE.splitlines(),
    f"c> A {lit(Q[:60])}",
    f"c> A {lit(Q[60:])}",
    "s> A",
    f"s> A {lit(R[:90])}",
    f"s> A {lit(R[90:])}",
    "c> A",
    f"c> A {lit(Q3)}",
    f"s> A {lit(R3)}",
    *BYE.strip().splitlines(),
]
"""Two exchanges, the first in two segments each way."""
FINS = {
    "the client's": ("c> FA forged",),
    "the client's, bad ACK": ("c> FA ^900000 forged",),
    "the client's, without ACK": ("c> F forged",),
    "the server's": ("s> FA forged",),
    "both": ("c> FA forged", "s> FA forged"),
    "both, acknowledged": ("c> FA forged", "s> A forged", "s> FA forged", "c> A forged"),
}


def kept(forged: tuple[str, ...], place: int) -> Watched:
    """The conversation with these segments put in before its line `place`: both requests and replies are told."""
    seen = said("\n".join([*TALK[:place], *forged, *TALK[place:]]))
    rows = seen.exchanges
    assert {row["serial_number"] for row in rows if row["evidence"] != "response"} == {"0BADCAFE", "C0FFEE"}
    assert {row["serial_number"] for row in rows if row.get("cert_status") == "good"} == {"0BADCAFE", "C0FFEE"}
    return seen


@pytest.mark.parametrize("forged", FINS)
@pytest.mark.parametrize("place", range(1, 11))
def test_t12_a_fin_that_nobody_took(forged: str, place: int) -> None:
    """Wherever it comes: reading goes on, and where it can have mattered the event says so. Nobody takes a FIN before
    the SYN (RFC 9293 section 3.10.7.3)."""
    seen = kept(FINS[forged], place)
    if "data_after_FIN" in seen.weirds:
        assert ["tcp"] in [row.get("ambiguous") for row in seen.exchanges]
    else:
        assert place == 10 or (forged, place) == ("the server's", 1), "there was more to say"
    assert seen.of("conn")[0]["conn_state"] == "SF"


@pytest.mark.parametrize("ahead", [300, 600, 5000])
@pytest.mark.parametrize("place", range(3, 12))
def test_t12_other_octets_that_acknowledge_what_was_not_sent(place: int, ahead: int) -> None:
    """In one segment. What was answered before is compared no more, so that each request keeps its reply."""
    seen = kept((f"c> A @3 ^{ahead} {lit(b'GET / HTTP/1.1' + bytes([13, 10, 13, 10]))} forged",), place)
    if place >= 7:
        assert {row["evidence"] for row in seen.exchanges} == {"both"}


SYNS = {
    "the client's": ("c> S @90000 forged",),
    "the client's, far off": ("c> S @900000000 forged",),
    "the client's, with data behind it": ("c> S @90000 forged", 'c> A @90001 "GET / HTTP/1.1\\r\\n\\r\\n" forged'),
    "the client's, twice": ("c> S @90000 forged", "c> S @70000 forged"),
    "the client's SYN/ACK": ("c> SA @90000 forged",),
    "the server's": ("s> S @90000 forged",),
    "the server's SYN/ACK": ("s> SA @90000 forged",),
    "a whole handshake": ("c> S @90000 forged", "s> SA @80000 ^90001 forged", "c> A @90001 ^80001 forged"),
}


@pytest.mark.parametrize("forged", SYNS)
@pytest.mark.parametrize("place", range(1, 11))
def test_t12_a_syn_that_nobody_took(forged: str, place: int) -> None:
    """The numbers that were go on as long as segments of them come, and what is read by them is doubtful."""
    seen = kept(SYNS[forged], place)
    assert {row["evidence"] for row in seen.exchanges} == {"both"}
    assert place == 1 or ["tcp"] in [row.get("ambiguous") for row in seen.exchanges]
    assert {"SYN_seq_jump", "active_connection_reuse"} & set(seen.weirds)


BLIND = {
    "FIN": ("s> FA @1000000000 ^1700000007 forged",),
    "FIN alone": ("s> F @3000000000 forged",),
    "FIN with data": ("s> FA @1000000000 ^1700000007 =50 forged",),
    "SYN and FIN": ("s> SF @1000000000 forged",),
    "data, RST": ("s> A @1000000000 ^1700000007 =50 forged", "s> R @3000000000 forged"),
    "SYN/ACK, FIN": ("s> SA @1000000000 ^1700000007 forged", "s> FA @3000000000 ^1700000007 forged"),
    "data, and a SYN/ACK later": (
        "s> A @1000000000 ^1700000007 =18 forged",
        *TALK[1:3],
        "s> SA @3000000000 ^1700000007 forged",
    ),
    "data, and the client's SYN/ACK later": (
        "s> A @1000000000 ^1700000007 forged",
        *TALK[1:3],
        "c> SA @90000 ^1700000007 forged",
    ),
    "data, and many SYN/ACKs later": (
        "s> A @1000000000 ^1700000007 =18 forged",
        *TALK[1:3],
        *(f"s> SA @{200_000_000 * n} ^1700000007 forged" for n in range(1, 9)),
    ),
}


@pytest.mark.parametrize("blind", BLIND)
def test_t12_a_stranger_answers_first(blind: str) -> None:
    """Segments with any numbers, between the SYN and the SYN/ACK, and more behind it: all is told, and counted once."""
    rest = [line for line in TALK[1:] if line not in BLIND[blind]]
    seen = said("\n".join([TALK[0], *BLIND[blind], *rest]).replace("s> SA\n", "s> SA @0\n"))
    rows = [(row["serial_number"], row["evidence"], row.get("cert_status")) for row in seen.exchanges]
    assert rows == [("0BADCAFE", "both", "good"), ("C0FFEE", "both", "good")]
    accounts = seen.accounts
    assert (accounts.duplicate_bytes, accounts.discarded_bytes) == (0, 0)
    assert accounts.gap_bytes == 0 or "many" in blind, "of four far acknowledgments the last is believed"
    assert ("excessive_SYN_numbers" in seen.weirds) == ("many" in blind)


def test_t12_many_syns_are_bounded() -> None:
    """Each with a request of its own: no more than a few are read beside each other, and every one is told."""
    requests = [asking(0x100 + number) for number in range(9)]
    forged = [
        f"c> {flags} @{90000 * number} {text} forged"
        for number, request in enumerate(requests, 1)
        for flags, text in (("S", ""), (f"A @{90000 * number + 1}", lit(request)))
    ]
    seen = said("\n".join([*TALK[:3], *forged, *TALK[3:]]))
    serials = {row["serial_number"] for row in seen.exchanges if row["evidence"] != "response"}
    assert serials == {"0BADCAFE", "C0FFEE", *(f"{0x100 + number:04X}" for number in range(9))}
    assert seen.pipeline.tracker.reassembler.total_held == 0


@pytest.mark.parametrize("most", [3, 16])
def test_t12_all_conflicts_of_a_flow_are_read_twice(most: int) -> None:
    """Before each request a forged one, which the receiver drops. What comes since pays for what is read again."""
    script, at, serials = SHAKE, 1, range(0x10001, 0x10009)
    for serial in serials:
        asked = asking(serial)
        forged = (b"GET /forged HTTP/1.1\r\nX: " + b"y" * 200)[: len(asked)]
        script += f"c> A @{at} {lit(forged)} forged\nc> A @{at} {lit(asked)}\ns> A {lit(answering(serial))}\nc> A\n"
        at += len(asked)
    seen = said(script + BYE, settings=Settings(http=HttpSettings(max_second_readings=most)))
    assert "HTTP_second_reading_cut" not in seen.weirds
    asked_for = {row["serial_number"] for row in seen.exchanges if row["evidence"] != "response"}
    assert asked_for >= {f"{serial:06X}" for serial in serials}


def test_t12_copies_of_the_same_are_read_so_often() -> None:
    """Nothing else comes meanwhile that would pay for it."""
    asked = asking(0x10001)
    forged = [(b"GET /%d HTTP/1.1\r\nX: " % number + b"y" * 200)[: len(asked)] for number in range(6)]
    copies = "".join(f"c> A @1 {lit(each)} forged\n" for each in forged)
    script = f"{SHAKE}{copies}c> A @1 {lit(asked)}\ns> A {lit(answering(0x10001))}\nc> A\n{BYE}"
    seen = said(script, settings=Settings(http=HttpSettings(max_second_readings=3)))
    assert "HTTP_second_reading_cut" in seen.weirds
    assert {row["serial_number"] for row in seen.exchanges} == {"010001"}


ASKED_TWICE = [
    *SHAKE.splitlines(),
    f"c> A @1 {lit(Q)}",
    f"s> A @1 {lit(R)}",
    f"c> A {lit(Q3)}",
    f"s> A {lit(R3)}",
    "c> A",
]
FIRST = {
    "the client's reply": ("c> A @1 {0} forged", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "the client's reply, its beginning": ("c> A @1 {0} forged", b"HTTP/1."),
    "the server's request": ("s> A @1 {0} forged", b"GET / HTTP/1.1\r\n\r\n"),
    "the server's request, its beginning": ("s> A @1 {0} forged", b"GET "),
    "the client's octet": ("c> A @1 {0} forged", b"\0"),
    "the server's octet": ("s> A @1 {0} forged", b"\0"),
    "an octet of each": ("c> A @1 {0} forged\ns> A @1 {0} forged", b"\0"),
    "many octets of each": ("c> A @1 {0} forged\ns> A @1 {0} forged", b"\0" * 20),
    "what is the other's to say": ('c> A @1 {0} forged\ns> A @1 "GET " forged', b"HTTP/1."),
    "nothing, and the client's to say": ('c> A @1 {0} forged\ns> A @1 "GET " forged', b"\0\0"),
    "a beginning of TLS": ("c> A @1 {0} forged\ns> A @1 {0} forged", b"\x16"),
}


@pytest.mark.parametrize("port", [80, 2560, 8080])
@pytest.mark.parametrize("forged", FIRST)
def test_t12_the_first_octets_of_a_side(forged: str, port: int) -> None:
    """They say who reads a flow, and who asks there: others in their place are read all the same."""
    line, octets = FIRST[forged]
    script = "\n".join([*ASKED_TWICE[:3], line.format(lit(octets)), *ASKED_TWICE[3:]])
    seen = said(script + BYE, Ends(sport=port))
    rows = seen.exchanges
    assert {row["serial_number"] for row in rows if row["evidence"] != "response"} == {"0BADCAFE", "C0FFEE"}
    assert {row["serial_number"] for row in rows if row.get("cert_status") == "good"} == {"0BADCAFE", "C0FFEE"}
    assert ["tcp"] in [row.get("ambiguous") for row in rows if row["serial_number"] == "0BADCAFE"]
    assert "rexmit_inconsistency" in seen.weirds
