"""sensor.flow.reassembly: Zeek's gap_stats, which capture_loss.log is made of.

Zeek counts in TCP_Reassembler::AckReceived: every acknowledgment of something new while both ends are established, and
of these the ones for bytes that it did not see.
"""

from __future__ import annotations

import pytest

from sensor.settings import FlowSettings
from tests.flow.talk import CLOSE, HANDSHAKE, TALK, moved, parse, play


def loss(script: str, settings: FlowSettings | None = None) -> tuple[int, int]:
    reassembler = play(script, *([] if settings is None else [settings])).tracker.reassembler
    return reassembler.acks, reassembler.ack_gaps


@pytest.mark.parametrize(
    ("script", "acks", "gaps"),
    [
        ("", 0, 0),  # the handshake acknowledges SYNs
        ("c> A =100\ns> A\n", 1, 0),
        ("c> A =100\ns> A\ns> A\n", 1, 0),  # nothing new
        ("c> A =100\nc> A =100\ns> A\n", 1, 0),  # one for two
        ("c> A =100 lost\ns> A\n", 1, 1),
        ("c> A =100\nc> A =100 lost\nc> A =100\ns> A\n", 1, 1),
        ("c> A =100 lost\ns> A\nc> A =100 lost\ns> A\nc> A =100\ns> A\n", 3, 2),
        ("c> A =100\ns> A =200 lost\nc> A\n", 1, 1),  # the reply acknowledged the question, and was lost
    ],
)
def test_what_is_counted(script: str, acks: int, gaps: int) -> None:
    assert loss(HANDSHAKE + script) == (acks, gaps)


def test_a_whole_conversation() -> None:
    assert loss(TALK) == (2, 0)


def test_one_side_only_is_no_loss() -> None:
    """A tap of one direction, or a flow joined in its middle: nothing can be said."""
    assert loss("c> S\nc> A ^1\nc> A =100 ^1\nc> A ^500\n") == (0, 0)
    assert loss("c> A =100 ^1\ns> A ^101\ns> A =50\nc> A\ns> A =50 lost\nc> A\n") == (0, 0)


def test_an_acknowledgment_before_its_bytes_is_a_gap_as_in_zeek() -> None:
    """A mirror port that reorders counts as one that loses; the message is whole all the same."""
    segments = parse(HANDSHAKE + "c> A =100\ns> A\n" + CLOSE)
    heard = play(moved(segments, [0, 1, 2, 4, 3, *range(5, len(segments))]))
    assert (heard.tracker.reassembler.acks, heard.tracker.reassembler.ack_gaps) == (1, 1)
    assert heard.side("c").startswith("1-100")


def test_made_up_acknowledgments_count_once() -> None:
    """Far ahead of everything: not believed until there are four in a row, and counted when the first one comes."""
    for times in (1, 3, 4):
        assert loss(HANDSHAKE + "s> A ^900000000\n" * times) == (1, 1)
