"""A small log, by either API, read by a process that is killed at random moments: the same store in the end.

With 100,000 entries it is `python -m tests.bench.sync`; the figures are in README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.bench, however pytest is started

from tests.bench import sync
from tests.sync.ct_log import CtLog

ENTRIES = 6000


@pytest.fixture(scope="module")
def log() -> CtLog:
    return sync.made_log(ENTRIES)


@pytest.mark.needs("nginx")
@pytest.mark.parametrize("tiled", [False, True], ids=["rfc6962", "nginx"])
def test_a_killed_sync_comes_to_the_same(log: CtLog, tiled: bool, tmp_path: Path) -> None:
    with sync.served(log, tiled, tmp_path) as listed:
        seconds = sync.whole_sync(listed, tmp_path / "whole.sqlite")
        stood = sync.killed_sync(listed, tmp_path / "killed.sqlite", 3, seconds, seed=7)
    whole = sync.contents(tmp_path / "whole.sqlite")
    assert sync.kept(tmp_path / "whole.sqlite") == sum(1 for n in range(ENTRIES) if n % 16 != 5)
    assert stood == sorted(stood)
    assert sync.files(tmp_path / "killed.sqlite") > 0 == sync.files(tmp_path / "whole.sqlite")
    assert whole == sync.contents(tmp_path / "killed.sqlite")


def test_the_decoder_is_faster_than_the_library(log: CtLog) -> None:
    leaves, tiles, plain = sync.decode_rates(log.entries[:500])
    assert min(leaves, tiles) > 0 and plain > 0
    found = sync._by_cryptography(log.entries[1].precertificate)
    assert found[5] == ["site0000001.example", "www.site0000001.example", "mail.site0000001.example"][: len(found[5])]
