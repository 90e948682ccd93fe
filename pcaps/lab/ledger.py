"""expected.json: for every capture where it comes from, what it shows, and the exchanges that are in it.

A script adds its captures with `enter`; `python -m pcaps.lab.ledger` makes the table in README.md from it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from pcaps.lab.truth import Exchange

PCAPS = Path(__file__).parents[1]
LEDGER = PCAPS / "expected.json"
README = PCAPS / "README.md"
BEGIN, END = "<!-- captures: begin (python -m pcaps.lab.ledger) -->", "<!-- captures: end -->"


class Entry(TypedDict):
    """`checked_by` is "tshark+openssl" where these read all of it, else "construction": the script knows."""

    origin: str
    script: str
    tools: str
    date: str
    shows: str
    checked_by: str
    exchanges: list[dict[str, object]]


def read() -> dict[str, Entry]:
    """The whole ledger, by path below pcaps/."""
    found: dict[str, Entry] = json.loads(LEDGER.read_text()) if LEDGER.exists() else {}
    return found


def entry(
    origin: str, script: str, tools: str, date: str, shows: str, checked_by: str, exchanges: Sequence[Exchange]
) -> Entry:  # fmt: skip
    return Entry(
        origin=origin, script=script, tools=tools, date=date, shows=shows, checked_by=checked_by,
        exchanges=[each.as_json() for each in exchanges],
    )  # fmt: skip


def enter(entries: dict[str, Entry], script: str) -> None:
    """Replace what `script` entered before by `entries`, by path below pcaps/, and make the README's table again."""
    kept = {path: each for path, each in read().items() if each["script"] != script}
    LEDGER.write_text(render({**kept, **entries}))
    write_table()


def render(ledger: dict[str, Entry]) -> str:
    """JSON with one line an exchange, captures in order of their paths."""
    blocks = []
    for path in sorted(ledger):
        head = {key: value for key, value in ledger[path].items() if key != "exchanges"}
        lines = [f"    {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        rows = ",\n".join(f"      {json.dumps(each)}" for each in ledger[path]["exchanges"])
        lines.append(f'    "exchanges": [\n{rows}\n    ]' if rows else '    "exchanges": []')
        blocks.append(f"  {json.dumps(path)}: {{\n" + "\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def result(each: Entry) -> str:
    """What comes out, in a few words: for the table."""
    words: dict[str, int] = {}
    for exchange in each["exchanges"]:
        reply = exchange.get("cert_status") or exchange.get("response_status")
        if reply == "successful":
            reply = "answer about another certificate"
        if reply is None:
            reply = f"HTTP {exchange['http_status']}" if "http_status" in exchange else "no answer"
        if "revocation_reason" in exchange:
            reply = f"{reply} ({exchange['revocation_reason']})"
        method = exchange.get("method", "reply alone")
        text = f"{method}: {reply}"
        words[text] = words.get(text, 0) + 1
    return ", ".join(text if count == 1 else f"{count} x {text}" for text, count in words.items()) or "no OCSP"


def table() -> str:
    """The list of captures as Markdown, one table a folder."""
    ledger = read()
    parts = []
    for folder in sorted({path.split("/")[0] for path in ledger}):
        parts.append(f"### {folder}/\n\n| capture | origin | shows | OCSP in it |\n|---|---|---|---|\n")
        for path in sorted(path for path in ledger if path.startswith(folder + "/")):
            each = ledger[path]
            origin = f"{each['origin']} {each['date']} by `{each['script']}`: {each['tools']}"
            if each["origin"] == "crafted":
                origin = f"crafted by `{each['script']}`"
            parts.append(f"| `{path.split('/', 1)[1]}` | {origin} | {each['shows']} | {result(each)} |\n")
        parts.append("\n")
    return "".join(parts)


def write_table() -> None:
    """README.md with the table as the ledger has it."""
    text = README.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{table()}{END}{after}")


if __name__ == "__main__":
    write_table()
