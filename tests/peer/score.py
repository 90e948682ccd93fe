"""Our logs of every public capture against Zeek's own, field by field, as `zeekdiff` counts them.

usage: python -m tests.peer.score [--only TEXT] [--worst N] [--log LOG] [--update]

Prints the totals of each log, and where they come from. The comparison is zeekdiff's (../shared/tools), not ours.
--update writes scores.json and README.md anew: scores may only rise, and each difference needs a reason (reasons.py).
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sensor.capture.inputs import open_inputs
from sensor.capture.source import CaptureError
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.folder import FolderSink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Accounts, Pipeline
from sensor.settings import LogSettings, Settings
from tests.peer.reasons import REASONS, Reason, reason_for

SHARED = Path(__file__).parents[3] / "shared"
CORPUS = SHARED / "corpus"
SCORES = Path(__file__).with_name("scores.json")
README = Path(__file__).with_name("README.md")
LOGS = ("conn", "http", "files", "ocsp")
EVERY = 1_000_000
"""Examples that zeekdiff is asked for: all of them."""
SETTINGS = Settings(logs=LogSettings(community_id=True))


def load_zeekdiff() -> ModuleType:
    """The comparison tool, which is a script without an ending."""
    loader = importlib.machinery.SourceFileLoader("zeekdiff", str(SHARED / "tools" / "zeekdiff"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("zeekdiff", loader))  # type: ignore[arg-type]
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def replay(capture: Path, folder: Path, settings: Settings = SETTINGS) -> tuple[Accounts, bool]:
    """Replays one capture into a folder, as the command does; where the frames went, and whether all was read."""
    source = open_inputs([str(capture)], settings.capture)
    writer = LogWriter(settings.logs, settings.flow.local_nets, FolderSink(folder))
    pipeline = Pipeline(settings, MemoryLookup(), writer, None)
    try:
        pipeline.run(source)
    finally:
        writer.close()
        source.close()
    return pipeline.accounts(), source.complete


def compared() -> list[tuple[str, Path, Path]]:
    """(name, capture, Zeek's folder) of every capture that Zeek could read."""
    zeek = CORPUS / "zeek"
    folders = sorted({log.parent for log in zeek.rglob("*.log")})
    return [(str(f.relative_to(zeek)), CORPUS / "captures" / f.relative_to(zeek), f) for f in folders]


def score(only: str = "") -> tuple[dict[str, Counter[str]], list[tuple[int, str, dict[str, Any]]]]:
    """Totals of each log, and (disagreements, capture, zeekdiff's result) of each capture and log that has any."""
    zeekdiff = load_zeekdiff()
    totals: dict[str, Counter[str]] = {log: Counter() for log in LOGS}
    differing = []
    for name, capture, zeek in compared():
        if only not in name:
            continue
        with tempfile.TemporaryDirectory() as made:
            ours = Path(made)
            try:
                replay(capture, ours)
            except CaptureError:
                continue
            for log in LOGS:
                left, right = zeekdiff.load(zeek, log, False), zeekdiff.load(ours, log, False)
                if not left and not right:
                    continue
                result = zeekdiff.compare(log, left, right, EVERY)
                for key in ("zeek", "ours", "paired", "missing", "extra", "fields_agree", "fields_total"):
                    totals[log][key] += result[key] if isinstance(result[key], int) else len(result[key])
                for field, cell in result["fields"].items():
                    totals[log][f"{field} differs"] += cell["of"] - cell["agree"]
                wrong = result["fields_total"] - result["fields_agree"] + result["missing"] + result["extra"]
                if wrong:
                    differing.append((wrong, name, result))
    differing.sort(key=lambda item: -item[0])
    return totals, differing


class Difference(NamedTuple):
    """`count` times one field of one log of one capture; the field may be `missing` or `extra`, of whole records."""

    log: str
    capture: str
    field: str
    count: int
    examples: list[dict[str, Any]]


def differences(differing: list[tuple[int, str, dict[str, Any]]]) -> list[Difference]:
    """Each of them, in the order of captures."""
    found = []
    for _, capture, result in differing:
        for field, cell in result["fields"].items():
            if cell["agree"] < cell["of"]:
                found.append(Difference(result["log"], capture, field, cell["of"] - cell["agree"], cell["examples"]))
        for what in ("missing", "extra"):
            if result[what]:
                found.append(Difference(result["log"], capture, what, result[what], result[f"{what}_examples"]))
    return sorted(found, key=lambda difference: difference[:3])


def percent(part: int, whole: int) -> str:
    """Rounded down, so that 100.00 is all."""
    return f"{int(10000 * part / whole) / 100:.2f}" if whole else "-"


def counted(totals: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """What scores.json keeps of the totals."""
    kept = ("zeek", "ours", "paired", "fields_agree", "fields_total")
    return {log: {key: counts[key] for key in kept} for log, counts in totals.items()}


def table(totals: dict[str, Counter[str]]) -> list[str]:
    """The scores, as README.md has them."""
    lines = [
        "| log | records of Zeek's | of ours | paired | % | fields that agree | of | % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for log, n in counted(totals).items():
        pairs, fields = percent(n["paired"], n["zeek"]), percent(n["fields_agree"], n["fields_total"])
        lines.append(
            f"| {log} | {n['zeek']} | {n['ours']} | {n['paired']} | {pairs} "
            f"| {n['fields_agree']} | {n['fields_total']} | {fields} |"
        )
    return lines


def explained(found: list[Difference], right: bool) -> list[str]:
    """The reasons of one kind with what each explains, as README.md has them."""
    lines = []
    for reason in REASONS:
        mine = [d for d in found if reason_for(d.log, d.capture, d.field) is reason]
        if reason.right is not right or not mine:
            continue
        lines += ["", f"**{reason.title}.** {reason.text}", "", *_listed(reason, mine)]
    return lines


def _listed(reason: Reason, mine: list[Difference]) -> list[str]:
    fields: dict[str, Counter[str]] = {}
    for d in mine:
        fields.setdefault(d.log, Counter())[d.field] += d.count
    counts = [
        f"{log}: " + ", ".join(f"{n} {field}" for field, n in sorted(of.items())) for log, of in sorted(fields.items())
    ]
    captures = sorted({d.capture for d in mine})
    if reason.captures == ("*",) or len(captures) > 30:
        return [f"{'; '.join(counts)}, in {len(captures)} captures."]
    return [f"{'; '.join(counts)}, in", "", *(f"- `{capture}`" for capture in captures)]


def readme(totals: dict[str, Counter[str]], found: list[Difference]) -> str:
    """README.md with the scores and differences of now."""
    text = README.read_text()
    for name, lines in (
        ("scores", table(totals)),
        ("right", explained(found, True)),
        ("gaps", explained(found, False)),
    ):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = text.partition(begin)
        text = "\n".join([head + begin, *lines, end + rest.partition(end)[2]])
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--worst", type=int, default=20)
    parser.add_argument("--log", action="append", choices=LOGS)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    totals, differing = score("" if args.update else args.only)
    if args.update:
        SCORES.write_text(json.dumps(counted(totals), indent=2) + "\n")
        README.write_text(readme(totals, differences(differing)))
    for log, counts in totals.items():
        share = 100 * counts["fields_agree"] / counts["fields_total"] if counts["fields_total"] else 0.0
        pairs = 100 * counts["paired"] / counts["zeek"] if counts["zeek"] else 0.0
        print(
            f"{log}: zeek {counts['zeek']} ours {counts['ours']} paired {counts['paired']} ({pairs:.2f} %) "
            f"missing {counts['missing']} extra {counts['extra']}; fields {counts['fields_agree']}/"
            f"{counts['fields_total']} ({share:.2f} %)"
        )
        print("   ", {key: n for key, n in counts.items() if key.endswith(" differs") and n})
    chosen = [item for item in differing if not args.log or item[2]["log"] in args.log]
    for wrong, name, result in chosen[: args.worst]:
        print(f"{wrong} {result['log']} {name}: zeek {result['zeek']} ours {result['ours']} paired {result['paired']}")
        for field, cell in result["fields"].items():
            if cell["agree"] < cell["of"]:
                print(
                    "   ",
                    field,
                    f"{cell['agree']}/{cell['of']}",
                    [(e["zeek"], e["ours"]) for e in cell["examples"][:2]],
                )
        for what in ("missing", "extra"):
            for row in result[f"{what}_examples"][:1]:
                print("   ", what, json.dumps(row)[:300])
    return 0


if __name__ == "__main__":
    sys.exit(main())
