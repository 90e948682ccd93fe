"""sensor.ct.sources.lines: lines whatever the pieces they come in, and none that is too long."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import lines
from sensor.ct.sources.lines import read_lines


class Pieces(io.BytesIO):
    """Gives `size` bytes at a time, whatever is asked for."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002  (io's; a pipe gives what it has)
        return super().read(self._size)


@given(st.lists(st.binary(max_size=6).filter(lambda text: b"\n" not in text)), st.integers(1, 9), st.integers(0, 6))
def test_lines_in_any_pieces(texts: list[bytes], size: int, limit: int) -> None:
    wanted = [text if len(text) <= limit else None for text in texts]
    if wanted and wanted[-1] == b"":
        wanted.pop()  # nothing behind the last line feed
    assert list(read_lines(Pieces(b"\n".join(texts), size), limit)) == wanted


@pytest.mark.parametrize("end", [b"", b"\nnext"])
def test_a_line_that_never_ends_is_not_kept(end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_PART", 1000)
    held: list[int] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            held.append(sum(len(part) for part in reader.gi_frame.f_locals["parts"]))
            return super().read(size)

    reader = read_lines(Watched(b"x" * 100_000 + end), 5000)
    assert list(reader) == [None, *([b"next"] if end else [])]
    assert max(held) <= 6000
