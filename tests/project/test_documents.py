"""README, ARCHITECTURE, CONTRIBUTING and CHANGELOG say what is true."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")


def _command_lines(document: str) -> list[list[str]]:
    """The words of every `ocspwatch ...` in a document's code blocks and code spans, comments and pipes cut off."""
    text = (REPOSITORY / document).read_text()
    code = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    found = []
    for line in "\n".join(code).splitlines():
        for part in re.split(r"[|;]|&&", line.partition("#")[0]):
            words = shlex.split(part) if part.count("'") % 2 == 0 and part.count('"') % 2 == 0 else part.split()
            if words[:1] == ["ocspwatch"] and len(words) > 1:
                found.append(words[1:])
    return found


def _help(*verbs: str) -> str:
    code = "import sys; from sensor.cli.main import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", code, *verbs, "--help"],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_documents_exist(document: str) -> None:
    helps: dict[tuple[str, ...], str] = {}

    def text(*verbs: str) -> str:
        if verbs not in helps:
            helps[verbs] = _help(*verbs)
        return helps[verbs]

    unknown = []
    for words in _command_lines(document):
        verbs: tuple[str, ...] = ()
        for word in words:
            if not re.fullmatch(r"[a-z]+", word) or not re.search(rf"(?m)(?<![-\w]){word}\b", text(*verbs)):
                break
            verbs += (word,)
            if verbs[0] not in ("ct", "rules"):
                break
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            if option not in text(*verbs) and option not in text():
                unknown.append(f"{document}: ocspwatch {' '.join(words)}: no {option}")
        if not verbs and not words[0].startswith("-"):
            unknown.append(f"{document}: ocspwatch {' '.join(words)}: no such verb")
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_files_lead_somewhere(document: str) -> None:
    text = (REPOSITORY / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (REPOSITORY / target).exists(), f"{document}: {target}"


def test_every_make_target_named_in_documents_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (REPOSITORY / "Makefile").read_text()))
    for document in DOCUMENTS:
        code = " ".join(re.findall(r"`([^`]+)`", (REPOSITORY / document).read_text()))
        for target in re.findall(r"\bmake ([a-z]+)", code):
            assert target in targets, f"{document}: make {target}"


def test_architecture_is_two_pages() -> None:
    assert len((REPOSITORY / "ARCHITECTURE.md").read_text().splitlines()) <= 130


def test_architecture_has_a_line_for_every_package() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    for folder in (path.parent for path in (REPOSITORY / "sensor").glob("*/__init__.py")):
        assert re.search(rf"(?m)^\s*{folder.name}/ ", text), folder.name


def test_changelog_format() -> None:
    """Newest first; a version is `## x.y.z (date)`, or `## Unreleased`; an entry begins with the area it is about."""
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    versions = re.findall(r"(?m)^## (.*)$", text)
    assert versions, "no version"
    for index, version in enumerate(versions):
        assert re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)", version) or (version == "Unreleased" and index == 0)
    for entry in re.findall(r"(?m)^- (.*)$", text):
        assert re.match(r"[a-z0-9_.]+(?:, [a-z0-9_.]+)*: \S", entry), entry


def test_the_version_is_in_the_changelog_or_unreleased() -> None:
    from sensor import __version__

    versions = re.findall(r"(?m)^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text())
    assert versions[0] in (__version__, "Unreleased")


def test_readme_has_the_log_reference_as_it_is_generated() -> None:
    from sensor.logs.reference import render_reference

    readme = (REPOSITORY / "README.md").read_text()
    made = re.search(r"<!-- made by `python -m sensor.logs.reference`.*?-->\n(.*)\n<!-- end", readme, re.DOTALL)
    assert made is not None
    assert made[1] == render_reference().replace("### ", "#### ").strip()


def test_readme_names_the_licence_of_scapy() -> None:
    assert re.search(r"scapy[^.]*GPL-2\.0-only", (REPOSITORY / "README.md").read_text(), re.DOTALL)
