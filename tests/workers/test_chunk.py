"""sensor.workers.chunk: what goes into the pipe comes out of it, in pieces of any size, and never half."""

from __future__ import annotations

import os
import threading
from array import array

import pytest

from sensor.workers.chunk import LAST, PART, ChunkReader, Peaks, Shelf, write_chunk


@pytest.mark.parametrize("shelf", [None, Shelf(2, 1 << 20), Shelf(2, 1 << 10)], ids=["pipe", "memory", "small memory"])
def test_there_and_back(shelf: Shelf | None) -> None:
    read, write = os.pipe()
    handed_back, hand_back = os.pipe()
    lines = [b"one\n" * 100_000, b"", b"three\n"]
    rows = array("q", [1, -2, 3]).tobytes()

    def work() -> None:
        script = (rows, [[(1, "weird", None, None, None)], [(0, 80, "http")], [(1 << 70, 2, 3, 4, 5)], [("id",)]])
        write_chunk(
            write, PART, (4, 1 << 61), Peaks(1, 2, 3), 10, 1000, script, lines, shelf=shelf, handed_back=handed_back
        )
        nothing = [b"", b"", b""]
        write_chunk(
            write, LAST, (8, 0), Peaks(), 20, 2000, (b"", [[]] * 4), nothing, {"frames": 20}, shelf, handed_back
        )
        os.close(write)

    thread = threading.Thread(target=work)
    thread.start()
    reader = ChunkReader(read, 3, shelf, hand_back)
    chunk = reader.read()
    assert chunk is not None
    assert (chunk.kind, chunk.upto, chunk.frames, chunk.bytes_read) == (PART, (4, 1 << 61), 10, 1000)
    assert (chunk.peaks.flows, chunk.peaks.half_open, chunk.peaks.held) == (1, 2, 3)
    assert list(chunk.rows) == [1, -2, 3]
    places = [*chunk.places, len(chunk.octets)]
    assert [bytes(chunk.octets[at : at + len(text)]) for at, text in zip(places, lines, strict=False)] == lines
    assert chunk.weirds == [(1, "weird", None, None, None)]
    assert chunk.notes == [(0, 80, "http")]
    assert chunk.asked == [(1 << 70, 2, 3, 4, 5)]
    assert chunk.fired == [("id",)]
    chunk = reader.read()
    assert chunk is not None
    assert (chunk.kind, chunk.account, list(chunk.rows)) == (LAST, {"frames": 20}, [])
    assert reader.read() is None
    thread.join()
    reader.close()


@pytest.mark.parametrize("places", [1, 2, 3, 5, 16])
def test_a_writer_that_is_ahead_waits_until_places_are_handed_back(places: int) -> None:
    read, write = os.pipe()
    handed_back, hand_back = os.pipe()
    shelf = Shelf(places, 1 << 10)
    written: list[int] = []

    def work() -> None:
        for number in range(70):
            lines = [
                b"%d " % number * (40_000 if number % 7 == 3 else 1)
            ]  # some are too long for a place, and for the pipe
            write_chunk(write, PART, (number, 0), Peaks(), 0, 0, lines=lines, shelf=shelf, handed_back=handed_back)
            written.append(number)
        write_chunk(write, LAST, (70, 0), Peaks(), 0, 0, lines=[b""], shelf=shelf, handed_back=handed_back)
        os.close(write)

    thread = threading.Thread(target=work)
    thread.start()
    reader = ChunkReader(read, 1, shelf, hand_back)
    for number in range(70):
        chunk = reader.read()
        assert chunk is not None
        assert chunk.upto == (number, 0)
        assert bytes(chunk.octets[chunk.places[0] :]).startswith(b"%d " % number)
        assert len(written) <= number + places + 2
    chunk = reader.read()
    assert chunk is not None
    assert chunk.kind == LAST
    assert reader.read() is None
    thread.join()


def test_several_chunks_are_told_of_at_once_and_all_of_them_in_the_end() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    handed_back, _ = os.pipe()
    shelf = Shelf(12, 1 << 10)
    for kind, comes in ((PART, False), (PART, False), (PART, True), (PART, False), (LAST, True)):
        write_chunk(write, kind, (0, 0), Peaks(), 0, 0, lines=[b"line\n"], shelf=shelf, handed_back=handed_back)
        try:
            assert bool(os.read(read, 1 << 16)) == comes
        except BlockingIOError:
            assert not comes


def test_who_waits_for_a_place_learns_that_nobody_reads() -> None:
    read, write = os.pipe()
    handed_back, hand_back = os.pipe()
    shelf = Shelf(1, 1 << 10)
    write_chunk(write, PART, (0, 0), Peaks(), 0, 0, shelf=shelf, handed_back=handed_back)
    os.close(hand_back)
    with pytest.raises(BrokenPipeError):
        write_chunk(write, PART, (0, 0), Peaks(), 0, 0, shelf=shelf, handed_back=handed_back)
    os.close(read)


def test_a_chunk_that_breaks_off_is_none() -> None:
    read, write = os.pipe()
    write_chunk(write, PART, (0, 0), Peaks(), 0, 0, lines=[b"a line\n"])
    whole = os.read(read, 1 << 16)
    for size in range(len(whole)):
        read, write = os.pipe()
        os.write(write, whole[:size])
        os.close(write)
        assert ChunkReader(read, 1).read() is None
        os.close(read)


def test_nobody_reads() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        write_chunk(write, PART, (0, 0), Peaks(), 0, 0)
    os.close(write)
