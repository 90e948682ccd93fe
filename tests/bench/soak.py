"""Feeds a running `ocspwatch live` for a long time, and says whether it grew, leaked, or lost what no counter shows.

    python soak.py --seconds 3600 --rate 40 [--report OUT.json]

Runs as root, in a network namespace of its own, and takes little of the processor. RATE connections a second come out
of one recorded OCSP transaction, each from another client and port; every tenth is a SYN that nobody answers. Logs are
put aside, compressed and opened anew (SIGHUP) all the while. Memory and descriptors are read from /proc, from outside.
Its result is JSON; `problems` is empty if all was well.
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TRANSACTION = REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap"
CLIENTS = 2000
UNANSWERED = 10  # one connection in so many
FLOW_ENDS_S = 8  # after its last packet a flow is logged within this (close_linger_s, attempt_timeout_s, a tick)
WARM = 0.3  # share of the time that memory may take to become what it stays
GROWTH_KIB = 4096  # in the rest of it, measured by the slope
CLONE_NEWNET = 0x40000000  # linux/sched.h


def report_of_this_run() -> Path:
    """Where the soak that runs beside the other tests leaves its result: one place for all workers of a run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return Path(tempfile.gettempdir()) / f"ocspwatch-soak-{run}.json"


def frames(capture: Path) -> list[bytes]:
    """Of a microsecond pcap in this machine's byte order."""
    data, at, found = capture.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("@I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


def _updated(checksum: int, old: int, new: int) -> int:
    """RFC 1624, equation 3."""
    total = (~checksum & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def rewritten(frame: bytes, client: bytes, low: int, port: int) -> bytes:
    """An Ethernet, IPv4 and TCP frame with another client: the low half of its address and its port."""
    data = bytearray(frame)
    tcp = 14 + (data[14] & 15) * 4
    is_from = data[26:30] == client
    address, source = (28, tcp) if is_from else (32, tcp + 2)
    for place, new, checksums in ((address, low, (24, tcp + 16)), (source, port, (tcp + 16,))):
        old = struct.unpack_from(">H", data, place)[0]
        struct.pack_into(">H", data, place, new)
        for checksum in checksums:
            struct.pack_into(">H", data, checksum, _updated(struct.unpack_from(">H", data, checksum)[0], old, new))
    return bytes(data)


class Wire:
    """A cable in a network of this process's own; the sensor listens at `into`."""

    out, into = "soak0", "soak1"

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        for words in (
            f"link add {self.out} type veth peer {self.into}",
            f"link set {self.out} addrgenmode none arp off up",
            f"link set {self.into} addrgenmode none arp off up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((self.out, 0))
        self.sent = 0

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)
        self.sent += 1


class Sensor:
    """The command as it is run, and what can be seen of it from outside."""

    def __init__(self, folder: Path, rotate_s: int) -> None:
        self.logs = folder / "logs"
        self._errors = (folder / "errors").open("w+")
        user = [] if os.environ.get("SOAK_USER") is None else ["--set", f"service.user={os.environ['SOAK_USER']}"]
        settings = [f"logs.rotate_every_s={rotate_s}", "health.interval_s=5", "capture.ring_bytes=8388608"]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from sensor.cli.main import start; start()"),
                *(word for setting in settings for word in ("--set", setting)),
                *(*user, "live", *([] if user else ["--allow-root"]), "-i", Wire.into, "-o", str(self.logs)),
            ],
            cwd=REPOSITORY,
            env=os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        deadline = time.monotonic() + 60
        while "listening" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.said())
            time.sleep(0.05)
        pid = self.process.pid
        self.pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def resident_kib(self) -> list[int]:
        return [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 for pid in self.pids]

    def descriptors(self) -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids]

    def cpu_s(self) -> float:
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """Seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began

    def lines(self) -> dict[str, list[bytes]]:
        """All lines of each log, archives included."""
        found: dict[str, list[bytes]] = {}
        for path in sorted(self.logs.iterdir()):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if not data.endswith(b"\n"):
                raise RuntimeError(f"{path.name} ends within a line")
            found.setdefault(path.name.partition(".")[0], []).extend(data.splitlines())
        return found


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares: how much a second."""
    count = len(points)
    mean_x, mean_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def feed(sensor: Sensor, wire: Wire, seconds: float, rate: float, hup_s: float) -> tuple[Counter[str], list[tuple]]:
    """Until the time is over; what was sent, and samples (seconds, KiB of both processes, their descriptors)."""
    transaction = frames(TRANSACTION)
    client = transaction[0][26:30]
    sent: Counter[str] = Counter()
    samples: list[tuple] = []
    began = time.monotonic()
    next_sample, next_hup, number = began, began + hup_s, 0
    while (now := time.monotonic()) < began + seconds - FLOW_ENDS_S:
        if now >= next_sample:
            next_sample += max(1.0, seconds / 400)
            samples.append((now - began, sensor.resident_kib(), sensor.descriptors()))
        if now >= next_hup:
            next_hup += hup_s
            sensor.process.send_signal(signal.SIGHUP)
            sent["hups"] += 1
        low, port = 256 + number % CLIENTS, 1024 + (number + number // CLIENTS * 7) % 60000
        number += 1
        if number % UNANSWERED:
            for frame in transaction:
                wire.send(rewritten(frame, client, low, port))
            sent["transactions"] += 1
        else:
            wire.send(rewritten(transaction[0], client, low, port))
            sent["unanswered"] += 1
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
    time.sleep(FLOW_ENDS_S)
    return sent, samples


def judge(result: dict, lines: dict[str, list[bytes]], sent: Counter[str], frames_sent: int) -> list[str]:
    """What was not well."""
    connections = sent["transactions"] + sent["unanswered"]
    last = json.loads(lines["ocspwatch_stats"][-1])
    stats = [json.loads(line) for line in lines["stats"]]
    processed = sum(line["pkts_proc"] for line in stats)
    dropped = sum(line.get("pkts_dropped", 0) for line in stats)
    result["packets"] = {"sent": frames_sent, "processed": processed, "dropped": dropped}
    result["lines"] = {stream: len(found) for stream, found in sorted(lines.items())}
    problems = []
    if processed + dropped != frames_sent:
        problems.append(f"{frames_sent} packets sent, {processed} processed and {dropped} told as dropped")
    if not dropped:
        expected = {"conn": connections, "http": sent["transactions"], "leak": sent["transactions"]}
        for stream, count in expected.items():
            if len(lines.get(stream, ())) != count:
                problems.append(f"{stream}.log: {len(lines.get(stream, ()))} lines for {count}")
    if last.get("log_lines_dropped", 0):
        problems.append(f"{last['log_lines_dropped']} log lines dropped")
    if len(set(lines["conn"])) != len(lines["conn"]):
        problems.append("lines of conn.log twice")
    return problems


def soak(seconds: float, rate: float, folder: Path) -> dict:
    """The whole run; its result."""
    wire = Wire()
    sensor = Sensor(folder, rotate_s=max(10, int(seconds / 12)))
    began = time.monotonic()
    sent, samples = feed(sensor, wire, seconds, rate, hup_s=max(7.0, seconds / 37))
    cpu, elapsed = sensor.cpu_s(), time.monotonic() - began
    stopped_in = sensor.stop()
    lines = sensor.lines()
    warm = [sample for sample in samples if sample[0] >= WARM * seconds]
    result: dict = {
        "seconds": round(elapsed),
        "sent": dict(sent),
        "cpu_share": round(cpu / elapsed, 4),
        "stopped_in_s": round(stopped_in, 2),
        "archives": len(list(sensor.logs.glob("*.gz"))),
        "said": sensor.said(),
    }  # fmt: skip  (one line each)
    problems = judge(result, lines, sent, wire.sent)
    for place, name in enumerate(("parser", "log writer")):
        kib = [(at, float(resident[place])) for at, resident, _ in warm]
        per_s = slope(kib)
        held = [descriptors[place] for _, _, descriptors in warm]
        result[name] = {
            "first_kib": kib[0][1],
            "last_kib": kib[-1][1],
            "slope_kib_per_hour": round(per_s * 3600, 1),
            "descriptors": [min(held), max(held)],
        }  # fmt: skip  (one line each)
        if per_s * (kib[-1][0] - kib[0][0]) > GROWTH_KIB:
            problems.append(f"{name}: memory grows by {per_s * 3600:.0f} KiB an hour")
        if held[-1] > held[0] + (16 if place else 0):  # a log that got its first line, or is being compressed
            problems.append(f"{name}: descriptors grow from {held[0]} to {held[-1]}")
    if sensor.process.returncode not in (0, 3) or stopped_in > 5:
        problems.append(f"ended with {sensor.process.returncode} after {stopped_in:.1f} s")
    return result | {"problems": problems}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=40, help="connections a second")
    parser.add_argument("--report", type=Path, help="where the result goes (default: standard output)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ocspwatch-soak-") as folder:
        Path(folder).chmod(0o755)
        result = json.dumps(soak(args.seconds, args.rate, Path(folder)), indent=2)
    if args.report:
        unfinished = args.report.with_suffix(".partial")
        unfinished.write_text(result)
        unfinished.rename(args.report)
    else:
        print(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
