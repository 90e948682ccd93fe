"""Trials: which rules fire on a capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.cli.rule_trial import Trial, TrialError
from sensor.settings import Settings
from tests.rules.writing import UUID, rule, rules

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


def test_certificates_beside_a_capture_are_known(tmp_path: Path) -> None:
    trial = Trial(rules(tmp_path, rule("grade: exact", "leak"), rule("grade: '*'", "leak", 2)), Settings())
    try:
        assert trial.fired(PCAPS / "office" / "morning.pcapng") == {UUID.format(1), UUID.format(2)}
        assert trial.fired(PCAPS / "http" / "upgrade.pcap") == frozenset()
    finally:
        trial.close()


def test_a_capture_that_is_none(tmp_path: Path) -> None:
    trial = Trial(rules(tmp_path, rule("host: x")), Settings())
    with pytest.raises(TrialError, match=r"none\.pcap"):
        trial.fired(PCAPS / "none.pcap")
    trial.close()
