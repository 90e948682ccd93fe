"""sensor.rules.mistakes: and that without rules nothing that reads them is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sensor.rules.mistakes import RulesError

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURE = REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap"


def test_all_lines_are_its_text() -> None:
    assert str(RulesError(["a.yml:1: x", "b.yml:2: y"])) == "a.yml:1: x\nb.yml:2: y"


def test_without_rules_no_yaml(tmp_path: Path) -> None:
    """As 80 ms of a short run are."""
    code = (
        "import sys; from sensor.cli.main import main; "
        f"code = main(['replay', {str(CAPTURE)!r}, '-q', '-o', {str(tmp_path)!r}, *sys.argv[1:]]); "
        "print(code, *sorted({'yaml', 're2', 'sensor.rules.loader'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, cwd=REPOSITORY, text=True) == "0\n"
    assert "sensor.rules.loader" in subprocess.check_output([*run, "--rules", "shipped"], cwd=REPOSITORY, text=True)
