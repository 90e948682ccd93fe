"""sensor.capture.window: the same bytes at the same offsets, however they come and whatever is kept."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.stream import ByteStream, RawBytes
from sensor.capture.window import Window


class Pieces(ByteStream):
    """Bytes that come in pieces of given sizes; None where nothing is to be had."""

    def __init__(self, content: bytes, sizes: list[int | None]) -> None:
        super().__init__(regular=False)
        self._content, self._sizes = content, sizes

    def _read_into(self, view: memoryview) -> int | None:
        size = self._sizes.pop(0) if self._sizes else len(self._content)
        if size is None:
            return None
        piece, self._content = self._content[: min(size, len(view))], self._content[min(size, len(view)) :]
        view[: len(piece)] = piece
        return len(piece)


CONTENT = bytes(range(256)) * 200


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(1, 20_000)), max_size=20),
    st.lists(st.integers(0, 30_000), min_size=1, max_size=30),
    st.integers(0, 5000),
)
def test_nothing_is_lost_moved_or_doubled(sizes: list[int | None], takes: list[int], margin: int) -> None:
    """`takes`: how much is taken after each reading, the rest kept; beyond the list, all is."""
    window = Window(Pieces(CONTENT, sizes), 8192, margin)
    taken = b""
    while not window.at_end:
        got = window.fill()
        assert got is None or (got == 0) == window.at_end
        take = min(takes.pop(0), window.end - window.start) if takes else window.end - window.start
        assert window.base + window.start == len(taken)
        taken += bytes(window.data[window.start : window.start + take])
        window.start += take
    taken += bytes(window.data[window.start : window.end])
    assert taken == CONTENT


def test_whole_windows_are_read_to_the_same_place(tmp_path: Path) -> None:
    """Page-aligned, at file offsets that are multiples of the window: that is what makes the copy fast."""
    path = tmp_path / "file"
    path.write_bytes(bytes(100_000))
    stream = RawBytes(os.open(path, os.O_RDONLY))
    stream.peek(12)
    window = Window(stream, 8192, 5000)
    places = set()
    for number in range(10):
        assert window.fill() == 8192
        assert stream.position == 8192 * (number + 1)
        places.add(window.end)
        window.start = window.end - 100 * number
    assert places == {8192 + 8192}  # the margin is two pages
    stream.close()
