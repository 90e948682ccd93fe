"""Python imports this first, in a command that a test starts (tests/conservation.py): its pipelines are watched."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

BOOK = os.environ.get("OCSPWATCH_TESTS_BOOK")


class _Behind:
    """Does something when a module has been imported."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self.name = name
        self.action = action

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = next(found for finder in sys.meta_path for found in [finder.find_spec(name, path, target)] if found)
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self.action()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one module's loader
        return spec


def _watch() -> None:
    from tests.conservation import Watch

    Watch(str(BOOK))


if BOOK is not None:
    pipeline = _Behind("sensor.pipeline", _watch)
    sys.meta_path.insert(0, _Behind("sensor", lambda: sys.meta_path.insert(0, pipeline)))  # it has a finder of its own
