"""Imports the modules of this package from their source even where a compiled form lies beside it.

Installed by `sensor/__init__.py` when OCSPWATCH_PURE is set, so that one checkout can be tested both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType


class SourceFinder(MetaPathFinder):
    """Answers for modules, not for packages: those have no compiled form."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002  (the interface has it)
    ) -> ModuleSpec | None:
        package, _, module = fullname.rpartition(".")
        if package.partition(".")[0] == "sensor":
            for folder in path or ():
                source = Path(folder, module + ".py")
                if source.is_file():
                    return spec_from_file_location(fullname, source)
        return None
