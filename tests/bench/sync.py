"""`ocspwatch ct sync` against a log of our own, served by nginx (static-ct-api) and by a small RFC 6962 endpoint: how
fast entries are decoded, beside a loop over cryptography; how fast a whole sync is; and whether one that is killed at
random moments ends with the same store as one that nobody disturbed.

    python -m tests.bench.sync --entries 100000 --kills 12 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from sensor import build_mode
from sensor.ct.contents import contents_of
from sensor.ct.partitions import folder_of
from sensor.ct.rows import decode_row, decode_urls
from sensor.ct.stats import count_store
from sensor.sync.entry import EntryDecoder
from sensor.sync.merkle import Frontier
from tests.ct.pki import make_root
from tests.sync.ct_log import START_MS, WORDS, CtLog, Logged, certificate, log_list, tbs, usual_entries, x509_entry
from tests.sync.serving import LogServer, nginx, write_static

REPOSITORY = Path(__file__).resolve().parents[2]
_FILES = ("--set", "sync.flush_rows=512")
_CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"


def made_log(entries: int) -> CtLog:
    root = make_root("Bench Root")
    return CtLog("Bench Log", roots=[root.der]).add(usual_entries(root.intermediate("Bench Sub"), root, entries))


@contextlib.contextmanager
def served(log: CtLog, tiled: bool, folder: Path) -> Iterator[Path]:
    """The path of a log list with this one log, while it is served."""
    path = folder / "list.json"
    if not tiled:
        server = LogServer(log, tiled=False)
        path.write_bytes(log_list(server.listed()))
        yield path
        server.close()
        return
    root = folder / "static"
    write_static(log, root)
    with nginx(root, folder / "nginx") as url:
        log.origin = url.partition("://")[2].rstrip("/")
        write_static(log, root)
        path.write_bytes(log_list(log.listed(url, tiled=True) | {"submission_url": url}))
        yield path


def syncing(listed: Path, store: Path, *words: str) -> subprocess.Popen[bytes]:
    options = ["--set", "sync.requests_per_s=1000", "--set", "sync.batch_entries=512", *words]
    return subprocess.Popen(
        [sys.executable, "-c", _CODE, *options, "ct", "sync", "--once", "--log-list", str(listed), "--ct", str(store)],
        cwd=REPOSITORY,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def whole_sync(listed: Path, store: Path, *words: str) -> float:
    """Seconds of a sync that nobody disturbs."""
    began = time.monotonic()
    process = syncing(listed, store, *words)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, (out, err)
    return time.monotonic() - began


def killed_sync(listed: Path, store: Path, kills: int, within_s: float, seed: int) -> list[int]:
    """Where it stood (entries kept) when it was killed, each time; then it is let go on to its end. Nearly every batch
    ends with files written and merged, where an undisturbed sync of so few entries never gets to."""
    chance = random.Random(seed)
    stood: list[int] = []
    for _ in range(kills):
        process = syncing(listed, store, *_FILES)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=chance.uniform(0.5, within_s))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stood.append(kept(store))
    whole_sync(listed, store, *_FILES)
    return stood


def files(store: Path) -> int:
    """How many files of the bulk index there are."""
    return len(list(folder_of(store).glob("*.run")))


def kept(store: Path) -> int:
    if not store.exists():
        return 0
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return count_store(store, connection).certificates


def contents(store: Path) -> dict[tuple[object, ...], tuple[object, ...]]:
    """All a store says, but for numbers of its own and when it was learnt."""
    with contextlib.closing(sqlite3.connect(store)) as store_now, contents_of(store, store_now) as frozen:
        connection = frozen.connection
        urls = {number: decode_urls(blob) for number, blob in connection.execute("SELECT number, urls FROM url_set")}
        sources = dict(connection.execute("SELECT number, text FROM source"))
        issuers = {row[0]: row[1:] for row in connection.execute("SELECT * FROM issuer")}
        hashes = connection.execute("SELECT algorithm, name_hash, key_hash, issuer FROM issuer_hash").fetchall()
        found: dict[tuple[object, ...], tuple[object, ...]] = {("hash", *row[:3]): issuers[row[3]] for row in hashes}
        for _, issuer, serial, _, blob in frozen.rows():
            row = decode_row(blob)
            said = [
                getattr(row, name) for name in row.__struct_fields__ if name not in ("source", "learned_at", "urls")
            ]
            found["certificate", issuers[issuer], serial] = (*said, sources[row.source], urls[row.urls])
    return found


def realistic(count: int) -> list[Logged]:
    """Certificates as they are served, with three SCTs: 1.5 kB."""
    root = make_root("Bench Root")
    sub = root.intermediate("Bench Sub")
    entries = []
    for number in range(count):
        names = [f"{word}.site{number:07}.example" for word in WORDS[: 2 + number % 6]]
        der = certificate(sub, tbs(sub, number, names, scts=True))
        entries.append(x509_entry((sub.der, root.der), der, START_MS + number))
    return entries


def decode_rates(entries: list[Logged]) -> tuple[float, float, float]:
    """Entries a second on one core: ours with leaf hashes and tree, of either form; a plain loop over cryptography."""
    leaves = [(entry.leaf, entry.extra) for entry in entries]
    tile = b"".join(entry.tile_leaf for entry in entries)
    rates = []
    for tiled in (False, True):
        decoder = EntryDecoder(True, True, (), 0, 250, 1 << 20)
        began = time.process_time()
        if tiled:
            decoder.add_tile(tile, len(entries), 0, len(entries))
        else:
            for leaf, extra in leaves:
                decoder.add_leaf(leaf, extra)
        Frontier().extended(decoder.hashes)
        rates.append(len(entries) / (time.process_time() - began))
    ders = [entry.precertificate or entry.leaf[15:-2] for entry in entries]
    began = time.process_time()
    for der in ders:
        _by_cryptography(der)
    return rates[0], rates[1], len(entries) / (time.process_time() - began)


def _by_cryptography(der: bytes) -> tuple[object, ...]:
    """What one would write first: the same facts, no hashes."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses: list[str] = []
    with contextlib.suppress(x509.ExtensionNotFound):
        for access in certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value:
            addresses.append(access.access_location.value)
    with contextlib.suppress(x509.ExtensionNotFound):
        for point in certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value:
            addresses += [name.value for name in point.full_name or ()]
    return (
        certificate.serial_number,
        certificate.issuer.public_bytes(),
        certificate.subject.public_bytes(),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        names.get_values_for_type(x509.DNSName),
        addresses,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    log = made_log(args.entries)
    size = sum(len(entry.leaf) for entry in log.entries) / args.entries
    print(f"{args.entries:,} entries of {size:,.0f} octets (leaf) made in {time.monotonic() - began:.0f} s")
    usual = realistic(10_000)
    size = sum(len(entry.leaf) for entry in usual) / len(usual)
    leaves, tiles, plain = decode_rates(usual)
    print(f"of {size:,.0f} octets (leaf), with 2 to 8 names, decoded on one core ({build_mode()}):")
    print(f"{leaves:,.0f}/s (RFC 6962), {tiles:,.0f}/s (tiles); a loop over cryptography: {plain:,.0f}/s")
    with tempfile.TemporaryDirectory() as name:
        for tiled in (False, True):
            folder = Path(name) / str(tiled)
            folder.mkdir()
            with served(log, tiled, folder) as listed:
                seconds = whole_sync(listed, folder / "whole.sqlite")
                within_s = max(1.5, 2.5 * seconds / args.kills)
                stood = killed_sync(listed, folder / "killed.sqlite", args.kills, within_s, args.seed)
                made = files(folder / "killed.sqlite")
                same = contents(folder / "whole.sqlite") == contents(folder / "killed.sqlite")
            what = "static-ct-api, nginx" if tiled else "RFC 6962"
            rows = kept(folder / "whole.sqlite")
            print(
                f"{what}: {seconds:.1f} s, {args.entries / seconds:,.0f} entries/s, {rows:,} kept; "
                f"killed at {stood}, {made} files: {'the same store' if same else 'ANOTHER STORE'}"
            )


if __name__ == "__main__":
    main()
