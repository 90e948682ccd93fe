"""The certificate cache for all tests here, and a run of the command in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sensor.cli.main import main
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.settings import CtSettings

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache that knows every certificate under pcaps/*/certs."""
    path = tmp_path_factory.mktemp("ct") / "ct.sqlite"
    settings = CtSettings(path=str(path))
    opened = Store(path, settings.max_names)
    try:
        import_paths(opened, sorted(str(p) for p in PCAPS.glob("*/certs")), settings, 1_700_000_000, ImportReport())
    finally:
        opened.close()
    return str(path)


Result = tuple[int, dict[str, bytes], bytes]
"""Exit code, logs by name, standard output."""


@pytest.fixture
def replay(
    tmp_path: Path, store: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """`replay(paths, workers, *options)`: by default with logs in a folder, and a summary. `several`: not by one in the
    end."""
    monkeypatch.setenv("COLUMNS", "100")
    runs = [0]

    def run(
        paths: Sequence[Path | str],
        workers: int,
        *options: str,
        sets: Sequence[str] = (),
        several: bool = False,
        logs: bool = True,
    ) -> Result:
        runs[0] += 1
        folder = tmp_path / f"logs{runs[0]}"
        words = [word for pair in sets for word in ("--set", pair)]
        words += ["replay", *map(str, paths), "--workers", str(workers), "--ct", store, *options]
        if "--json" not in options and "-o" not in options and logs:
            words += ["-o", str(folder)]
        capfdbinary.readouterr()
        code = main(words)
        out, errors = capfdbinary.readouterr()
        if several:
            assert b"one worker" not in errors
        written = {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if folder.exists() else {}
        return code, written, out

    return run
