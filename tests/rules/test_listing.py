"""rules/README.md has the table of the rules as it is generated."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.rules import listing
from sensor.rules.listing import read_shipped, render_listing
from tests.rules.writing import rule

RULES = Path(__file__).resolve().parents[2] / "rules"


def test_readme_has_the_table() -> None:
    made = re.search(
        r"<!-- made by `python -m sensor.rules.listing`.*?-->\n(.*)\n<!-- end",
        (RULES / "README.md").read_text(),
        re.DOTALL,
    )
    assert made is not None
    assert made[1] == render_listing(read_shipped(RULES)).strip()


def test_every_rule_is_in_it() -> None:
    text = render_listing(read_shipped(RULES))
    for path in RULES.glob("*.yml"):
        assert text.count(f"]({path.name})") == 1


def test_a_bar_in_a_description_does_not_end_the_cell(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(rule("uri: x", more="description: 'curl | sh is run. And more.'\nlevel: low\n"))
    assert "| low | `Sigma::Rule_1` | curl \\| sh is run. |" in render_listing(read_shipped(tmp_path))


def test_mistakes_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(rule("no_such_field: x"))
    with pytest.raises(ValueError, match="no_such_field"):
        read_shipped(tmp_path)


def test_command(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sensor.rules.listing"], check=False, capture_output=True, text=True, cwd=RULES.parent
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == render_listing(read_shipped(RULES))
    monkeypatch.setattr(listing, "shipped_folder", lambda: None)
    assert listing.main() == 2
