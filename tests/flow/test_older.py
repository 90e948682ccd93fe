"""sensor.flow.older: what goes on behind a SYN with another number; in HTTP, tests/hostile/test_tcp_insertion.py."""

from __future__ import annotations

import pytest

from tests.flow.talk import CLOSE, HANDSHAKE, play


@pytest.mark.parametrize("syn", ["c> S @90000 forged", "c> S @3000000000 forged", "s> S @90000 forged"])
def test_the_numbers_that_were_go_on(syn: str) -> None:
    heard = play(f"{HANDSHAKE}c> A =100\n{syn}\nc> A =50\ns> A =200\nc> A\n{CLOSE}")
    assert heard.told == "c 1-100, c reopened, s reopened, c 101-150, s 1-200, c FIN, s FIN"
    assert [conn.history[0] for conn in heard.conns] == ["S", "S"]


def test_each_numbering_has_its_reader() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A @90001 =10 forged\nc> A =50\n")
    assert [reader.octets(True)[:1] != b"" for reader in heard.readers] == [True, True]
    assert len(heard.readers[0].octets(True)) == 150
    assert len(heard.readers[1].octets(True)) == 10


def test_a_true_syn_is_believed() -> None:
    """Nothing comes by the old numbers: nothing is doubtful."""
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000\ns> SA @70000 ^90001\nc> A @90001 ^70001 =30\n")
    assert [reader.octets(True)[:0] for reader in heard.readers] == [b"", b""]
    assert "reopened" not in " ".join(entry for reader in heard.readers for entry in reader.told)


def test_an_older_fin_is_heard() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> FA =5\ns> A\n")
    assert heard.side("c") == "1-100, reopened, 101-105, FIN"


def test_far_before_what_was_read() -> None:
    """Octets before the connection's first are nobody's, and counted."""
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @900000000 forged\nc> A @-500 =20 forged\nc> A =5\n")
    assert heard.tracker.reassembler.discards.total == 20


@pytest.mark.parametrize("count", [50, 100])
def test_octets_that_come_again_by_the_old_numbers_doubt_nothing(count: int) -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A @1 ={count} forged\n")
    assert heard.tracker.reassembler.duplicate_bytes == count
    assert "reopened" not in heard.told


def test_an_older_fin_behind_a_hole_waits_for_it() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> FA @151 forged\nc> A @101 =50 forged\n")
    assert heard.side("c") == "1-100, reopened, 101-150, FIN"


def test_what_is_acknowledged_by_the_old_numbers_is_missing_there() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A =50 lost\ns> A =10\nc> A =5\n")
    assert heard.side("c") == "1-100, reopened, gap 50, 151-155, TIMEOUT"


def test_a_side_that_had_not_spoken_is_numbered_by_its_first_segment() -> None:
    heard = play("c> S\nc> A =100\nc> S @90000 forged\ns> A =50\n")
    assert "1-50" in heard.side("s")
