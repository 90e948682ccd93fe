"""sensor.flow.beginning: the first octets of a direction come twice, or are what the other side should say."""

from __future__ import annotations

import pytest

from sensor.flow.ledger import PER_PIECE, weigh
from sensor.flow.state import ATTACHED, NOBODY, UNDECIDED, Flow
from tests.flow.talk import CLOSE, HANDSHAKE, Ends, Heard, frames_of, listen, parse, play
from tests.flow.test_delivery import ANSWERED, ASKED, GET, REPLY, said

ODD = Ends(sport=2560)


def begun(script: str, ends: Ends = ODD) -> tuple[Heard, Flow]:
    """A flow under way, and what was heard of it."""
    heard = listen().feed(frames_of(parse(HANDSHAKE + script, ends), ends))
    (flow,) = heard.tracker.flows.values()
    return heard, flow


@pytest.mark.parametrize("octets", [1, 3, 20, 64, 65, 1000])
@pytest.mark.parametrize("both", [False, True])
def test_other_octets_in_place_of_what_was_passed_over(octets: int, both: bool) -> None:
    """The flow is read by them, from the beginning, and whoever reads it learns that there was another copy."""
    forged = f"c> A !{octets} @1 forged\n" + (f"s> A !{octets} @1 forged\n" if both else "")
    heard = play(HANDSHAKE + forged + f"c> A @1 {GET}\ns> A @1 {REPLY}\nc> A\n" + CLOSE, ends=ODD)
    (reader,) = heard.readers
    assert reader.octets(True) == ASKED
    assert reader.octets(False).endswith(ANSWERED)
    assert len(reader.conflicts) == (2 if both else 1)
    assert set(heard.weirds) == {"rexmit_inconsistency"}
    assert heard.tracker.reassembler.total_held == 0


def test_what_was_passed_over_is_remembered_and_charged_for() -> None:
    heard, flow = begun("c> A =300\ns> A =5 ^1\n")
    assert flow.reading == NOBODY
    assert weigh(flow) == (64 + 5 + 2 * PER_PIECE, 0)
    assert flow.charged >= 64 + 5 + 2 * PER_PIECE
    heard.end()
    assert heard.tracker.reassembler.total_recent == 0


@pytest.mark.parametrize(("passed", "is_read"), [(20, True), (65_000, True), (66_000, False)])
def test_another_copy_behind_an_acknowledgment(passed: int, is_read: bool) -> None:
    """The acknowledgment, too, may be a forged one; what comes more than a window later is no other copy."""
    pieces = [min(1000, passed - at) for at in range(0, passed, 1000)]
    forged = "".join(f"c> A !{octets} @{1 + 1000 * i} forged\n" for i, octets in enumerate(pieces))
    script = HANDSHAKE + forged + f"s> A ^{1 + passed} forged\nc> A @1 {GET}\ns> A @1 {REPLY}\n"
    heard = play(script + CLOSE, ends=ODD)
    (reader,) = heard.readers
    assert reader.octets(True)[: len(ASKED)] == (ASKED if is_read else b"")
    assert reader.octets(False) == ANSWERED


def test_other_octets_that_are_nothing_either() -> None:
    heard = play(HANDSHAKE + "c> A !20 @1 forged\nc> A =50 @1\n" + CLOSE, ends=ODD)
    assert heard.readers == []
    assert heard.weirds == ["rexmit_inconsistency"]


def test_too_few_octets_are_compared_as_well() -> None:
    """A forged beginning of HTTP, and the true one, cut in two."""
    for cut in (1, 2, 5):
        parts = f'c> A @1 {GET[: cut + 1]}"\nc> A "{GET[cut + 1 :]}\n'
        heard = play(HANDSHAKE + f'c> A @1 "PO" forged\n{parts}s> A {REPLY}\n' + CLOSE, ends=ODD)
        assert said(heard.readers[0]) == (ASKED, ANSWERED), cut


def test_a_client_that_is_connected_to_and_greeted() -> None:
    heard = play(HANDSHAKE + f"s> A {GET}\n" + CLOSE, ends=ODD)
    assert said(heard.readers[0]) == (ASKED, b"")
    heard = play(HANDSHAKE + f"c> A =6\ns> A {GET}\nc> A {REPLY}\n" + CLOSE, ends=ODD)
    assert said(heard.readers[0]) == (ASKED, ANSWERED)


@pytest.mark.parametrize("port", [80, 2560])
@pytest.mark.parametrize("forged", ['c> A @1 "HTTP/1." forged', 's> A @1 "GET " forged'])
def test_what_stands_against_the_handshake(port: int, forged: str) -> None:
    ends = Ends(sport=port)
    heard = play(HANDSHAKE + f"{forged}\nc> A @1 {GET}\ns> A @1 {REPLY}\n" + CLOSE, ends=ends)
    (reader,) = heard.readers
    assert said(reader) == (ASKED, ANSWERED)
    assert (reader.flow.orig_p, reader.flow.resp_p) == (ends.cport, port)
    assert reader.conflicts


def test_it_waits_for_the_other_side_so_long() -> None:
    """A server that connects to its client; and one whose client says more than that before it says anything."""
    _, flow = begun(f"s> A {GET}\n")
    assert flow.reading == UNDECIDED
    assert weigh(flow)[0] >= len(ASKED)
    _, flow = begun(f"s> A {GET}\n" + "s> A =1400\n" * 11)
    assert flow.reading == UNDECIDED
    _, flow = begun(f"s> A {GET}\n" + "s> A =1400\n" * 12)
    assert flow.reading == ATTACHED
    assert flow.resp.reads_as_orig is False


@pytest.mark.parametrize("end", ["", "c> FA\ns> FA\nc> A\n", "s> FA\n", "s> R\n"])
def test_at_the_end_it_is_read_as_what_it_is(end: str) -> None:
    heard = play(HANDSHAKE + f"s> A {GET}\nc> A\n{end}", ends=ODD)
    assert said(heard.readers[0]) == (ASKED, b"")
    assert heard.readers[0].flow.orig_p == 2560


def test_a_server_that_connects_to_its_client() -> None:
    """What the client says to it is nothing that anybody would read by itself (SOCKS)."""
    heard = play(HANDSHAKE + f's> A "\\x05\\x01\\x00"\nc> A "\\x05\\x00"\ns> A {GET}\nc> A {REPLY}\n' + CLOSE, ends=ODD)
    assert said(heard.readers[0]) == (b"\5\1\0" + ASKED, b"\5\0" + ANSWERED)


def test_reordered_segments_of_a_flow_that_nobody_read() -> None:
    """What was not kept of them is told as a gap."""
    script = f'c> A !5 @1 forged\ns> A !5 @1 forged\nc> A "x" @{1 + len(ASKED)}\nc> A @1 {GET}\ns> A @1 {REPLY}\n'
    heard = play(HANDSHAKE + script + CLOSE, ends=ODD)
    assert heard.side("c").startswith(f"{ASKED.decode()!a}, gap 1")


@pytest.mark.parametrize("other", ["", "s> A @1 {reply}\n"])
def test_other_octets_behind_the_first_ones(other: str) -> None:
    """The forged copy begins like the true one, of which the beginning does not come again."""
    beginning = f'c> A @1 "GEZZZZ" forged\n{other.format(reply=REPLY)}c> A @3 "{GET[3:]}\n'
    heard = play(HANDSHAKE + beginning + ("" if other else f"s> A @1 {REPLY}\n") + CLOSE, ends=ODD)
    assert said(heard.readers[0]) == (ASKED, ANSWERED)
    assert "rexmit_inconsistency" in heard.weirds
