"""Record pcaps/ocsp from real clients and servers. As root: python -m pcaps.ocsp.record [--only NAME ...] [--into DIR]

Without --only everything is recorded anew, with new certificates in certs/recorded/. With it, into another folder.
"""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pcaps.lab import ledger, truth
from pcaps.lab.netns import Lab
from pcaps.lab.recording import version
from pcaps.ocsp import clients, messages
from pcaps.ocsp.bench import SCENARIOS, Bench, Said, Scenario

HERE = Path(__file__).parent
ALWAYS = ("openssl", "nginx")


def record(bench: Bench, each: Scenario, target: Path) -> list[truth.Exchange]:
    """One capture; ValueError if it holds something else than the scenario means."""
    with bench.lab.record(target):
        wanted = each.run(bench)
    found = truth.exchanges(target)
    seen = [Said(row.serial or "", row.cert_status, row.response_status) for row in found]
    if collections.Counter(seen) != collections.Counter(wanted):
        raise ValueError(f"{each.name}: wanted {wanted}, recorded {seen}")
    return found


def main() -> int:
    """Exit code 1 if a scenario failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), help="these scenarios; needs --into")
    parser.add_argument("--into", type=Path, help="another folder; the committed captures stay")
    options = parser.parse_args()
    if options.only and not options.into:
        parser.error("--only makes certificates that do not fit the other captures: give --into")
    into: Path = options.into or HERE
    into.mkdir(parents=True, exist_ok=True)
    failed = 0
    entries: dict[str, ledger.Entry] = {}
    with tempfile.TemporaryDirectory(prefix="ocspwatch-lab-") as name, Lab(Path(name)) as lab:
        bench = Bench(lab)
        for each in SCENARIOS.values():
            if options.only and each.name not in options.only:
                continue
            target = into / f"{each.name}.pcap"
            try:
                found = record(bench, each, target)
            except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as reason:
                print(f"{each.name}: {type(reason).__name__}: {reason}", file=sys.stderr)
                failed += 1
                continue
            print(f"{each.name}: {len(found)} exchanges, {target.stat().st_size} bytes")
            tool = each.name.split("-")[0]
            programs = [*each.tools, *([tool] if tool == "curl" else []), *ALWAYS]
            tools = "; ".join(dict.fromkeys(version(program) for program in programs))
            today = dt.datetime.now(dt.UTC).date().isoformat()
            entries[f"ocsp/{each.name}.pcap"] = ledger.entry(
                "recorded", "ocsp/record.py", tools, today, each.shows, "tshark+openssl", found
            )
        if not options.only:
            certs = into / "certs" / "recorded"
            shutil.rmtree(certs, ignore_errors=True)
            certs.mkdir(parents=True)
            for file, pem in bench.certificates().items():
                (certs / file).write_bytes(pem)
    if into == HERE and not failed:
        ledger.enter(entries, "ocsp/record.py")
    return 1 if failed else 0


if __name__ == "__main__":
    assert clients and messages  # importing them registers their scenarios
    sys.exit(main())
