"""Rows C1 to C9: what an attacker can make the sensor believe of certificates, and what befalls its cache."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from sensor.ct.schema import StoreError
from sensor.ct.store_lookup import StoreLookup
from sensor.settings import CtSettings, HealthSettings, PrivacySettings, Settings
from tests.ct.pki import Ca, make_root
from tests.ct.stores import StoreBench
from tests.flow.frames import START, Frame, S
from tests.flow.talk import Ends
from tests.hostile.rows import REPOSITORY, Guard, Row
from tests.hostile.witness import TYPE, Watched, conversation, watch
from tests.http.wire import post, reply
from tests.ocsp import wire as ocsp

ROWS = {
    "C1": Row(
        "the default configuration connects to nothing",
        guards=(
            Guard(
                "sensor/ct/store_lookup.py",
                "        answer: Found | NotFound = _NOBODY\n",
                "        __import__('socket').create_connection(('192.0.2.1', 443), 1)\n"
                "        answer: Found | NotFound = _NOBODY\n",
                "who looks a certificate up asks elsewhere, too",
            ),
        ),
        note="Every capture, in a namespace without routes, and with sockets refused: "
        "`end_to_end/test_no_connection.py`, `test_no_network.py`",
    ),
    "C2": Row(
        "one serial under two issuers",
        guards=(
            Guard(
                "sensor/ct/reader.py",
                "        number = self._issuer_number(cert_id)\n",
                "        number = 1\n",
                "a serial number is enough, whoever issued it",
            ),
        ),
    ),
    "C3": Row(
        "a precertificate and its certificate, the same one from several sources",
        guards=(Guard("sensor/ct/imported.py", "if old else None", "if False else None"),),
    ),
    "C4": Row(
        "10,000 names, wildcards, IDN, homographs, control characters, labels of 300 octets, addresses",
        ("privacy.max_names_logged",),
        ("names_total",),
        (Guard("sensor/privacy/attribution.py", "names[:max_names],", "names,"),),
    ),
    "C6": Row(
        "a million serials that nobody issued",
        ("ct.memory_entries", "privacy.max_tracked"),
        guards=(
            Guard("sensor/ct/store_lookup.py", "while self._weight > self._settings.memory_entries:", "while False:"),
            Guard("sensor/privacy/leak.py", "Recent(max_tracked)", "Recent(1 << 20)"),
        ),
    ),
    "C7": Row(
        "a cache cut, damaged, planted, locked",
        counters=("lookups_unavailable",),
        guards=(Guard("sensor/ct/schema.py", "if status.st_mode & stat.S_IWOTH:", "if False:"),),
        tests=("ct/test_schema.py::test_everyone_may_write",),
    ),
    "C8": Row(
        "names planted by traffic",
        guards=(
            Guard(
                "sensor/privacy/attribution.py",
                "            verdict.names,\n",
                "            verdict.names or tuple(str(each) for each in exchange.response.certs),\n",
                "what certificates in a reply name is taken for the site",
            ),
            Guard("sensor/ct/traffic.py", "_MAX_ISSUERS or not self._is_vouched_for(certificate):", "_MAX_ISSUERS:"),
        ),
        note="Only what the user imports makes names; traffic can make issuers known. Of an imported x509.log, and of "
        "feeds: `ct/test_importing_feeds.py`",
    ),
    "C9": Row(
        "a leak whose name is unknown, or whose certificate is out of date",
        guards=(
            Guard(
                "sensor/privacy/attribution.py",
                "0, 0, Grade.unlisted, None",
                "0, 0, Grade.exact, None",
                "what is not known is graded as if it were",
            ),
            Guard("sensor/privacy/attribution.py", "        certificate.not_after,\n", "        None,\n"),
        ),
        note="Out of date: `not_after` stands beside the name, for whoever reads it to judge",
    ),
}


@pytest.fixture(scope="module")
def ca() -> Ca:
    return make_root("Root One")


@pytest.fixture
def bench(tmp_path: Path) -> StoreBench:
    (tmp_path / "in").mkdir()
    return StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path / "in")


@contextmanager
def looking(bench: StoreBench) -> Iterator[StoreLookup]:
    lookup = StoreLookup(bench.settings)
    yield lookup
    lookup.close()


def asked(issuer: Ca, *serials: int) -> list[Frame]:
    """Each in an exchange on a connection of its own."""
    frames: list[Frame] = []
    for number, serial in enumerate(serials):
        wanted = issuer.cert_id(serial)
        cert_id = ocsp.cert_id(serial, name_hash=wanted.issuer_name_hash, key_hash=wanted.issuer_key_hash)
        request = post(b"/", ocsp.request(cert_id), TYPE + b"request")
        answer = reply(ocsp.response(ocsp.basic(ocsp.single(cert_id))), TYPE + b"response")
        ends = Ends(cport=1024 + number)
        frames += conversation(("c", request), ("s", answer), ends=ends, start=START + number * S // 50)
    return frames


def leaks(seen: Watched) -> list[tuple[object, object]]:
    return [(row.get("grade"), row.get("names")) for row in seen.of("leak")]


def test_c1_no_socket_is_opened(bench: StoreBench, ca: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.load(ca.der, ca.issue("a.example", serial=5))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", refuse)
        patched.setattr(socket, "getaddrinfo", refuse)
        with looking(bench) as lookup:
            assert leaks(watch(asked(ca, 5), lookup=lookup)) == [("exact", ["a.example"])]


def test_c2_one_serial_under_two_issuers(bench: StoreBench, ca: Ca) -> None:
    other = make_root("Root Two")
    bench.load(ca.der, other.der, ca.issue("one.example", serial=5), other.issue("two.example", serial=5))
    stranger = make_root("Root Three")
    with looking(bench) as lookup:
        for issuer, names in ((ca, ["one.example"]), (other, ["two.example"])):
            assert leaks(watch(asked(issuer, 5), lookup=lookup)) == [("exact", names)]
        ((grade, names),) = leaks(watch(asked(stranger, 5), lookup=lookup))
    assert grade != "exact"
    assert names is None


def test_c3_said_twice_is_one(bench: StoreBench, ca: Ca) -> None:
    poison = ((x509.PrecertPoison(), True),)
    bench.load(ca.der, ca.issue("a.example", serial=5, extra=poison))
    bench.load(ca.issue("a.example", "b.example", serial=5), ca.issue("a.example", serial=5, extra=poison))
    with looking(bench) as lookup:
        (row,) = watch(asked(ca, 5), lookup=lookup).of("leak")
    assert row["names"] == ["a.example", "b.example"]


def test_c4_many_names(bench: StoreBench, ca: Ca) -> None:
    bench.load(ca.der, ca.issue(*(f"{number}.many.example" for number in range(10_000)), serial=5))
    with looking(bench) as lookup:
        (row,) = watch(asked(ca, 5), lookup=lookup).of("leak")
    assert row["names_total"] == 10_000
    assert len(row["names"]) == 10  # type: ignore[arg-type]


def test_c4_names_that_are_traps(bench: StoreBench, ca: Ca) -> None:
    """They stay in their field, however they are spelt; `watch` looks at the lines."""
    names = [
        "*.wild.example",
        "xn--80ak6aa92e.example",
        "a\nb.example",
        "a\x1b[2J.example",
        "l" * 300 + ".example",
        "a b",
        "",
    ]
    odd = tuple(x509.DNSName._init_without_validation(name) for name in names)
    bench.load(ca.der, ca.issue("ok.example", serial=5, general_names=odd))
    with looking(bench) as lookup:
        (row,) = watch(asked(ca, 5), lookup=lookup).of("leak")
    told = [str(name) for name in row["names"]]  # type: ignore[attr-defined]
    assert {"ok.example", "*.wild.example"} <= set(told)
    assert not [name for name in told if "\n" in name or "\x1b" in name or len(name) > 260]


def test_c6_serials_that_nobody_issued(bench: StoreBench, ca: Ca) -> None:
    """Answers are remembered up to a limit, and the one that is known is found among them."""
    bench.load(ca.der, ca.issue("a.example", serial=5))
    bench.settings = CtSettings(path=bench.settings.path, memory_entries=50)
    dice = random.Random(6)
    serials = [dice.getrandbits(100) for _ in range(300)]
    serials[150] = 5
    settings = Settings(privacy=PrivacySettings(max_tracked=50), health=HealthSettings(in_replay=True))
    with looking(bench) as lookup:
        seen = watch(asked(ca, *serials), settings, lookup=lookup)
        assert lookup._weight <= 50
    limits = {row["limit"]: row["times"] for row in seen.of("ocspwatch_limits")}
    assert (limits["privacy.max_tracked"], limits["ct.memory_entries"]) == (251, 251)
    assert [grade for grade, _ in leaks(seen)].count("exact") == 1
    assert len(leaks(seen)) == 300


def test_c7_a_cache_that_is_cut_or_damaged(bench: StoreBench, ca: Ca) -> None:
    """Refused, or Unavailable: never another name than was put in, never an exception."""
    leaves = [ca.issue(f"{number}.example", serial=number) for number in range(1, 60)]
    bench.load(ca.der, *leaves)
    good = bench.path.read_bytes()
    dice = random.Random(7)
    told = 0
    for number in range(40):
        harmed = bytearray(good[: dice.randrange(len(good))] if number % 2 else good)
        for _ in range(0 if number % 2 else 20):
            harmed[dice.randrange(100, len(harmed))] ^= 1 << dice.randrange(8)
        bench.path.write_bytes(harmed)
        try:
            with looking(bench) as lookup:
                seen = watch(asked(ca, 7), lookup=lookup)
        except StoreError:
            continue
        for _, names in leaks(seen):
            assert names is None or len(names) == 1  # type: ignore[arg-type]
            told += names == ["7.example"]
    assert told


def test_c7_a_locked_cache_is_unavailable(bench: StoreBench, ca: Ca) -> None:
    bench.load(ca.der, ca.issue("a.example", serial=5))
    holder = sqlite3.connect(bench.path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with looking(bench) as lookup:
            ((grade, names),) = leaks(watch(asked(ca, 5), lookup=lookup))
    finally:
        holder.close()
    assert names is None
    assert grade == "unlisted", "what is not known is not guessed; health counts it as unavailable"


def test_c7_killed_while_it_imports(bench: StoreBench, ca: Ca, tmp_path: Path) -> None:
    """SIGKILL in the middle of an import: what is there is whole, and the next import completes it."""
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "ca.der").write_bytes(ca.der)
    for number in range(400):
        (folder / f"{number}.der").write_bytes(ca.issue(f"{number}.example", serial=number + 1))
    argv = [sys.executable, "-m", "sensor.cli.main", "ct", "import", "--ct", str(bench.path), str(folder)]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    for pause in (0.2, 0.3, 0.35):
        with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                process.kill()
    assert subprocess.run(argv, env=env, capture_output=True, check=False).returncode == 0
    with looking(bench) as lookup:
        seen = watch(asked(ca, *range(1, 401)), lookup=lookup)
    assert leaks(seen) == [("exact", [f"{number}.example"]) for number in range(400)]


def test_c8_traffic_makes_no_names(bench: StoreBench, ca: Ca) -> None:
    """A forged reply with a certificate for the serial in it: nothing is learnt from it."""
    bench.load(ca.der)
    liar = make_root("Root One")
    wanted = ca.cert_id(5)
    cert_id = ocsp.cert_id(5, name_hash=wanted.issuer_name_hash, key_hash=wanted.issuer_key_hash)
    planted = (liar.issue("bank.example", serial=5), ca.issue("bank.example", serial=5), liar.der)
    answer = reply(ocsp.response(ocsp.basic(ocsp.single(cert_id), certs=planted)), TYPE + b"response")
    talk = conversation(("c", post(b"/", ocsp.request(cert_id), TYPE + b"request")), ("s", answer))
    with looking(bench) as lookup:
        first = watch(talk, lookup=lookup)
        second = watch(asked(ca, 5), lookup=lookup)
        assert lookup.issuers_accepted == 0
    for seen in (first, second):
        assert len(seen.of("leak")) == 1
        assert "bank.example" not in str(seen.of("leak"))


def test_c9_what_is_not_known_is_not_guessed(bench: StoreBench, ca: Ca) -> None:
    bench.load(ca.der, ca.issue("a.example", serial=5))
    with looking(bench) as lookup:
        seen = watch(asked(ca, 5, 6), lookup=lookup, settings=Settings())
    (known, unknown) = seen.of("leak")
    assert known["grade"] == "exact"
    assert unknown["grade"] not in {"exact", "site"}
    assert "names" not in unknown


def test_c9_a_certificate_that_is_out_of_date_says_so(bench: StoreBench, ca: Ca) -> None:
    bench.load(ca.der, ca.issue("a.example", serial=5))
    late = [frame._replace(ts=frame.ts + 50 * 365 * 86_400 * S) for frame in asked(ca, 5)]
    with looking(bench) as lookup:
        (row,) = watch(late, lookup=lookup).of("leak")
    assert float(str(row["not_after"])) < float(str(row["ts"]))
