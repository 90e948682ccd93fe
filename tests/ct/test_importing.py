"""sensor.ct.importing: the account of an import, and what is left of one that is killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensor.ct import importing
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.lookup import Found
from sensor.ct.schema import StoreError
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests.ct.pki import Ca, make_root, pem
from tests.ct.sources.test_crtsh import identity_row, rows_of, serial_row
from tests.ct.stores import NOW, StoreBench

REPOSITORY = Path(__file__).parents[2]


def test_the_account(bench: StoreBench, root: Ca, sub: Ca) -> None:
    folder = bench.folder / "certs"
    folder.mkdir()
    (folder / "root.pem").write_bytes(root.pem)
    (folder / "notes.txt").write_text("nothing")
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (folder / "leaf.der").write_bytes(root.issue("a.example", serial=5))
    (folder / "cut.der").write_bytes(root.issue("b.example")[:-9])
    (folder / "negative.pem").write_bytes(
        pem(root.issue("c.example")) + b"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n"
    )
    (folder / "search.json").write_bytes(rows_of(serial_row("05"), identity_row(sub, 7, "d.example")))
    report = bench.load_paths([str(folder), *bench.put(sub.issue("e.example"))])
    assert (report.files, report.skipped) == (6, 2)
    assert (report.new, report.known) == (5, 0)
    assert (report.waiting, report.resolved, report.dropped) == (4, 2, 0)  # two came before root.pem
    assert report.refused_total == 3
    assert {(reason.split(":")[0], refused.count) for reason, refused in report.refused.items()} == {
        ("cut short", 1),
        ("not a certificate that can be read", 1),
        ("crt.sh's search by serial gives no names", 1),
    }
    line = (folder / "negative.pem").read_bytes().count(b"\n") - 2
    examples = sorted(refused.example for refused in report.refused.values())
    assert examples == [
        f"{folder}/cut.der",
        f"{folder}/negative.pem: certificate 2, line {line}",
        f"{folder}/search.json: row 1",
    ]
    assert report.missing == (sub.subject.rfc4514_string(),)


def test_a_second_import_finds_everything_known(bench: StoreBench, root: Ca, sub: Ca) -> None:
    contents = (root.der, sub.der, sub.issue("a.example"), rows_of(identity_row(sub, 7, "d.example")))
    assert bench.load(*contents).new == 4
    again = bench.load(*contents)
    assert (again.new, again.known, again.refused, again.missing) == (0, 4, {}, ())


def test_the_label_is_the_source(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, rows_of(identity_row(root, 7, "d.example")), label="audit of 2026")
    for answer in bench.ask(root.cert_id(1), root.cert_id(7)):
        assert isinstance(answer, Found)
        assert (answer.source, answer.learned_at) == ("audit of 2026", NOW)


def test_reasons_are_limited(bench: StoreBench) -> None:
    report = ImportReport()
    for number in range(1000):
        report.refuse(f"reason {number}", importing.Input("x", asked=True), "")
    assert len(report.refused) == 65
    assert report.refused["other reasons"].count == 936
    assert report.refused_total == 1000


def test_batches(bench: StoreBench, root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    seen: list[int] = []
    store = Store(bench.path, 250)
    report = ImportReport()
    content = b"".join(pem(der) for der in (root.der, *(root.issue(f"{n}.example") for n in range(6))))
    import_paths(store, bench.put(content), CtSettings(), NOW, report, on_batch=lambda report: seen.append(report.new))
    store.close()
    assert seen == [3, 6, 7]


def test_batches_that_end_with_the_input(bench: StoreBench, root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    assert bench.load(root.der, root.issue("a.example")).new == 2


def test_batches_before_an_interruption_are_kept(bench: StoreBench, root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    store = Store(bench.path, 250)

    def interrupt(report: ImportReport) -> None:
        if report.new == 4:
            raise KeyboardInterrupt

    paths = bench.put(root.der, *(root.issue(f"{n}.example", serial=100 + n) for n in range(8)))
    with pytest.raises(KeyboardInterrupt):
        import_paths(store, paths, CtSettings(), NOW, ImportReport(), on_batch=interrupt)
    store.close()
    found = bench.ask(*(root.cert_id(100 + n) for n in range(8)))
    assert [isinstance(answer, Found) for answer in found] == [True] * 3 + [False] * 5


KILLED = """
import sys
from pathlib import Path
from sensor.ct import importing
from sensor.ct.store import Store
from sensor.settings import CtSettings
importing.BATCH = 20
store = Store(Path(sys.argv[1]), 250)
report = importing.ImportReport()
importing.import_paths(
    store, sys.argv[2:], CtSettings(), 1, report, on_batch=lambda r: print(r.new, flush=True))
store.close()
"""


def test_killed_at_any_moment_the_store_is_sound(bench: StoreBench) -> None:
    """kill -9 at random moments; what a finished batch brought is there, and a repetition completes the rest."""
    early, late = make_root("Early"), make_root("Late")
    serials = range(1000, 1200)
    content = early.pem + b"".join(
        pem(ca.issue(f"{serial}.example", serial=serial)) for serial in serials for ca in (early, late)
    )
    path, ca_path = bench.put(content, late.pem)
    moments = random.Random(7)
    for _ in range(5):
        for leftover in bench.path.parent.glob("*") if bench.path.parent.exists() else ():
            leftover.unlink()
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(bench.path), path, ca_path],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )
        assert process.stdout is not None
        confirmed = 0
        for _ in range(moments.randrange(1, 15)):
            confirmed = int(process.stdout.readline())
        time.sleep(moments.random() * 0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()

        connection = sqlite3.connect(bench.path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = connection.execute("SELECT count(*) FROM certificate").fetchone()
        assert confirmed <= count <= 402
        connection.close()
        report = bench.load_paths([path, ca_path])
        assert report.new == 402 - count
        for ca in (early, late):
            answers = bench.ask(*(ca.cert_id(serial, "sha256") for serial in serials))
            assert [a.certificate.dns_names for a in answers if isinstance(a, Found)] == [
                (f"{serial}.example",) for serial in serials
            ]


def test_two_imports_at_once(bench: StoreBench) -> None:
    cas = [make_root(f"CA {n}") for n in range(2)]
    paths = bench.put(
        *(b"".join([*(pem(ca.issue(f"{s}.example", serial=s)) for s in range(1000, 1200)), ca.pem]) for ca in cas)
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, str(bench.path), path], cwd=REPOSITORY, stdout=subprocess.DEVNULL
        )
        for path in paths
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    for ca in cas:
        answers = bench.ask(*(ca.cert_id(serial, "sha384") for serial in range(1000, 1200)))
        assert all(
            isinstance(answer, Found) and answer.issuer.name == answer.certificate.issuer_name for answer in answers
        )


def test_a_store_locked_for_good(bench: StoreBench, root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.ct.schema._WRITE_WAIT_MS", 20)
    bench.load(root.der)
    other = Store(bench.path, 250)
    with other.batch(), pytest.raises(StoreError, match="locked by another process"):
        bench.load(root.issue("a.example"))
    other.close()


@pytest.mark.needs("root", "namespaces")
def test_a_full_disk(bench: StoreBench, root: Ca, tmp_path: Path) -> None:
    """On a small file system: one line, and what was there before is still there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    leaves = b"".join(pem(root.issue(*(f"{i}.{n}.example" for i in range(100)))) for n in range(500))
    path, ca_path = bench.put(leaves, root.pem)
    script = f"""
mount -t tmpfs -o size=400k tmpfs '{disk}'
for input in '{ca_path}' '{path}'; do
  '{sys.executable}' -c '{FULL}' '{disk}/ct.sqlite' "$input"
done
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["fine", f"{disk}/ct.sqlite: the disk is full", "root is there: True"]


FULL = """
import sys
from pathlib import Path
from sensor.ct import importing
from sensor.ct.schema import StoreError, open_to_read
from sensor.ct.store import Store
from sensor.settings import CtSettings
path = Path(sys.argv[1])
try:
    store = Store(path, 250)
    importing.import_paths(store, sys.argv[2:], CtSettings(), 1, importing.ImportReport())
    store.close()
    print("fine")
except StoreError as error:
    print(error)
    rows = open_to_read(path, 10).execute("SELECT count(*) FROM issuer WHERE kind = 0").fetchone()
    print("root is there:", rows == (1,))
"""
