"""Imports go down the data flow, never up, and are not hidden from this test by being lazy."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

ORDER = (
    "weird",
    "recent",
    "kept",
    "settings",
    "settings_file",
    "service",
    "online",
    "capture",
    "flow",
    "http",
    "pki",
    "ocsp",
    "ct",
    "sync",
    "crtsh",
    "cluster",
    "audit",
    "fetch",
    "privacy",
    "health",
    "logs",
    "rules",
    "report",
    "pipeline",
    "inject",
    "workers",
    "cli",
)
"""A module may import from its own package and from those before it. `tls` will stand behind `http`."""

ANYWHERE = {"sensor", "sensor.uncompiled"}  # the version and the build mode: nothing of the data flow


def _package(module: str) -> str:
    return module.split(".")[1]


def _imported(tree: ast.Module) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
            found.append((node.lineno, node.module or ""))
    return [(line, name) for line, name in found if name.split(".")[0] == "sensor" and name not in ANYWHERE]


def test_imports_go_down_the_data_flow(sources: dict[str, ast.Module]) -> None:
    wrong = []
    for name, tree in sources.items():
        module = ".".join(Path(name).with_suffix("").parts)
        if module in ("sensor.__init__", "sensor.uncompiled"):
            assert {imported for _, imported in _imported(tree)} <= ANYWHERE
            continue
        own = ORDER.index(_package(module))
        for line, imported in _imported(tree):
            if ORDER.index(_package(imported)) > own:
                wrong.append(f"{name}:{line}: {_package(module)} imports {imported}")
    assert not wrong, "\n".join(wrong)


def test_only_declared_packages_exist(sources: dict[str, ast.Module]) -> None:
    parts = {Path(name).parts[1].removesuffix(".py") for name in sources}
    assert parts - {"__init__", "uncompiled"} <= set(ORDER)


def test_nothing_private_is_imported_from_another_package(sources: dict[str, ast.Module]) -> None:
    wrong = []
    for name, tree in sources.items():
        own = Path(name).parts[1].removesuffix(".py")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sensor."):
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                if private and _package(node.module) != own:
                    wrong.append(f"{name}:{node.lineno}: {private} of {node.module}")
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_are_imported_where_they_are_used(sources: dict[str, ast.Module]) -> None:
    """Start-up is a promise (`ocspwatch --version`): scapy takes a second to import, rich a tenth."""
    lazy_only = {"scapy", "urllib3", "redis", "pg8000"}
    heavy = {"rich", "cryptography", "yaml", "publicsuffixlist", "zstandard", "brotli", "yacryptopan", *lazy_only}
    command_line = {"sensor/cli/main.py", "sensor/__init__.py", "sensor/cli/__init__.py"}
    wrong = []
    for name, tree in sources.items():
        refused = heavy if name in command_line else lazy_only
        for node in tree.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{name}:{node.lineno}: {n}" for n in names if n.split(".")[0] in refused]
    assert not wrong, "\n".join(wrong)


_OF_C = re.compile(r"^cdef (?!class |extern |inline )[\w \[\]:*]*?((?:\w+, )*\w+)$", re.MULTILINE)


def test_what_is_imported_can_be_seen(sources: dict[str, ast.Module]) -> None:
    """A module-level `cdef` name or function of a .pxd does not exist for Python once its module is compiled."""
    hidden = set()
    for path in (REPOSITORY / "sensor").glob("**/*.pxd"):
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        text = path.read_text()
        names = [name for found in _OF_C.findall(text) for name in found.split(", ")]
        names += re.findall(r"^cdef (?!class )[^(\n]*?(\w+)\(", text, re.MULTILINE)
        hidden |= {(module, name) for name in names}
    assert ("sensor.logs.parts", "_MAX_REMEMBERED_BYTES") in hidden
    assert ("sensor.capture.index", "u32") in hidden
    wrong = []
    for name, tree in sources.items():
        importer = ".".join(Path(name).with_suffix("").parts)
        declared = (REPOSITORY / name).with_suffix(".pxd")
        cimports = declared.read_text() if declared.exists() else ""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    known_to_c = re.search(rf"from {re.escape(node.module or '')} cimport .*\b{alias.name}\b", cimports)
                    if (node.module, alias.name) in hidden and not known_to_c:
                        wrong.append(f"{importer}:{node.lineno}: {alias.name}")
    assert not wrong
