"""Where the rules are that come with the program: beside the package in a checkout, else in the installation's data."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from pathlib import Path

from sensor.settings import RuleSettings


def shipped_folder() -> Path | None:
    """The folder, None if there is none or it has no rules."""
    beside = Path(__file__).resolve().parents[2] / "rules"
    installed = Path(sysconfig.get_path("data")) / "share" / "ocspwatch" / "rules"
    for folder in (beside, installed):
        if next(folder.glob("*.yml"), None) is not None:
            return folder
    return None


def paths_in_force(settings: RuleSettings, more: Iterable[str] = ()) -> list[Path]:
    """Where to read rules from: the shipped ones, unless the settings say no, those of the settings, and `more`."""
    shipped = shipped_folder() if settings.shipped else None
    own = [Path(path) for path in (*settings.paths, *more)]
    return own if shipped is None else [shipped, *own]
