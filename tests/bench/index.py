"""The bulk index (`ct.bulk`) with made-up rows as a sync gives them: how fast it takes them, how large it gets, and how
long a look-up takes, alone and by several processes while one writes. Processor time, since other work may go on.

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
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

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
    """Seconds of processor time, the way of `ct sync` once it has decoded and verified a batch; making the
    certificates up is not counted."""
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


def look_up(path: Path, numbers: list[int]) -> tuple[int, float]:
    """How many were found, and microseconds of processor time each, warm."""
    lookup = StoreLookup(CtSettings(str(path), busy_timeout_ms=50, memory_entries=16))
    asked = Asked(path)
    ids = [asked.cert_id(number) for number in numbers]
    warm = len(ids) // 4
    lookup.lookup(ids)
    began = time.process_time()
    answers = lookup.lookup(ids[warm:])
    spent = time.process_time() - began
    lookup.close()
    return sum(isinstance(answer, Found) for answer in answers), spent / len(answers) * 1e6


def _reader(path: Path, numbers: list[int], slowest: Synchronized[float], wrong: Synchronized[int]) -> None:
    for _ in range(3):
        found, spent = look_up(path, numbers)
        with slowest:
            slowest.value = max(slowest.value, spent)
        with wrong:
            wrong.value += len(numbers) - len(numbers) // 4 - found


def look_up_while_writing(path: Path, rows: int, readers: int, looked: int) -> tuple[float, int]:
    """The slowest round of several processes, in microseconds a look-up, and how many answers were wrong."""
    command = [sys.executable, "-m", "tests.bench.index", "--more", str(rows), "--path", str(path)]
    writer = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])
    slowest, wrong = multiprocessing.Value("d", 0.0), multiprocessing.Value("i", 0)
    numbers = random.Random(5).sample(range(rows), looked)
    try:
        time.sleep(2)  # it is under way then; nothing depends on it
        processes = [
            multiprocessing.Process(target=_reader, args=(path, numbers, slowest, wrong)) for _ in range(readers)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            wrong.value += process.exitcode != 0
    finally:
        writer.terminate()
        writer.wait()
    return slowest.value, wrong.value


def size(path: Path) -> int:
    return sum(each.stat().st_blocks * 512 for each in [path, *folder_of(path).iterdir()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--more", type=int, help="only write, behind so many rows, until it is killed")
    args = parser.parse_args()
    if args.more is not None:
        load(args.path, args.more, 1 << 40)
    with tempfile.TemporaryDirectory() as folder:
        path = args.path or Path(folder) / "ct.sqlite"
        began = time.monotonic()
        spent = load(path, 0, args.rows)
        print(
            f"{args.rows:,} rows: {args.rows / spent:,.0f}/s of processor time ({time.monotonic() - began:.0f} s here)"
        )
        files = list(folder_of(path).glob("*.run"))
        print(f"{size(path) / args.rows:.0f} octets a row, {len(files)} files", flush=True)
        looked = min(20_000, args.rows // 2)
        known = random.Random(3).sample(range(args.rows), looked)
        for what, numbers in (("found", known), ("not found", [args.rows + n for n in known])):
            count, each = look_up(path, numbers)
            print(f"{what}: {each:.1f} us ({count:,} found)", flush=True)
        each, wrong = look_up_while_writing(path, args.rows, 2, looked)
        print(f"two processes, while one writes: {each:.1f} us at worst, {wrong} wrong answers")


if __name__ == "__main__":
    main()
