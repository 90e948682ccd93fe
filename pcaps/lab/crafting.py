"""How the craft.py scripts run: each registers captures, `main` writes them, or checks that they are still the same."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pcaps.lab import ledger, truth
from pcaps.lab.truth import Exchange

DATE = "2026-11-22"  # the day the crafted captures were first written


@dataclass
class Crafted:
    """The file's octets and what is in it; `readable`: it is an error if tshark and OpenSSL do not confirm `rows`."""

    data: bytes
    rows: Sequence[Exchange]
    readable: bool = True


@dataclass
class Workshop:
    """One craft.py: `folder` is its own below pcaps/, `script` the name of its script there."""

    folder: str
    script: str = "craft.py"
    pieces: dict[str, tuple[str, Callable[[], Crafted]]] = field(default_factory=dict)
    unstable: set[str] = field(default_factory=set)  # their bytes depend on the version of a compressor

    def piece(self, name: str, shows: str) -> Callable[[Callable[[], Crafted]], Callable[[], Crafted]]:
        """Register the function that makes the capture `name`."""

        def register(make: Callable[[], Crafted]) -> Callable[[], Crafted]:
            if name in self.pieces:
                raise ValueError(f"{name} is there twice")
            self.pieces[name] = (shows, make)
            return make

        return register

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Exit code 1 if --check finds a difference."""
        parser = argparse.ArgumentParser(description=f"write the crafted captures of pcaps/{self.folder}")
        parser.add_argument("--check", action="store_true", help="write nothing, compare with what is there")
        options = parser.parse_args(arguments)
        home = ledger.PCAPS / self.folder
        if options.check:
            different = self.differences(home)
            print("\n".join(different) or "all the same")
            return 1 if different else 0
        entries = {}
        for name, (shows, make) in self.pieces.items():
            made = make()
            (home / name).write_bytes(made.data)
            checked = self._checked(home / name, made)
            entries[f"{self.folder}/{name}"] = ledger.entry(
                "crafted", f"{self.folder}/{self.script}", "pcaps/lab", DATE, shows, checked, made.rows
            )
            print(f"{name}: {len(made.rows)} exchanges, {len(made.data)} bytes, {checked}")
        ledger.enter(entries, f"{self.folder}/{self.script}")
        return 0

    def _checked(self, path: Path, made: Crafted) -> str:
        try:
            confirm(path, made.rows)
        except (ValueError, subprocess.CalledProcessError):
            if made.readable:
                raise
            return "construction"
        return "tshark+openssl"

    def differences(self, home: Path) -> list[str]:
        """Names of captures that the script would now make otherwise."""
        return [
            name
            for name, (_, make) in self.pieces.items()
            if name not in self.unstable
            if not (home / name).exists() or (home / name).read_bytes() != make().data
        ]


def confirm(capture: Path, rows: Sequence[Exchange]) -> None:
    """ValueError if tshark and OpenSSL read something else than the script put in; fragments have several times."""
    found = sorted(repr(replace(each, ts=None)) for each in truth.exchanges(capture))
    wanted = sorted(repr(replace(each, ts=None)) for each in rows)
    if found != wanted:
        raise ValueError(f"{capture.name}: put in\n  " + "\n  ".join(wanted) + "\nread\n  " + "\n  ".join(found))


def run(workshop: Workshop) -> None:
    sys.exit(workshop.main())
