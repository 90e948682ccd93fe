"""The certificate cache that the golden logs are made with, and the switch that writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.settings import CtSettings, Settings

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden logs anew; read the diff afterwards"
    )


@pytest.fixture(scope="session")
def known_certificates(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose cache knows every certificate under pcaps/*/certs."""
    path = tmp_path_factory.mktemp("ct") / "ct.sqlite"
    settings = CtSettings(path=str(path))
    store = Store(path, settings.max_names)
    report = ImportReport()
    try:
        import_paths(store, sorted(str(folder) for folder in PCAPS.glob("*/certs")), settings, 1_700_000_000, report)
    finally:
        store.close()
    assert report.new > 0
    assert report.refused_total == 0
    return Settings(ct=settings)
