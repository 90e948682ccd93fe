"""sensor.service.capabilities: read as the kernel tells them; giving them up is tests/service/test_privileges.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sensor.service import capabilities


@pytest.mark.needs("capsh")
def test_as_capsh_reads_them() -> None:
    for name, bits in capabilities.held().items():
        decoded = subprocess.run(["capsh", f"--decode={bits:x}"], check=True, capture_output=True, text=True).stdout
        assert decoded.startswith(f"0x{bits:016x}"), name


@pytest.mark.needs("root", "setpriv")
def test_the_bounding_set_needs_a_capability() -> None:
    code = "from sensor.service import capabilities as c; print(c.drop_bounding_set(), c.held()['CapBnd'])"
    repository = Path(__file__).resolve().parents[2]
    said = [
        subprocess.run(
            [*prefix, sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=repository
        ).stdout.split()
        for prefix in ([], ["setpriv", "--bounding-set=-all,+chown,+dac_override", "--inh-caps=-all"])
    ]
    assert said == [["True", "0"], ["False", "3"]]
