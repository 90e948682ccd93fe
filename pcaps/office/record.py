"""Record the office morning in real time. As root: python -m pcaps.office.record [--minutes 20] [--into DIR]

Ten machines go about their morning behind one uplink; the capture is what a SPAN port of that uplink would show.
`expected.md` and the ledger say who told the network what; they are made from the certificates and from what tshark
and OpenSSL read in the capture.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import shutil
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pcaps.lab import capturefile, ledger, truth
from pcaps.lab.browsers import chromium, firefox
from pcaps.lab.netns import Host, Lab
from pcaps.lab.recording import version
from pcaps.lab.services import start_nginx
from pcaps.lab.wire import Cert, request
from pcaps.ocsp.clients import JAVA_PROGRAM
from pcaps.office.cast import SITES, UNLISTED, Cast

HERE = Path(__file__).parent
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"
)
UDP = 17
PROGRAMS = ("firefox-esr", "chromium", "java", "openssl", "gnutls-cli", "wget2", "curl", "nginx")


@dataclass(frozen=True)
class Machine:
    address: str
    who: str
    asks_with: str


MACHINES = {
    "reception": Machine("10.20.0.21", "reception desk", "Firefox ESR 153"),
    "payroll": Machine("10.20.0.22", "payroll server", "Java 17"),
    "design": Machine("10.20.0.23", "design studio", "Chromium 156"),
    "watch": Machine("10.20.0.24", "monitoring box", "OpenSSL 3.0"),
    "script": Machine("10.20.0.25", "build machine", "GnuTLS 3.7 (gnutls-cli), wget2"),
    "windows": Machine("10.20.0.26", "Windows laptop", "curl, with the User-Agent of Windows CryptoAPI 10.0"),
    "board": Machine("10.20.0.27", "board room", "GnuTLS 3.7 (ocsptool) over IPv6"),
    "mac": Machine("10.20.0.28", "Mac", "curl, with the User-Agent and the explicit version of Apple trustd 2.1"),
    "guest": Machine("10.20.0.29", "guest, through the proxy", "curl"),
    "own": Machine("10.20.0.80", "the office's own web server", "nginx, refreshing its staple"),
}


class Morning:
    """The machines and what each of them does; `act` runs everything at its minute."""

    def __init__(self, lab: Lab, cast: Cast) -> None:
        self.cast, self.lab = cast, lab
        self.host: dict[str, Host] = {}
        for name, machine in MACHINES.items():
            last = machine.address.rsplit(".", 1)[1]
            self.host[name] = lab.client(name[:8], machine.address, f"2001:db8:20::{last}")
        (lab.folder / JAVA_PROGRAM.name).write_text(JAVA_PROGRAM.read_text())
        self.roots = [lab.folder / f"{name}-root.pem" for name in ("larkfield", "brightmere")]
        block = (
            "  server { listen 443 ssl; server_name www.office-supplies-ltd.example; resolver 10.20.0.1 ipv6=off;\n"
            f"    ssl_certificate {lab.folder}/own-chain.pem; ssl_certificate_key {lab.folder}/own-chain.key;\n"
            f"    ssl_trusted_certificate {lab.folder}/roots.pem; ssl_stapling on; ssl_stapling_verify on; }}\n"
        )
        start_nginx(self.host["own"], "own", block, [443])

    def firefox(self, *urls: str) -> None:
        firefox(self.host["reception"], self.roots, list(urls))

    def chromium(self, *urls: str) -> None:
        chromium(self.host["design"], self.roots, list(urls))

    def java(self, nickname: str) -> None:
        issuer = SITES[nickname][1]
        self.host["payroll"].run("java", JAVA_PROGRAM.name, f"{issuer}-root.pem", f"{nickname}.pem", f"{issuer}.pem")

    def openssl(self, *nicknames: str) -> None:
        issuer = SITES[nicknames[0]][1]
        url = {"larkfield": "http://ocsp.larkfield.example/", "brightmere": "http://ocsp.brightmere.example/ee/"}[
            issuer
        ]
        certs = [word for name in nicknames for word in ("-cert", f"{name}.pem")]
        self.host["watch"].run(
            "openssl", "ocsp", "-issuer", f"{issuer}.pem", *certs, "-url", url, "-CAfile", "roots.pem"
        )

    def gnutls(self, nickname: str) -> None:
        words = ("gnutls-cli", "--x509cafile=roots.pem", "--ocsp", SITES[nickname][0][0])
        self.host["script"].run(*words, stdin=b"GET / HTTP/1.0\r\n\r\n", check=False)

    def wget2(self, nickname: str) -> None:
        self.host["script"].run(
            "wget2", "-q", "--ca-certificate=roots.pem", "-O/dev/null", f"https://{SITES[nickname][0][0]}/"
        )

    def target(self, nickname: str, explicit: bool = False) -> str:
        """The GET's base64 for a certificate; `explicit`: with Apple's version."""
        text = truth.openssl_text(self._plain(nickname), "-reqin") or ""
        cert_id, _ = next(truth.cert_ids(text))
        number = self.cast.issued[nickname].cert.serial_number
        contents = number.to_bytes(number.bit_length() // 8 + 1, "big")
        about = Cert(bytes.fromhex(cert_id.issuer_name_hash), bytes.fromhex(cert_id.issuer_key_hash), contents)
        return quote(base64.b64encode(request(about, version=0 if explicit else None)).decode(), safe="")

    def _plain(self, nickname: str) -> bytes:
        issuer, path = SITES[nickname][1], self.lab.folder / f"{nickname}-req.der"
        words = (
            "openssl",
            "ocsp",
            "-issuer",
            f"{issuer}.pem",
            "-cert",
            f"{nickname}.pem",
            "-no_nonce",
            "-reqout",
            str(path),
        )
        self.lab.servers.run(*words)
        return path.read_bytes()

    def curl(self, name: str, *words: str) -> None:
        self.host[name].run("curl", "-s", "-o", "/dev/null", *words, check=False)

    def windows(self, nickname: str) -> None:
        agent = ("-A", "Microsoft-CryptoAPI/10.0", "-H", "Connection: Keep-Alive")
        base = {"larkfield": "http://ocsp.larkfield.example/", "brightmere": "http://ocsp.brightmere.example/ee/"}[
            SITES[nickname][1]
        ]
        self.curl("windows", *agent, base + self.target(nickname))

    def mac(self, nickname: str) -> None:
        agent = (
            "-A",
            "com.apple.trustd/2.1",
            "-H",
            "X-Apple-Request-UUID: 5EA5C0DE-7731-49F2-8B7A-10C24B1D6A35",
            "-H",
            "Accept-Language: en-gb",
        )
        base = {"larkfield": "http://ocsp.larkfield.example/", "brightmere": "http://ocsp.brightmere.example/ee/"}[
            SITES[nickname][1]
        ]
        self.curl("mac", *agent, base + self.target(nickname, explicit=True))

    def guest(self, nickname: str) -> None:
        self.curl(
            "guest", "-x", "http://proxy.office.example:3128", "http://ocsp.larkfield.example/" + self.target(nickname)
        )

    def board(self, nickname: str) -> None:
        issuer = SITES[nickname][1]
        words = (f"--load-cert={nickname}.pem", f"--load-issuer={issuer}.pem", f"--load-trust={issuer}.pem")
        self.host["board"].run("ocsptool", f"--ask=http://ocsp6.{issuer}.example/ee/", *words, check=False)

    def staple(self) -> None:
        words = ["openssl", "s_client", "-connect", "10.20.0.80:443", "-servername", "www.office-supplies-ltd.example"]
        self.host["windows"].run(*words, "-tls1_2", "-status", stdin=b"", check=False)

    def browse(self, name: str, *urls: str) -> None:
        self.curl(
            name, "-A", BROWSER, "--compressed", *[word for url in urls for word in (url, "-o", "/dev/null")][:-2]
        )

    def knock(self, name: str, port: int) -> None:
        """A connection to where nobody listens."""
        self.curl(name, "-m", "2", f"http://203.0.113.10:{port}/")

    def plan(self) -> list[tuple[float, Callable[[], None]]]:
        """Minute of the morning and what happens."""
        news, files = "http://www.morning-news.example", "http://files.river-gauge.example"
        intranet = "http://intranet.office.example"
        return [
            (0.1, lambda: self.browse("windows", f"{intranet}/proxy.pac", f"{intranet}/", f"{intranet}/phones.json")),
            (0.3, lambda: self.firefox(f"{news}/", "https://www.clinic-northside.example/")),
            (0.5, lambda: self.chromium(f"{news}/", "https://jobs-board.example/")),
            (1.2, lambda: self.java("payroll")),
            (
                1.9,
                lambda: self.browse(
                    "script", f"{files}/readings.csv.gz", f"{files}/readme.txt", f"{files}/firmware.bin"
                ),
            ),
            (2.4, lambda: self.openssl("outlet", "jobs", "payroll")),
            (3.0, lambda: self.mac("union")),
            (3.6, lambda: self.windows("payroll")),
            (
                4.1,
                lambda: self.browse(
                    "board", f"{news}/story1.html", f"{news}/photo2.jpg", f"{news}/style.css", f"{news}/missing.html"
                ),
            ),
            (
                4.8,
                lambda: self.chromium("https://edge.swiftcache.example/photo1.jpg", "https://www.union-vote.example/"),
            ),
            (5.5, lambda: self.gnutls("council")),
            (6.0, lambda: self.firefox("https://www.outlet-garden.example/")),
            (
                6.4,
                lambda: self.curl("windows", "-A", "Microsoft-CryptoAPI/10.0", "http://crl.larkfield.example/ca.crl"),
            ),
            (7.0, self.staple),
            (7.7, lambda: self.board("debts")),
            (8.2, lambda: self.knock("windows", 445)),
            (8.6, lambda: self.guest("clinic")),
            (9.3, lambda: self.chromium(f"{news}/story3.html", "https://portal.kiln-and-oak.example/")),
            (
                10.1,
                lambda: self.browse(
                    "mac", f"{news}/story2.html", f"{news}/photo2.jpg", f"{news}/logo.svg", f"{news}/favicon.ico"
                ),
            ),
            (10.9, lambda: self.wget2("jobs")),
            (
                11.5,
                lambda: self.browse(
                    "reception", "http://wiki.office.example:8080/", "http://wiki.office.example:8080/menu.pdf"
                ),
            ),
            (12.2, lambda: self.java("payroll")),
            (12.8, lambda: self.mac("shelter")),
            (13.4, lambda: self.openssl("outlet", "jobs", "payroll")),
            (14.0, lambda: self.windows("cdn")),
            (14.7, lambda: self.firefox("https://debt-advice.example/")),
            (15.3, lambda: self.browse("script", f"{files}/minutes.zip")),
            (15.9, lambda: self.mac("union")),
            (16.4, lambda: self.knock("guest", 3389)),
            (17.0, lambda: self.chromium("https://www.clinic-northside.example/")),
            (17.8, lambda: self.openssl("cdn")),
            (18.3, lambda: self.browse("board", f"{intranet}/menu.pdf")),
            (18.9, lambda: self.windows("jobs")),
            (
                19.5,
                lambda: self.browse(
                    "windows", f"{news}/", f"{news}/masthead.png", f"{news}/weather.json", f"{news}/dot.gif"
                ),
            ),
        ]

    def act(self, minutes: float) -> list[str]:
        """Everything at its time, scaled to `minutes`; what failed."""
        begin, failed, running = time.monotonic(), [], []

        def guarded(action: Callable[[], None], minute: float) -> None:
            try:
                action()
            except (OSError, RuntimeError, ValueError) as reason:
                failed.append(f"minute {minute}: {reason}")

        for minute, action in self.plan():
            time.sleep(max(0.0, begin + minute * 60 * minutes / 20 - time.monotonic()))
            thread = threading.Thread(target=guarded, args=(action, minute))
            thread.start()
            running.append(thread)
        for thread in running:
            thread.join()
        return failed


def registrable(name: str) -> str:
    """Under .example every second label is one: the public suffix list's default rule."""
    return ".".join(name.split(".")[-2:])


def grade(names: Sequence[str]) -> str:
    count = len({registrable(name) for name in names})
    return "exact" if count == 1 else "few" if count <= 10 else "many"


def describe(cast: Cast, rows: Sequence[truth.Exchange]) -> str:
    """expected.md: one line for each machine and certificate."""
    by_serial = {each.serial: nickname for nickname, each in cast.issued.items()}
    cas = {each.issued.serial: each.common_name for each in cast.cas.values()}
    machines = {machine.address: machine for machine in MACHINES.values()}
    machines |= {f"2001:db8:20::{address.rsplit('.', 1)[1]}": machine for address, machine in list(machines.items())}
    counts: dict[tuple[str, str], list[truth.Exchange]] = {}
    for row in rows:
        counts.setdefault((row.client, row.serial or ""), []).append(row)
    lines = []
    for (client, serial), found in sorted(counts.items(), key=lambda item: (item[0][0], item[1][0].ts or "")):
        machine = machines[client]
        if serial in cas:
            site, level = f"(only the CA: {cas[serial]})", "ca"
        elif by_serial[serial] == UNLISTED:
            site, level = f"not to be known: {SITES[UNLISTED][0][0]} is not in certs/", "unlisted"
        else:
            names = SITES[by_serial[serial]][0]
            level = grade(names)
            site = (
                registrable(names[0])
                if level == "exact"
                else f"{len(names)} names, {len(set(map(registrable, names)))} domains: {names[0]}, …"
            )
        status = sorted(
            {f"{row.cert_status}" + (f" ({row.revocation_reason})" if row.revocation_reason else "") for row in found}
        )
        methods = "/".join(sorted({row.method or "" for row in found}))
        cells = (
            client,
            machine.who,
            site,
            level,
            ", ".join(status),
            methods,
            machine.asks_with,
            len(found),
            f"`{serial}`",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |\n")
    head = (
        "# Who told the network what, in morning.pcapng\n\n"
        "Made by `record.py` together with the capture, from the certificates and from what tshark and OpenSSL\n"
        "read in it. `certs/` has every certificate but the unlisted one.\n\n"
        "| client | who | site | grade | status | method | software | times | serial |\n" + "|---" * 9 + "|\n"
    )
    sites = {
        registrable(SITES[by_serial[serial]][0][0])
        for _, serial in counts
        if serial in by_serial and grade(SITES[by_serial[serial]][0]) == "exact"
    }
    sites -= {registrable(SITES[UNLISTED][0][0])}
    tail = f"\n{len(rows)} certificates asked about, {len(counts)} different ones by client, "
    tail += f"{len(sites)} sites given away exactly.\n"
    return head + "".join(lines) + tail


def to_pcapng(source: Path) -> bytes:
    """tcpdump's microsecond pcap, little-endian, as pcapng; without DNS about names outside the lab (browsers ask)."""
    raw = source.read_bytes()
    packets, at = [], 24
    while at + 16 <= len(raw):
        seconds, fraction, size, _ = struct.unpack_from("<IIII", raw, at)
        frame = raw[at + 16 : at + 16 + size]
        if frame[12:14] != b"\x08\0" or frame[23] != UDP or b"\x07example\0" in frame:
            packets.append((seconds * 10**9 + fraction * 1000, frame))
        at += 16 + size
    return capturefile.pcapng(packets)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="how long the morning lasts")
    parser.add_argument("--into", type=Path, default=HERE, help="another folder; the committed capture stays")
    options = parser.parse_args()
    into: Path = options.into
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ocspwatch-lab-") as name, Lab(Path(name)) as lab:
        cast = Cast(lab)
        morning = Morning(lab, cast)
        raw = lab.folder / "morning.pcap"
        with lab.record(raw, "tcp or udp port 53"):
            failed = morning.act(options.minutes)
        target = into / "morning.pcapng"
        target.write_bytes(to_pcapng(raw))
        rows = truth.exchanges(target)
        print(f"{len(rows)} exchanges, {target.stat().st_size} bytes", *failed, sep="\n")
        (into / "expected.md").write_text(describe(cast, rows))
        certs = into / "certs"
        shutil.rmtree(certs, ignore_errors=True)
        certs.mkdir()
        for file, pem in cast.certificates().items():
            (certs / file).write_bytes(pem)
        if into == HERE and not failed:
            tools = "; ".join(version(program) for program in PROGRAMS)
            today = dt.datetime.now(dt.UTC).date().isoformat()
            shows = "20 minutes: ten machines browse, download, use TLS, ask responders; see office/expected.md"
            made = ledger.entry("recorded", "office/record.py", tools, today, shows, "tshark+openssl", rows)
            ledger.enter({"office/morning.pcapng": made}, "office/record.py")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
