"""Where the rules are that come with the program: beside the package in a checkout, else in the installation's data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sensor.settings import RuleSettings


def shipped_folder() -> Path | None:
    """The folder, None if there is none or it has no rules."""
    beside = Path(__file__).resolve().parents[2] / "rules"
    if _has_rules(beside):
        return beside
    import sysconfig  # takes some milliseconds

    installed = Path(sysconfig.get_path("data")) / "share" / "ocspwatch" / "rules"
    return installed if _has_rules(installed) else None


def _has_rules(folder: Path) -> bool:
    return next(folder.glob("*.yml"), None) is not None


def paths_in_force(settings: RuleSettings, more: Iterable[str] = ()) -> list[Path]:
    """Where to read rules from: the shipped ones, unless the settings say no, those of the settings, and `more`."""
    shipped = shipped_folder() if settings.shipped else None
    own = [Path(path) for path in (*settings.paths, *more)]
    return own if shipped is None else [shipped, *own]
