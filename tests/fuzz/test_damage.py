"""Some of the captures of others, damaged; `python -m tests.fuzz.damage` takes all of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import tests.fuzz.damage as module
from tests.fuzz.damage import WAYS, Account, Capture, captures_in, damage, damage_all


@pytest.mark.needs("shared/corpus/captures")
def test_captures_of_others_damaged(shared: Path) -> None:
    folder = shared / "corpus" / "captures"
    paths = captures_in(folder, 60_000)[40::110]
    account = damage_all(paths, folder)
    assert account.broken == []
    assert account.runs == account.captures * len(WAYS) > 100
    assert account.codes[0] > 20
    assert account.codes[3] > 5, "some damage is told"


def test_every_way_changes_something(repository: Path) -> None:
    for name in ("ocsp/certids-70.pcap", "office/morning.pcapng"):
        data = (repository / "pcaps" / name).read_bytes()
        whole = Capture.of(data)
        assert whole.head + b"".join(whole.records) == data
        assert len(whole.records) > 5
        for way, harm in WAYS.items():
            assert harm(whole, random.Random(way)) != whole.records, way


def test_what_breaks_is_seen(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """A command that raises, and one that never ends."""

    def raises(argv: list[str]) -> int:
        raise KeyError(argv)

    def turns(argv: list[str]) -> int:
        while True:
            argv = list(argv)

    monkeypatch.setattr(module, "MOST_SECONDS", 0.2)
    for broken in (raises, turns):
        monkeypatch.setattr(module, "command", broken)
        account = Account()
        damage(repository / "pcaps/ocsp/certids-70.pcap", "certids", account)
        assert len(account.broken) == 1, account.broken
