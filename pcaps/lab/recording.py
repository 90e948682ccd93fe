"""Scenarios recorded one by one into a folder of pcaps, with their certificates and their lines in the ledger."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from pcaps.lab import ledger, truth
from pcaps.lab.netns import Lab

_VERSION = {
    "openssl": "openssl version", "nginx": "nginx -v", "curl": "curl --version", "faketime": "faketime --version",
    "ocsptool": "ocsptool --version", "gnutls-cli": "gnutls-cli --version", "wget2": "wget2 --version",
    "java": "java -version", "stunnel4": "stunnel4 -version", "dirmngr": "dirmngr --version",
    "gpgsm": "gpgsm --version", "chromium": "chromium --version", "firefox-esr": "firefox-esr --version",
    "apache2": "apache2 -v", "dnsmasq": "dnsmasq --version", "wget": "wget --version",
}  # fmt: skip
_DEBIAN_PACKAGE = {"ocspclnt": "libnss3-tools", "cfssl": "golang-cfssl", "faketime": "faketime"}


class Bench(Protocol):
    """What a scenario runs on. `certificates`: what goes into the folder certs, by file name."""

    def certificates(self) -> Mapping[str, bytes]: ...


B = TypeVar("B", bound=Bench)
Scenarios = Mapping[str, tuple[Callable[[B], list[str]], str, str]]
"""By name: what is done, which returns the serial numbers it asks about; what it shows; with which program."""


def version(program: str) -> str:
    """Its own first line about itself, or Debian's version where it has none to give."""
    if package := _DEBIAN_PACKAGE.get(program):
        words = ["dpkg-query", "-W", "-f", "${Package} ${Version}", package]
    else:
        words = _VERSION[program].split()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if any(digit in line for digit in "0123456789")]
    return " ".join(next(line for line in lines if "operator" not in line and "[ ]" not in line).split()[:4])


def record_scenarios(folder: Path, doc: str | None, make_bench: Callable[[Lab], B], scenarios: Scenarios[B]) -> int:
    """The main function of `folder`/record.py; SystemExit if a capture holds another OCSP than its scenario means."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--into", type=Path, default=folder, help="another folder; the committed captures stay")
    into: Path = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    script = f"{folder.name}/record.py"
    entries = {}
    with tempfile.TemporaryDirectory(prefix="ocspwatch-lab-") as name, Lab(Path(name)) as lab:
        bench = make_bench(lab)
        for scenario, (run, shows, tool) in scenarios.items():
            target = into / f"{scenario}.pcap"
            with lab.record(target):
                wanted = run(bench)
            found = truth.exchanges(target)
            if [row.serial for row in found] != wanted or any(row.cert_status != "good" for row in found):
                raise SystemExit(f"{scenario}: wanted {wanted}, recorded {found}")
            tools = "; ".join(version(each) for each in (tool, "nginx"))
            today = dt.datetime.now(dt.UTC).date().isoformat()
            entries[f"{folder.name}/{scenario}.pcap"] = ledger.entry(
                "recorded", script, tools, today, shows, "tshark+openssl", found
            )
            print(f"{scenario}: {len(found)} exchanges, {target.stat().st_size} bytes")
        certs = into / "certs"
        shutil.rmtree(certs, ignore_errors=True)
        certs.mkdir(parents=True)
        for file, content in bench.certificates().items():
            (certs / file).write_bytes(content)
    if into == folder:
        ledger.enter(entries, script)
    return 0
