"""A sensor on a SPAN port: real clients and servers talk, the kernel mirrors both directions to the sensor.

What `live` logs is what `replay` logs of a capture that tcpdump made at the same place at the same time.
"""

from __future__ import annotations

import collections
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from pcaps.lab.authority import Authority, write
from pcaps.lab.netns import OFFLOADS, Host, Lab, LabError, stop
from pcaps.lab.services import proxy, start_nginx, start_responder

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "sensor.cli.main"]
CLIENT_V4, CLIENT_V6, SERVER_V4, SERVER_V6 = "10.20.0.21", "2001:db8:20::21", "198.51.100.10", "2001:db8:80::10"
SAME = ("conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice", "weird")
DOWNLOAD = 3_000_000

pytestmark = pytest.mark.needs(
    "root", "namespaces", "ip", "tc", "ethtool", "tcpdump", "nginx", "openssl", "curl"
)  # fmt: skip  (one list)


class Place:
    """Servers, a client, and the sensor's namespace; certificates by nickname in the lab's folder."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.folder
        authority = Authority("Larkfield TLS CA", "Larkfield", dt.datetime.now(dt.UTC).replace(microsecond=0))
        self.good, self.bad = authority.issue(["shop.example"]), authority.issue(["gone.example"])
        for name, issued in (("ca", authority.issued), ("good", self.good), ("bad", self.bad)):
            write(self.folder, name, issued)
        lab.address(SERVER_V4, SERVER_V6)
        self.client = lab.client("c", CLIENT_V4, CLIENT_V6)
        lab.publish({"ocsp.example": [SERVER_V4], "ocsp6.example": [SERVER_V6], "www.example": [SERVER_V4]})
        self.sensor = lab.span(self.client)
        start_responder(lab, authority, 2560, name="responder", revoked={self.bad.serial: "keyCompromise"})
        (self.folder / "large.bin").write_bytes(bytes(range(256)) * (DOWNLOAD // 256))
        files = f"  server {{ listen 80; server_name www.example; root {self.folder}; }}\n"
        start_nginx(lab.servers, "web", proxy("ocsp.example ocsp6.example", 2560) + files, [80])

    def ask(self, name: str, host: str) -> None:
        files = ["-issuer", "ca.pem", "-cert", f"{name}.pem", "-CAfile", "ca.pem", "-header", f"Host={host}"]
        told = self.client.run("openssl", "ocsp", "-url", f"http://{host}/", *files)
        assert f"{name}.pem: {'good' if name == 'good' else 'revoked'}".encode() in told

    def talk(self) -> None:
        """OCSP by POST over IPv4 and IPv6, straight and through nginx; by GET; a download; a connection kept alive."""
        for name, host in (("good", "ocsp.example"), ("bad", "ocsp.example"), ("good", "ocsp6.example")):
            self.ask(name, host)
        self.ask("bad", f"{SERVER_V4}:2560")
        self.client.run("openssl", "ocsp", "-issuer", "ca.pem", "-cert", "good.pem", "-no_nonce", "-reqout", "good.req")
        target = "base64 -w0 good.req | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'"
        for _ in range(2):
            self.client.run("sh", "-c", f"curl -sS -o reply.bin http://ocsp.example/$({target})")
        kept = ["-H", "Content-Type: application/ocsp-request", "--data-binary", "@good.req", "http://ocsp.example/"]
        self.client.run("curl", "-sS", "-o", "one.bin", "-o", "two.bin", *kept, "http://ocsp.example/")
        self.client.run("curl", "-sS", "-o", "got.bin", "http://www.example/large.bin")
        assert (self.folder / "got.bin").stat().st_size == (self.folder / "large.bin").stat().st_size


@pytest.fixture(scope="module", autouse=True)
def one_processor() -> Generator[None]:
    """Who talks, on one processor: of packets that two hand on at a time, each socket has an order of its own."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    folder = tmp_path_factory.mktemp("span")
    folder.chmod(0o755)
    with Lab(folder) as lab:
        yield Place(lab)


def start_tcpdump(sensor: Host, target: Path) -> subprocess.Popen[bytes]:
    """Writing all TCP, with the kernel's own times, when this returns.

    Not in immediate mode: there each packet, however short, takes a slot as long as the longest, and a ring of 1,023
    slots loses packets when others use the machine. What is in a block that is not full comes within a second.
    """
    words = ["-i", "span0", "-s", "0", "-B", "65536", "--time-stamp-precision=nano", "-U", "-Z", "root"]
    process = sensor.start("tcpdump", *words, "-w", str(target), "tcp")
    deadline = time.monotonic() + 10
    while not (target.exists() and target.stat().st_size >= 24):
        if time.monotonic() > deadline:
            raise LabError("tcpdump did not start")
        time.sleep(0.05)
    return process


def tcpdump_lost(sensor: Host) -> int:
    """By its own account, when it has ended."""
    told = (sensor.lab.folder / f"{sensor.netns}-tcpdump.log").read_text()
    return int(re.findall(r"(\d+) packets? dropped by kernel", told)[-1])


def start_live(place: Place, logs: Path, *words: str) -> subprocess.Popen[str]:
    """Listening when this returns."""
    command = ["ip", "netns", "exec", place.sensor.netns, *COMMAND, "live", "--allow-root", "-i", "span0"]
    process = subprocess.Popen(
        [*command, "-o", str(logs), "--ct", str(place.folder / "ct.sqlite"), *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if "listening to" in line:
            return process
    raise AssertionError(told)


TIMES = ("ts", "duration", "response_delay")
NAMES = ("uid", "fuid", "orig_fuid", "resp_fuid", "orig_fuids", "resp_fuids", "id")


def rows(folder: Path, stream: str) -> list[dict[str, object]]:
    """In the order of time: `live` logs what times out when it does, `replay` when the next packet comes."""
    path = folder / f"{stream}.log"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted(found, key=lambda row: (row["ts"], row.get("id.orig_p", 0)))


def comparable(folder: Path) -> tuple[dict[str, list[dict[str, object]]], list[float]]:
    """All rows by log, with uids and fuids numbered as they come, and apart from them all times.

    Two sockets do not see a packet in the same microsecond, and names are made of times, too (locally made
    TCP carries the time of its sending where a socket would find that of its arrival).
    """
    numbers: dict[str, str] = {}
    times: list[float] = []

    def numbered(value: object) -> object:
        if isinstance(value, list):
            return [numbered(one) for one in value]
        return numbers.setdefault(str(value), f"name {len(numbers)}")

    logs = {}
    for stream in SAME:
        logs[stream] = found = rows(folder, stream)
        for row in found:
            times += [float(str(row.pop(field))) for field in TIMES if field in row]
            row |= {field: numbered(row[field]) for field in NAMES if field in row}
    return logs, times


@pytest.mark.parametrize("offloads", ["off", "on"])
def test_live_logs_what_replay_logs(place: Place, tmp_path: Path, offloads: str) -> None:
    """With segmentation left to the network card, frames of up to 64 KB pass; without, those of a wire."""
    for host, device in ((place.lab.servers, "br0"), (place.lab.servers, "vc"), (place.client, "eth0")):
        host.run("ethtool", "-K", device, *(word for name in OFFLOADS for word in (name, offloads)), check=False)
    subprocess.run(
        [*COMMAND, "ct", "import", "--ct", place.folder / "ct.sqlite", *place.folder.glob("*.pem")], check=True
    )
    capture = tmp_path / "span.pcap"
    live = start_live(place, tmp_path / "live")
    tcpdump = start_tcpdump(place.sensor, capture)
    place.talk()
    time.sleep(1.5)  # what closes connections passes, and tcpdump's last block
    stop(tcpdump, signal.SIGINT)
    assert not tcpdump_lost(place.sensor), "nothing to compare with"
    live.send_signal(signal.SIGTERM)
    out, err = live.communicate(timeout=10)
    assert live.returncode == 0, err
    assert "shop.example" in out
    replay = [*COMMAND, "replay", str(capture), "-o", str(tmp_path / "replay"), "--ct", str(place.folder / "ct.sqlite")]
    subprocess.run([*replay, "-q"], check=True, cwd=REPOSITORY)
    (lived, live_times), (replayed, replay_times) = comparable(tmp_path / "live"), comparable(tmp_path / "replay")
    for stream in SAME:
        assert lived[stream] == replayed[stream], stream
    assert max(abs(one - other) for one, other in zip(live_times, replay_times, strict=True)) < 0.005
    seen = rows(tmp_path / "live", "ocsp_exchange")
    assert collections.Counter((row["method"], row["cert_status"]) for row in seen) == {
        ("POST", "good"): 4,
        ("POST", "revoked"): 2,
        ("GET", "good"): 2,
    }
    assert {row["evidence"] for row in seen} == {"both"}
    bodies = [row["response_body_len"] for row in rows(tmp_path / "live", "http") if row["uri"] == "/large.bin"]
    assert bodies == [DOWNLOAD // 256 * 256]
    largest = subprocess.run(
        ["tcpdump", "-nr", str(capture), "greater", "1515"], check=True, capture_output=True
    ).stdout
    assert bool(largest) is (offloads == "on")
