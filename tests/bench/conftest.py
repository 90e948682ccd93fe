"""The long soak runs beside the other tests: started when they are collected, looked at by the last of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from soak import report_of_this_run  # noqa: E402  (it lies beside this file, which is no package)

LONG, SHORT = "test_the_soak_of_two_minutes", "test_a_short_soak"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In CI the long one, last, once (not for the uncompiled run again), by one worker; else the short one."""
    if os.environ.get("OCSPWATCH_PURE") == "1":  # a kill is the same to compiled code
        killed = [item for item in items if item.name.startswith("test_a_killed_sync")]
        items[:] = [item for item in items if item not in killed]
        config.hook.pytest_deselected(items=killed)
    found = {item.name: item for item in items if item.name in (LONG, SHORT)}
    if LONG not in found:
        return
    items[:] = [item for item in items if item.name not in found]
    is_long = os.environ.get("OCSPWATCH_CI") == "1" and os.environ.get("OCSPWATCH_PURE") != "1" and os.geteuid() == 0
    kept = found.pop(LONG if is_long else SHORT, None)
    items += [kept] if kept else []
    config.hook.pytest_deselected(items=list(found.values()))
    if not is_long:
        return
    report = report_of_this_run()
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        subprocess.Popen(  # it ends by itself, whether or not somebody waits for it
            [sys.executable, str(HERE / "soak.py"), "--seconds", "120", "--rate", "20", "--report", str(report)],
            stdout=subprocess.DEVNULL,
            stderr=report.with_suffix(".errors").open("w"),
            start_new_session=True,
        )
