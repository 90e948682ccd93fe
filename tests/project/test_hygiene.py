"""House rules that a linter has no word for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# Spelled in two halves so that this file passes its own test.
MACHINE_PATH = re.compile(r"""(?<![\w.])/(?:wo""" + r"""rk|fa""" + r"""rm|ho""" + r"""me/\w|ro""" + r"""ot)/\w""")
TEMPORARY_PATH = re.compile(r"""(?<![\w.}])/t""" + r"""mp/\w""")
REGISTRY = re.compile(r"py" + r"pi\.org|files\.python" + r"hosted|npm" + r"js|deb\.deb" + r"ian|registry\.")
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:|nosec|fmt:\s*off|ruff:)(?P<rest>[^#]*)(?P<more>.*)")
RECORDED = ("pcaps/expected.json", "tests/golden/")
"""What was on the wire: base64 in a GET target may spell anything."""
BOUNDARY = {"sensor/pipeline.py", "sensor/flow/tracker.py"}
"""Where a bug of ours is contained (architecture: the flow boundary); once."""


@pytest.mark.needs("git")
def test_no_machine_paths_and_no_registries_in_tracked_files(tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        if str(path.relative_to(REPOSITORY)).startswith(RECORDED):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line) or TEMPORARY_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_nothing_catches_everything(sources: dict[str, ast.Module]) -> None:
    found = []
    for name, tree in sources.items():
        handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
        broad = [
            f"{name}:{node.lineno}"
            for node in handlers
            if node.type is None
            or any(isinstance(n, ast.Name) and n.id in ("Exception", "BaseException") for n in ast.walk(node.type))
        ]
        found += broad[1:] if name in BOUNDARY else broad
    assert not found, "\n".join(found)


def test_every_suppression_says_why_on_its_line(tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        if path.suffix != ".py":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = SUPPRESSION.search(line)
            unchecked = path.is_relative_to(REPOSITORY / "tests") and "type:" in line  # mypy does not look at tests
            if match and "re.compile(" not in line and not unchecked:
                reason = (
                    re.sub(r"^[:\s]*(?:\[[^\]]*\]|[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?", "", match["rest"]) + match["more"]
                )
                if not re.search(r"\w\w", reason):
                    found.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_no_unfinished_marks(tracked: list[Path]) -> None:
    marks = re.compile(r"#.*\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in tracked
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_wall_clock_and_no_randomness_between_capture_and_sink(sources: dict[str, ast.Module]) -> None:
    """Packet time is the only time: the same capture gives the same bytes. The two ends may look at the clock."""
    ends = (
        "sensor/cli/",
        "sensor/ct/",
        "sensor/report/",
        "sensor/capture/",
        "sensor/logs/sinks/",
        "sensor/service/",
        "sensor/online/",
        "sensor/sync/",
        "sensor/crtsh/",
        "sensor/cluster/",
    )
    found = []
    for name, tree in sources.items():
        if name.startswith(ends):
            continue
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{name}:{node.lineno}: {n}" for n in names if n in ("time", "random", "secrets", "uuid")]
    assert not found, "\n".join(found)
