"""What `--online crt.sh` costs the packet path when crt.sh is hostile: a load of whose certificates the cache knows the
CA alone, read with the cache alone and in turn with a crt.sh on loopback that answers as tests.crtsh.faults have it,
that has forged certificates with these serial numbers ("forged"), or that tells the truth ("truth", for comparison).

    python -m tests.bench.online --transactions 20000

The first rate is of the processor time that the thread takes which reads packets, since other work may go on. The
second is by the clock: whoever keeps the interpreter keeps that thread waiting, which costs it no processor time. It
means something on a quiet machine only.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import sensor
from sensor.capture.inputs import open_inputs
from sensor.crtsh.desk import open_desk
from sensor.crtsh.lookup import OnlineLookup
from sensor.ct.lookup import Answer, CtLookup
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import CertId
from sensor.pipeline import Pipeline
from sensor.pki.certificates import decode_certificate
from sensor.settings import CtSettings, OnlineSettings, Settings
from tests.bench.mkload import make_load
from tests.crtsh.faults import FAULTS
from tests.crtsh.server import CrtSh, make_tls

HASTE = {"min_delay_s": 0.01, "max_delay_s": 0.02, "requests_per_minute": 6000.0, "burst": 1000}
PATIENCE = {"timeout_s": 0.5, "wait_at_end_s": 1.0, "breaker_failures": 1000, "failure_ttl_s": 1.0}
KINDS = ["truth", "forged", *sorted(FAULTS)]
CA_FILE = "tls-ca.pem"
PACKETS_A_TRANSACTION = 10
REPOSITORY = Path(__file__).resolve().parents[2]


class Run(NamedTuple):
    """`seconds` of the reading thread's processor time, `elapsed` by the clock; `named`: leaks with a site."""

    seconds: float
    elapsed: float
    leaks: int
    named: int
    requests: int


class Load(NamedTuple):
    """A capture, the certificates asked about in it, and a cache that knows their CA; `folder` is for what is made."""

    capture: Path
    certificates: Path
    cache: Path
    folder: Path


def made_load(folder: Path, transactions: int) -> Load:
    load = Load(folder / "load.pcap", folder / "certificates.pem", folder / "ct.sqlite", folder)
    make_load("dense", transactions, load.capture, load.certificates)
    store = Store(load.cache, 250)
    with store.batch():
        store.add(decode_certificate(_ders(load.certificates)[0], 250), "load", 0)
    store.close()
    return load


def _ders(certificates: Path) -> list[bytes]:
    """The CA's first."""
    return [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(certificates.read_bytes())]


def run(load: Load, url: str | None) -> Run:
    """Reads the load, and with `url` asks the crt.sh there; what was learnt is forgotten."""
    with tempfile.TemporaryDirectory(dir=load.folder) as fresh:
        path = Path(fresh) / "ct.sqlite"
        shutil.copy(load.cache, path)
        settings = Settings(ct=CtSettings(path=str(path)))
        lookup = StoreLookup(settings.ct)
        if url is None:
            return _read(load.capture, settings, lookup, None)
        asking = OnlineSettings(crtsh_url=url, **HASTE, **PATIENCE)  # type: ignore[arg-type]  # of two types
        stop = threading.Event()
        desk = open_desk(path, settings.ct, asking, stop)
        online = OnlineLookup(lookup, desk, partial(_look_again, settings.ct), asking, stop)
        return _read(load.capture, settings, online, online)


def _look_again(settings: CtSettings, cert_id: CertId) -> Answer:
    with closing(StoreLookup(settings)) as again:
        return again.lookup([cert_id])[0]


def _read(capture: Path, settings: Settings, lookup: CtLookup, online: OnlineLookup | None) -> Run:
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, lookup, writer, None)
    source = open_inputs([str(capture)], settings.capture)
    gc.collect()
    began, started = time.thread_time(), time.perf_counter()
    for batch in source.batches():
        pipeline.feed(batch)
    seconds, elapsed = time.thread_time() - began, time.perf_counter() - started
    pipeline.finish()
    writer.close()
    lookup.close()
    leaks = sink.records("leak")
    named = sum(1 for leak in leaks if "site" in leak or "names" in leak)
    return Run(seconds, elapsed, len(leaks), named, 0 if online is None else online.requests)


@contextlib.contextmanager
def hostile(fault: str, load: Load) -> Iterator[str]:
    """The address of a crt.sh in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.online", "--serve", fault, "--certificates", str(load.certificates)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()  # it serves until then
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve(fault: str, certificates: Path) -> None:
    """Says where it is, and serves until standard input ends."""
    with tempfile.TemporaryDirectory(dir=certificates.parent) as own:
        tls = make_tls(Path(own))
        tls.ca.replace(certificates.with_name(CA_FILE))
        server = CrtSh(tls.good)
        ders = _ders(certificates)
        server.add(*(_forged(ders) if fault == "forged" else ders))
        server.misbehave = FAULTS.get(fault)
        print(server.url, flush=True)
        sys.stdin.read()
    os._exit(0)  # those who drip and hang need not be waited for


def _forged(ders: list[bytes]) -> list[bytes]:
    """As these, and all others' names: signed by a key that is not the CA's, whose certificate is among them."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = []
    for der in ders:
        true = x509.load_der_x509_certificate(der)
        builder = x509.CertificateBuilder().issuer_name(true.issuer).serial_number(true.serial_number)
        builder = builder.subject_name(true.issuer if der == ders[0] else x509.Name([]))
        builder = builder.not_valid_before(true.not_valid_before_utc).not_valid_after(true.not_valid_after_utc)
        builder = builder.public_key(key.public_key())
        for extension, critical in (
            (x509.BasicConstraints(der == ders[0], None), True),
            (x509.SubjectAlternativeName([x509.DNSName("forged.example")]), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical)
        made.append(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    return made


class Compared(NamedTuple):
    """`ratio`: the rate with a hostile crt.sh to the rate without one, by processor time, `by_clock`, by the clock;
    `alone`: leaks without one."""

    ratio: float
    by_clock: float
    requests: int
    named: int
    leaks: int
    alone: int


def compare(load: Load, fault: str, rounds: int) -> Compared:
    """Runs without and with, in turn."""
    alone, asking = [], []
    with hostile(fault, load) as url:
        os.environ["SSL_CERT_FILE"] = str(load.folder / CA_FILE)
        os.environ["NO_PROXY"] = "127.0.0.1"
        for _ in range(rounds):
            alone.append(run(load, None))
            asking.append(run(load, url))
    ratio = median(each.seconds for each in alone) / median(each.seconds for each in asking)
    by_clock = median(each.elapsed for each in alone) / median(each.elapsed for each in asking)
    requests, named = sum(each.requests for each in asking), sum(each.named for each in asking)
    return Compared(
        ratio, by_clock, requests, named, min(each.leaks for each in asking), max(each.leaks for each in alone)
    )


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transactions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--serve", choices=KINDS, help="be that crt.sh until standard input ends")
    parser.add_argument("--certificates", type=Path, help="what --serve knows")
    args = parser.parse_args()
    if args.serve is not None:
        serve(args.serve, args.certificates)
    with tempfile.TemporaryDirectory() as name:
        load = made_load(Path(name), args.transactions)
        run(load, None)
        first = run(load, None)
        rate = PACKETS_A_TRANSACTION * args.transactions / first.seconds
        print(f"{sensor.build_mode()}; {first.leaks:,} leaks, {rate:,.0f} packets a second; peak {peak_mib():.0f} MiB")
        ratios, by_clock = [], []
        for fault in args.only:
            found = compare(load, fault, args.rounds)
            ratios.append(found.ratio)
            by_clock.append(found.by_clock)
            print(
                f"{fault}: {found.ratio:.2f} of the rate, {found.by_clock:.2f} by the clock; "
                f"{found.requests:,} requests; {found.leaks:,} leaks, "
                f"{found.named:,} of all runs' named; peak {peak_mib():.0f} MiB",
                flush=True,
            )
        for what, each in (("processor time", ratios), ("by the clock", by_clock)):
            print(f"{what}: median {median(each):.2f}, worst {min(each):.2f}")


if __name__ == "__main__":
    main()
