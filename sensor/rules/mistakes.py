"""The one error of this package: it stands alone, so that a run without rules need not import what reads them."""

from __future__ import annotations


class RulesError(Exception):
    """Rules cannot be used: `lines` says of every mistake where it is and what, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
