"""sensor.flow.fragment: what is not whole goes with time, whatever brings it."""

from __future__ import annotations

from sensor.weird import Weird
from tests.flow.frames import START, Frame, S, ethernet, ip4
from tests.flow.talk import listen


def test_i3_time_gives_them_up_with_no_further_fragment() -> None:
    """Whatever else brings the time; a leap of the clock alone does not."""
    first = ip4("10.20.0.31", "198.51.100.40", bytes(64), more=True)
    other = ethernet(bytes(28), 0x0806)
    heard = listen().feed([Frame(START, ethernet(first)), Frame(START + 29 * S, other)])
    assert heard.tracker.limits()["flow.fragment_timeout_s"] == 0
    heard.feed([Frame(START + 32 * S, other)])
    assert heard.tracker.limits()["flow.fragment_timeout_s"] == 1
    assert [(each.name, each.ts) for each in heard.tracker.out if isinstance(each, Weird)] == [
        ("incomplete_fragments", START + 32 * S)
    ]
    assert (heard.tracker.defragmenter.held_bytes, len(heard.tracker.defragmenter.pending)) == (0, 0)
    heard = listen().feed([Frame(START, ethernet(first)), Frame(START + 4000 * S, other)])
    assert heard.tracker.limits()["flow.fragment_timeout_s"] == 0
    assert heard.feed([Frame(START + 4031 * S, other)]).tracker.limits()["flow.fragment_timeout_s"] == 1
