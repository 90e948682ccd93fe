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
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from sensor.ct.bulk import FLUSH_ROWS, BulkRows
from sensor.ct.lookup import Found
from sensor.ct.partitions import folder_of
from sensor.ct.rows import Row, encode_urls
from sensor.ct.schema import open_to_write
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.pki.serial import render_serial
from sensor.settings import CtSettings

ISSUERS = 300
URL_SETS = 2000
NOW = 1_795_000_000
MONTHS = (20, 22, 20, 14, 6, 3, 3, 2, 2, 2, 2, 2, 1, 1)  # per cent of the rows, by months until they expire
_BATCH = 8192


def serial(number: int) -> bytes:
    return b"\x04" + hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


def issuer_hash(issuer: int, what: bytes) -> bytes:
    return hashlib.sha1(what + issuer.to_bytes(4, "big"), usedforsecurity=False).digest()


def cert_id(number: int) -> CertId:
    issuer = number % ISSUERS + 1
    name, key = issuer_hash(issuer, b"name"), issuer_hash(issuer, b"key")
    return CertId("sha1", name, key, render_serial(serial(number)))


def row(number: int, month: int) -> Row:
    name = f"site{number:08}.example"
    names = (name, f"www.{name}") if number % 3 else (name, f"www.{name}", f"mail.{name}", f"api.{name}")
    begins = NOW + month * 2_629_746 - 90 * 86400
    return Row(1, NOW, begins, 90 * 86400, 4, number % URL_SETS + 1, 0, names)


def make_shared(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("INSERT OR IGNORE INTO source VALUES (1, 'log')")
    for number in range(1, URL_SETS + 1):
        urls = encode_urls(((), (f"http://crl.example/{number}.crl",)))
        connection.execute("INSERT OR IGNORE INTO url_set VALUES (?, ?)", (number, urls))
    for number in range(1, ISSUERS + 1):
        values = (number, 0, f"CN=Issuer {number}", number.to_bytes(4, "big"), f"Issuer {number}", b"")
        connection.execute("INSERT OR IGNORE INTO issuer VALUES (?, ?, ?, ?, ?, ?)", values)
        hashes = (issuer_hash(number, b"name"), issuer_hash(number, b"key"), number)
        connection.execute("INSERT OR IGNORE INTO issuer_hash VALUES (0, ?, ?, ?)", hashes)
    connection.execute("COMMIT")


def load(path: Path, first: int, count: int, flush_rows: int = FLUSH_ROWS) -> float:
    """Seconds of processor time; making the rows up is not counted."""
    connection = open_to_write(path)
    connection.execute("PRAGMA synchronous=FULL")
    make_shared(connection)
    bulk = BulkRows(path, connection, 250, flush_rows)
    chance = random.Random(first)
    spent = 0.0
    for begin in range(first, first + count, _BATCH):
        numbers = range(begin, min(begin + _BATCH, first + count))
        months = chance.choices(range(len(MONTHS)), MONTHS, k=len(numbers))
        rows = [(n % ISSUERS + 1, serial(n), row(n, month)) for n, month in zip(numbers, months, strict=True)]
        began = time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        for issuer, number, each in rows:
            bulk.put(issuer, number, each, True)
        connection.execute("COMMIT")
        if bulk.is_full:
            bulk.flush()
        spent += time.process_time() - began
    bulk.close()
    connection.close()
    return spent


def look_up(path: Path, numbers: list[int]) -> tuple[int, float]:
    """How many were found, and microseconds of processor time each, warm."""
    lookup = StoreLookup(CtSettings(str(path), busy_timeout_ms=50, memory_entries=16))
    ids = [cert_id(number) for number in numbers]
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
