"""The check that conftest.py makes of every pipeline (tests/conservation.py): it sees all of them, and can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from sensor.cli.main import main
from sensor.pipeline import Pipeline, at_end
from tests import conservation
from tests.conservation import Watch

CAPTURE = conservation.REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap"
CODE = """
import sys
from sensor.cli.main import main
from sensor.pipeline import at_end
def add(pipeline):
    pipeline.tracker.reassembler.payload_bytes += 1
at_end.insert(0, add)
sys.exit(main())
"""


def _one_more(pipeline: Pipeline) -> None:
    pipeline.tracker.reassembler.payload_bytes += 1


@pytest.fixture
def dishonest() -> Generator[None]:
    """At its end each pipeline of this process, and of those that it forks, has an octet more than there was."""
    at_end.insert(0, _one_more)
    yield
    at_end.remove(_one_more)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_octet_that_is_nowhere_is_seen(
    workers: int, dishonest: None, conservation_watch: Watch, tmp_path: Path, own_process_state: None, alone: None
) -> None:
    assert main(["replay", str(CAPTURE), str(CAPTURE), "-q", "-o", str(tmp_path), "--workers", str(workers)]) == 0
    found = conservation_watch.take().splitlines()
    assert len(found) == workers
    assert all(" octets of payload, and " in line for line in found)
    assert not conservation_watch.take()


def test_so_it_is_in_a_command_of_its_own(conservation_watch: Watch, tmp_path: Path) -> None:
    words = ["replay", str(CAPTURE), "-q", "-o", str(tmp_path / "logs")]
    environment = os.environ | conservation.environment() | {"XDG_DATA_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", CODE, *words], env=environment, check=False).returncode == 0
    assert " octets of payload, and " in conservation_watch.take()
    words = [sys.executable, "-m", "sensor.cli.main", *words]
    assert subprocess.run(words, env=environment, check=False).returncode == 0
    assert not conservation_watch.take()
