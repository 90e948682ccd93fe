"""The table of magic numbers is well-formed, and every row of it can be reached."""

import pytest

from sensor.http.magic import MAGIC, Magic
from sensor.http.mime import sniff


def _example(row: Magic) -> bytes:
    """The shortest body on which `row` stands: its first options, zero bytes between."""
    size = max(offset + len(options[0]) for offset, options in row.places)
    body = bytearray(size)
    for offset, options in row.places:
        body[offset : offset + len(options[0])] = options[0]
    return bytes(body)


def _stronger(mime: str, row: Magic) -> bool:
    return any(other.mime == mime and other.strength >= row.strength for other in MAGIC)


@pytest.mark.parametrize("row", MAGIC, ids=lambda row: f"{row.mime}-{row.strength}-{row.places[0][1][0][:12]!r}")
def test_a_row_types_its_own_example(row: Magic) -> None:
    found = sniff(_example(row))
    assert found == row.mime or (found is not None and _stronger(found, row)), (row.mime, found)


def test_every_place_has_options_and_lies_inside_the_sniffed_part() -> None:
    for mime, strength, places in MAGIC:
        assert mime.count("/") == 1 and -20 < strength <= 340
        for offset, options in places:
            assert options and all(options), mime
            assert offset >= 0 and max(map(len, options)) + offset <= 4096, mime
        first = places[0]
        assert first[0] > 0 or all(option for option in first[1])


def test_no_two_rows_are_the_same() -> None:
    assert len(set(MAGIC)) == len(MAGIC)


def test_strengths_go_by_tens() -> None:
    """As libmagic counts them, from which Zeek has most; few are Zeek's own. A plain string has 30 and 10 an octet."""
    own = {1, 21, 37, 41, 49, 51, 52, 71, 99, 171}
    assert {row.strength for row in MAGIC if row.strength % 10} == own
    strings = [row for row in MAGIC if row.strength > 130 and row.strength % 10 == 0 and len(row.places) == 1]
    assert len(strings) > 20
    for row in strings:
        assert row.strength in {10 * len(option) + 30 for option in row.places[0][1]} | {190, 180, 340}, row


def laid(*parts: tuple[int, bytes]) -> bytes:
    """Octets at their places, zeros between and behind."""
    body = bytearray(64)
    for at, octets in parts:
        body[at : at + len(octets)] = octets
    return bytes(body)


def test_bitmaps_by_the_size_of_their_header() -> None:
    """[MS-WMF] and OS/2: BITMAPCOREHEADER, BITMAPINFOHEADER, OS22X, V4 and V5; 128 is libmagic's."""
    bodies = {size: laid((0, b"BM"), (14, size.to_bytes(4, "little"))) for size in range(256)}
    found = {size for size, body in bodies.items() if sniff(body) == "image/x-ms-bmp"}
    assert found == {12, 40, 64, 108, 124, 128}


def test_sun_audio_by_its_encoding() -> None:
    """audio(5): offset of the data, size, and at 12 the encoding, 1 to 7 for u-law, linear and floating point."""
    found = [sniff(laid((0, b".snd"), (4, b"\0\0\0\x18"), (12, coding.to_bytes(4, "big")))) for coding in range(256)]
    assert [coding for coding, kind in enumerate(found) if kind == "audio/basic"] == [*range(1, 8)]
    assert [coding for coding, kind in enumerate(found) if kind == "audio/x-adpcm"] == [23]


def test_stores_of_outlook_by_their_version() -> None:
    """[MS-PST] 2.2.2.6: dwMagic, wMagicClient at 8, wVer at 10: 14 and 15 are ANSI, 21 and 23 Unicode."""
    bodies = {wver: laid((0, b"!BDN"), (8, b"SM"), (10, wver.to_bytes(2, "little"))) for wver in range(256)}
    found = {wver for wver, body in bodies.items() if sniff(body) == "application/vnd.ms-outlook"}
    assert found == {14, 15, 21, 23}


def test_archives_by_words_further_in() -> None:
    for at, word, kind in (
        (7, b"**ACE**", "application/x-ace"),
        (4, b"ftypjp2", "image/jp2"),
        (10, b"# This is a shell archive", "application/x-shar"),
    ):
        assert sniff(laid((at, word))) == kind
        assert all(sniff(laid((wrong, word))) != kind for wrong in range(16) if wrong != at)


def test_transport_streams_by_their_packets() -> None:
    """ISO/IEC 13818-1 2.4.3.2: packets of 188 octets, each begins with 0x47."""
    for size in (187, 188, 189):
        assert (sniff((b"G" + bytes(size - 1)) * 4) == "video/mp2t") is (size == 188)
