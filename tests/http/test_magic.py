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
