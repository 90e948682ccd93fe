"""The table of the rules that come with the program, for people: rules/README.md has it.

python -m sensor.rules.listing             # Markdown
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sensor.rules.document import Mistakes
from sensor.rules.loader import read_rules
from sensor.rules.rule import EventRule, Rule, RuleSet
from sensor.rules.shipped import shipped_folder
from sensor.settings import RuleSettings

_GROUPS: Final = (
    ("leak", "Privacy"),
    ("weird", "Imitation and oddities of OCSP"),
    ("ocsp_exchange", "OCSP: revocation, soundness, what hides in it"),
    ("crl", "CRLs"),
    ("cleartext", "What else is in the clear"),
    ("http", "HTTP"),
    ("conn", "Connections"),
    ("", "Correlations"),
)


def render_listing(rules: RuleSet) -> str:
    """Markdown: a heading and a table for each service, correlations last; rules in order of their files' names."""
    parts = []
    for service, heading in _GROUPS:
        found = [rule for rule in rules.rules if (rule.service if isinstance(rule, EventRule) else "") == service]
        if found:
            parts.append(f"#### {heading}\n\n| rule | level | finds | when |\n|---|---|---|---|\n")
            parts += [
                _row(rule, rule.head.id in rules.quiet) for rule in sorted(found, key=lambda each: each.head.file)
            ]
            parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _row(rule: Rule, is_quiet: bool) -> str:
    head = rule.head
    level = head.level.value if head.level is not None else ""
    note = "counted by others, no notice" if is_quiet else f"`{head.notice.note}`"
    return f"| [{head.title}]({head.file.name}) | {level} | {note} | {_first_sentence(head.description)} |\n"


def _first_sentence(text: str) -> str:
    words = text.replace("|", "\\|").split()
    taken: list[str] = []
    for word in words:
        taken.append(word)
        if word.endswith((".", ":")) and len(taken) > 3:
            break
    return " ".join(taken).rstrip(":.") + "."


def read_shipped(folder: Path) -> RuleSet:
    """The rules in a folder. Raises ValueError if one has a mistake."""
    mistakes = Mistakes()
    rules = read_rules([folder], RuleSettings(), mistakes)
    if mistakes.lines:
        raise ValueError("; ".join(mistakes.lines))
    return rules


def main(argv: Sequence[str] | Iterable[str] = ()) -> int:
    """0; 2 if there are no rules."""
    folder = shipped_folder()
    if folder is None or list(argv):
        sys.stderr.write("usage: python -m sensor.rules.listing (beside a folder of rules)\n")
        return 2
    sys.stdout.write(render_listing(read_shipped(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
