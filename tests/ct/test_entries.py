"""sensor.ct.entries: the parts of an entry, and every place where one can be cut."""

from __future__ import annotations

import pytest

from sensor.ct.entries import PRECERT_ENTRY, X509_ENTRY, EntryError, EntryFrame, vector_end


def vector(octets: int, content: bytes) -> bytes:
    return len(content).to_bytes(octets, "big") + content


X509 = (1 << 40).to_bytes(8, "big") + b"\0\0" + vector(3, b"certificate") + vector(2, b"ext")
PRECERT = (5).to_bytes(8, "big") + b"\0\1" + bytes(range(32)) + vector(3, b"tbs") + vector(2, b"")


def test_the_parts_of_a_certificates_entry() -> None:
    frame = EntryFrame()
    assert frame.read(b"xx" + X509 + b"behind", 2) == 2 + len(X509)
    assert (frame.timestamp, frame.kind) == (1 << 40, X509_ENTRY)
    assert (b"xx" + X509)[frame.start : frame.stop] == vector(3, b"certificate")


def test_the_parts_of_a_precertificates_entry() -> None:
    frame = EntryFrame()
    assert frame.read(PRECERT, 0) == len(PRECERT)
    assert (frame.timestamp, frame.kind) == (5, PRECERT_ENTRY)
    assert PRECERT[frame.start : frame.stop] == bytes(range(32)) + vector(3, b"tbs")


@pytest.mark.parametrize("entry", [X509, PRECERT])
def test_an_entry_that_is_cut_anywhere(entry: bytes) -> None:
    for size in range(len(entry)):
        with pytest.raises(EntryError, match="cut short"):
            EntryFrame().read(entry[:size], 0)


def test_an_entry_of_a_type_that_is_not_known() -> None:
    with pytest.raises(EntryError, match="unknown type"):
        EntryFrame().read(X509[:9] + b"\2" + X509[10:], 0)


def test_a_vector_ends_where_it_says() -> None:
    assert vector_end(b"ab\0\2cd", 2, 2) == 6
    assert vector_end(b"\0", 0, 1) == 1
    for octets in (1, 2, 3):
        with pytest.raises(EntryError):
            vector_end(b"\xff" * 4, 0, octets)
        with pytest.raises(EntryError):
            vector_end(b"\xff" * 4, 4, octets)
