"""Every target over its seeds, all finds so far, and some hundreds of mutations; atheris where it is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.mutate import mutations
from tests.fuzz.run import README, REGRESSIONS, read_figures, regressions, render
from tests.fuzz.target import REPOSITORY
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 5.0
"""Processor time that no input may take; on a quiet machine none takes a tenth of it."""


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_finds(name: str) -> None:
    """Seeds hold, whatever is found for them, and so does what once did not."""
    target = TARGETS[name]
    ran = 0
    for data in [*target.seeds(), *(path.read_bytes() for path in regressions(name))]:
        target.run(data)
        ran += 1
    assert ran >= 4


@pytest.mark.parametrize("name", TARGETS)
def test_mutations(name: str) -> None:
    target = TARGETS[name]
    inputs = [data for data in target.seeds() if len(data) <= target.max_size]
    for data in mutations(inputs, target.words, target.mutations, f"mutations of {name}", target.max_size):
        begun = time.process_time()
        try:
            target.run(data)
        except Exception as error:
            raise AssertionError(f"{name}: {data!r}") from error
        assert time.process_time() - begun < MOST_SECONDS, data


def test_a_broken_promise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets can fail: a reader that makes something up, a decoder that raises what it should not."""
    from tests.fuzz import objects, streams

    def invents(der: bytes) -> str:
        raise KeyError(der)

    monkeypatch.setattr(objects, "decode_name", invents)
    with pytest.raises(KeyError):
        TARGETS["names"].run(b"\x30\x00")
    said = next(iter(TARGETS["reassembly"].seeds()))
    sent = streams._segments(said)
    monkeypatch.setattr(streams, "_segments", lambda _: sent)
    monkeypatch.setattr(streams, "_STREAMS", {True: b"\1", False: b"\1"})
    with pytest.raises(AssertionError, match="invented"):
        TARGETS["reassembly"].run(said)


def test_every_find_belongs_to_a_target() -> None:
    for path in REGRESSIONS.iterdir():
        assert path.name.partition("-")[0] in TARGETS, path
        assert path.stat().st_size <= 1 << 16, path


def test_the_account_is_of_these_targets() -> None:
    assert README.read_text() == render(read_figures())
    assert read_figures().keys() == TARGETS.keys()


def test_atheris(tmp_path: Path) -> None:
    """One target as `make fuzz` runs it: what it sees of the source grows, and no promise is broken."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris: pip install '.[fuzz]'")
    argv = [sys.executable, "-m", "tests.fuzz.one", "ocsp_request", "-runs=300", "-seed=1"]
    env = os.environ | {"OCSPWATCH_PURE": "1", "PYTHONPATH": str(REPOSITORY)}
    run = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Done 300 runs" in run.stderr
    assert "cov: " in run.stderr
