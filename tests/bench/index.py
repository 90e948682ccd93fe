"""The bulk index (`ct.bulk`) with made-up rows as a sync gives them: how fast it takes them, how large it gets, and how
long a look-up takes, alone and by several processes while one writes: what `ct sync` does once it has decoded and
verified a batch. Processor time, since other work may go on.

    python -m tests.bench.index --rows 1000000
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from multiprocessing import SimpleQueue
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sensor.ct.bulk import FLUSH_ROWS
from sensor.ct.logged import LoggedCertificate, LoggedIssuer, LogPosition
from sensor.ct.lookup import Found
from sensor.ct.partitions import folder_of
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.ocsp.model import CertId
from sensor.pki.certificates import decode_certificate, key_info_der
from sensor.pki.issuers import issuer_hashes
from sensor.pki.serial import render_serial
from sensor.settings import CtSettings
from tests.ct.logs import logged_issuer
from tests.ct.pki import make_root

ISSUERS = 300
URL_SETS = 2000
NOW = 1_795_000_000
MONTHS = (20, 22, 20, 14, 6, 3, 3, 2, 2, 2, 2, 2, 1, 1)  # per cent of the rows, by months until they expire
LIFETIME_S = 90 * 86400
BEYOND = 1 << 28  # numbers that were never written
_BATCH = 8192
_LOG_ID = b"\x07" * 32


def serial(number: int) -> bytes:
    return b"\x04" + hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


def issuers_of(path: Path) -> list[LoggedIssuer]:
    """Those of the store at `path`; where it has none, new ones."""
    if not path.exists():
        root = make_root("Bench Root")
        return [logged_issuer(root.intermediate(f"Bench Issuer {number}")) for number in range(ISSUERS)]
    with closing(sqlite3.connect(path)) as connection:
        ders = [der for (der,) in connection.execute("SELECT certificate FROM issuer WHERE kind = 0 ORDER BY number")]
    found = []
    for der in ders:
        decoded = decode_certificate(der, 0)
        key = hashlib.sha256(key_info_der(der)).digest()
        found.append(LoggedIssuer(key, decoded.subject_der, decoded.key_octets, der))
    return found


class Asked:
    """The CertIDs of the made-up certificates."""

    def __init__(self, path: Path) -> None:
        self._hashes = [issuer_hashes(each.name, each.key_octets)[0] for each in issuers_of(path)]

    def cert_id(self, number: int) -> CertId:
        hashed = self._hashes[number % ISSUERS]
        return CertId(hashed.algorithm, hashed.name_hash, hashed.key_hash, render_serial(serial(number)))


def certificate(number: int, month: int, issuer: LoggedIssuer) -> LoggedCertificate:
    name = f"site{number:08}.example"
    names = (name, f"www.{name}") if number % 3 else (name, f"www.{name}", f"mail.{name}", f"api.{name}")
    begins = NOW + month * 2_629_746 - LIFETIME_S
    return LoggedCertificate(
        issuer_key_sha256=issuer.key_sha256,
        issuer_name=issuer.name,
        serial=serial(number),
        not_before=begins,
        not_after=begins + LIFETIME_S,
        subject=_name_der(name),
        dns_names=names,
        ip_addresses=(),
        email_addresses=(),
        ocsp_urls=(),
        crl_urls=(f"http://crl.example/{number % URL_SETS}.crl",),
        ca_issuer_urls=(),
        is_ca=False,
        must_staple=False,
        is_precertificate=True,
    )


def _name_der(common_name: str) -> bytes:
    """A Name (RFC 5280 4.1.2.4) of a common name of up to 100 characters."""
    octets = b"\x06\x03\x55\x04\x03\x0c" + len(common_name).to_bytes(1, "big") + common_name.encode()
    for tag in (b"\x30", b"\x31", b"\x30"):
        octets = tag + len(octets).to_bytes(1, "big") + octets
    return octets


def load(path: Path, first: int, count: int, flush_rows: int = FLUSH_ROWS) -> float:
    """Seconds of processor time; making the certificates up is not counted."""
    issuers = issuers_of(path)
    sink = StoreSink(path, 250, flush_rows)
    sink.add_issuers(issuers)
    chance = random.Random(first)
    spent = 0.0
    for begin in range(first, first + count, _BATCH):
        end = min(begin + _BATCH, first + count)
        months = chance.choices(range(len(MONTHS)), MONTHS, k=end - begin)
        made = [certificate(n, m, issuers[n % ISSUERS]) for n, m in zip(range(begin, end), months, strict=True)]
        began = time.process_time()
        sink.add(made, "a log", NOW)
        sink.commit(_LOG_ID, LogPosition(0, end, (_LOG_ID,), end, _LOG_ID, NOW * 1000, ""))
        spent += time.process_time() - began
    sink.close()
    return spent


class Looked(NamedTuple):
    """How many were found; microseconds a look-up, warm: processor time on average, and the median on the clock."""

    found: int
    processor: float
    clock: float


def look_up(path: Path, numbers: list[int]) -> Looked:
    """One after the other, as they come from the traffic, without the memory cache."""
    lookup = StoreLookup(CtSettings(str(path), busy_timeout_ms=50, memory_entries=16))
    asked = Asked(path)
    ids = [asked.cert_id(number) for number in numbers]
    warm = len(ids) // 4
    lookup.lookup(ids)
    found = 0
    taken = []
    now = time.perf_counter_ns
    began = time.process_time()
    for cert_id in ids[warm:]:
        before = now()
        (answer,) = lookup.lookup([cert_id])
        taken.append(now() - before)
        found += isinstance(answer, Found)
    spent = time.process_time() - began
    lookup.close()
    return Looked(found, spent / len(taken) * 1e6, median(taken) / 1e3)


def _reader(path: Path, numbers: list[int], said: SimpleQueue[list[Looked]]) -> None:
    said.put([look_up(path, numbers) for _ in range(3)])


def look_up_together(path: Path, rows: int, readers: int, looked: int, more: bool) -> tuple[Looked, int]:
    """The middle one of three rounds of each of several processes, and how many answers were wrong; `more`: while
    another one writes."""
    command = [sys.executable, "-m", "tests.bench.index", "--more", str(rows), "--path", str(path)]
    writer = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2]) if more else None
    numbers = random.Random(5).sample(range(rows), looked)
    said: SimpleQueue[list[Looked]] = SimpleQueue()
    rounds: list[Looked] = []
    try:
        if writer is not None:
            time.sleep(2)  # it is under way then; nothing depends on it
        processes = [multiprocessing.Process(target=_reader, args=(path, numbers, said)) for _ in range(readers)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            if process.exitcode == 0:
                rounds += said.get()
    finally:
        if writer is not None:
            writer.terminate()
            writer.wait()
    wrong = 3 * readers * (looked - looked // 4) - sum(each.found for each in rounds)
    middle = Looked(0, median(each.processor for each in rounds), median(each.clock for each in rounds))
    return middle, wrong


def size(path: Path) -> int:
    return sum(each.stat().st_blocks * 512 for each in [path, *folder_of(path).iterdir()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--more", type=int, help="only write, behind so many rows, until it is killed")
    parser.add_argument("--loaded", action="store_true", help="the rows are there")
    args = parser.parse_args()
    if args.more is not None:
        load(args.path, args.more, 1 << 40)
    with tempfile.TemporaryDirectory() as folder:
        path = args.path or Path(folder) / "ct.sqlite"
        began = time.monotonic()
        if not args.loaded:
            spent = load(path, 0, args.rows)
            rate, took = args.rows / spent, time.monotonic() - began
            print(f"{args.rows:,} rows: {rate:,.0f}/s of processor time ({took:.0f} s here)")
        files = list(folder_of(path).glob("*.run"))
        print(f"{size(path) / args.rows:.0f} octets a row, {len(files)} files", flush=True)
        looked = min(20_000, args.rows // 2)
        known = random.Random(3).sample(range(args.rows), looked)
        for what, numbers in (("found", known), ("not found", [args.rows + n + BEYOND for n in known])):
            each = look_up(path, numbers)
            print(
                f"{what}: {each.clock:.1f} us, {each.processor:.1f} of processor time ({each.found:,} found)",
                flush=True,
            )
        for more in (False, True):
            each, wrong = look_up_together(path, args.rows, 2, looked, more)
            what = "two processes, while one writes" if more else "two processes"
            print(f"{what}: {each.clock:.1f} us, {each.processor:.1f} of processor time; {wrong} wrong", flush=True)


if __name__ == "__main__":
    main()
