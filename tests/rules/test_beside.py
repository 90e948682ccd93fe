"""Rules that a correlation refers to, out of the files beside its own."""

from __future__ import annotations

from pathlib import Path

from sensor.rules.document import Mistakes
from sensor.rules.loader import read_rules
from sensor.rules.rule import RuleSet
from sensor.settings import RuleSettings
from tests.rules.test_correlations import BASE, GOOD, correlation
from tests.rules.writing import rule

UPPER = correlation("type: event_count\nrules: [c9]\ngroup-by: [id.orig_h]\ntimespan: 1d\ncondition: {gte: 2}", 10)


def read(*paths: Path) -> tuple[RuleSet, list[str]]:
    mistakes = Mistakes()
    return read_rules(paths, RuleSettings(), mistakes), mistakes.lines


def write(folder: Path) -> None:
    (folder / "base.yml").write_text(BASE + "---\n" + rule("host: y", number=3))
    (folder / "lower.yaml").write_text(correlation(GOOD))
    (folder / "upper.yml").write_text(UPPER)
    (folder / "other.yml").write_text(rule("host: z", number=4))


def test_what_is_referred_to_is_drawn_in_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path)
    found, mistakes = read(tmp_path / "upper.yml")
    assert not mistakes
    assert [each.head.file.name for each in found.rules] == ["base.yml", "lower.yaml", "upper.yml"]
    assert {each.head.id for each in found.events} <= found.quiet


def test_none_is_read_twice(tmp_path: Path) -> None:
    write(tmp_path)
    found, mistakes = read(tmp_path / "base.yml", tmp_path / "upper.yml")
    assert not mistakes and len(found.rules) == 4
    found, mistakes = read(tmp_path)
    assert not mistakes and len(found.rules) == 5


def test_a_mistake_in_what_is_drawn_in_is_told_under_its_own_name(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "base.yml").write_text(BASE.replace("host", "hots"))
    _, mistakes = read(tmp_path / "lower.yaml")
    assert any(line.startswith(f"{tmp_path}/base.yml:") and "hots" in line for line in mistakes)


def test_what_is_nowhere_is_missed(tmp_path: Path) -> None:
    (tmp_path / "lower.yml").write_text(correlation(GOOD))
    (tmp_path / "base.yml").mkdir()
    (tmp_path / "binary.yml").write_bytes(b"base\xff\xfe")
    _, mistakes = read(tmp_path / "lower.yml")
    assert any("lower.yml" in line and "base" in line for line in mistakes)
