"""State of one direction; its behaviour is the reader's, tested there."""

from __future__ import annotations

from sensor.http.side import HEAD, MORE, Side


def test_keeping_bytes() -> None:
    side = Side(True)
    assert (side.state, side.tail, side.line_ts) == (HEAD, None, -1)
    assert side.keep(b"GET / HTTP", 4) == MORE
    assert side.tail == b"/ HTTP"
