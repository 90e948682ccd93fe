"""Each octet that is given to nobody has one reason, and each reason can be met."""

from __future__ import annotations

import pytest

from tests.flow.talk import HANDSHAKE, frames_of, listen, parse

WHY = {
    "behind_fin": HANDSHAKE + 'c> A =10\nc> FA\ns> A\nc> A @11 "\\x00"\n',
    "out_of_window": HANDSHAKE + "c> A @3000000 =25\n",
    "with_reset": HANDSHAKE + "c> RA =30\n",
    "before_start": "c> A =10\ns> A\nc> A @-40 =20\n",
}


@pytest.mark.parametrize("why", WHY)
def test_why_octets_are_discarded(why: str) -> None:
    heard = listen().feed(frames_of(parse(WHY[why])))
    discards = heard.tracker.reassembler.discards
    met = {reason: size for reason, size in discards.by_why().items() if size}
    assert list(met) == [why], met
    assert discards.total == met[why]
    heard.end()


def test_what_the_capture_cut_off_is_counted_though_nothing_comes_behind_it() -> None:
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =167 cut=20\n"))).end()
    assert heard.tracker.reassembler.discards.cut == 147
    assert heard.weirds == ["truncated_tcp_payload"]
