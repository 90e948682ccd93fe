"""sensor.cli.ct: what an operator types, reads, and gets as exit code."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.ct, however pytest is started

from sensor.cli.ct import add_parser
from sensor.settings import CtSettings, Settings
from tests.ct.pki import Ca, make_root, pem, staple_and_urls
from tests.ct.sources.test_crtsh import identity_row, rows_of, serial_row

Run = Callable[..., int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ct.sqlite"


@pytest.fixture
def run(path: Path) -> Run:
    """The verb's exit code, with its settings pointing to `path`."""

    def call(*arguments: str | Path, settings: Settings | None = None) -> int:
        parser = argparse.ArgumentParser(prog="ocspwatch")
        add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["ct", *map(str, arguments)])
        code = args.run(args, settings or Settings(ct=CtSettings(path=str(path))))
        assert isinstance(code, int)
        return code

    return call


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    folder = tmp_path / "certs"
    folder.mkdir()
    return folder


ROOT = make_root("Root One")
SUB = ROOT.intermediate("Sub One")
SERIAL = "04EFBAC2A12A30D9CDB4F6BC683DDFFC693A"
LEAF = SUB.issue(
    "www.example.com", "example.com", serial=int(SERIAL, 16), extra=staple_and_urls(), common_name="example.com"
)


def output(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def filled(run: Run, certs: Path, capsys: pytest.CaptureFixture[str], *more: bytes) -> None:
    for number, content in enumerate((ROOT.pem + SUB.pem + pem(LEAF), *more)):
        (certs / f"{number}").write_bytes(content)
    run("import", certs)
    capsys.readouterr()


def test_an_import_tells_what_became_of_everything(
    run: Run, certs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (certs / "bundle.pem").write_bytes(ROOT.pem + SUB.pem + pem(LEAF))
    (certs / "readme.txt").write_text("nothing")
    assert run("import", certs) == 0
    assert output(capsys) == (
        f"1 file, 1 other skipped\n  as certificates, whose CAs are trusted: {certs}/bundle.pem\n"
        "  3 new\n  0 known already\n  0 refused\n",
        "",
    )

    broken = tmp_path / "broken\x1b[2J.der"
    broken.write_bytes(LEAF[:100])
    stranger = make_root("Stranger")
    (tmp_path / "stranger").write_bytes(stranger.issue("a.example"))
    (tmp_path / "serial.json").write_bytes(rows_of(serial_row("05")))
    assert run("import", certs, broken, tmp_path / "stranger", tmp_path / "serial.json") == 3
    out, err = output(capsys)
    assert err == ""
    assert out.splitlines() == [
        "4 files, 1 other skipped",
        f"  as certificates, whose CAs are trusted: {certs}/bundle.pem, {tmp_path}/broken\\x1b[2J.der, "
        f"{tmp_path}/stranger",
        f"  as JSON of feeds, logs or crt.sh: {tmp_path}/serial.json",
        "  1 new",
        "  3 known already",
        "  2 refused",
        f"      1: cut short ({tmp_path}/broken\\x1b[2J.der)",
        "      1: crt.sh's search by serial gives no names: fetch the certificate itself (https://crt.sh/?d=ID) "
        f"({tmp_path}/serial.json: row 1)",
        "Wait for a certificate of their issuer, without which they are seldom found:",
        f"  {stranger.subject.rfc4514_string()}",
    ]


def test_an_import_that_completes_an_earlier_one(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (certs / "leaf").write_bytes(LEAF)
    run("import", certs / "leaf")
    capsys.readouterr()
    (certs / "chain").write_bytes(SUB.pem + ROOT.pem)
    assert run("import", certs / "chain") == 0
    assert output(capsys)[0].splitlines()[-1] == "  2 that waited for their issuer's certificate have it now"


def test_the_first_issuers_are_certifis(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    import certifi

    assert run("import", "--bundled-roots") == 0
    out, err = output(capsys)
    assert err == f"ocspwatch: root CAs from {certifi.where()}\n"
    new = int(out.splitlines()[2].split()[0])
    assert new == Path(certifi.where()).read_bytes().count(b"BEGIN CERTIFICATE")


def test_without_certifi_they_are_the_systems(
    run: Run, certs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "certifi", None)
    (certs / "system.pem").write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(certs / "system.pem"))
    assert run("import", "--bundled-roots") == 0
    assert output(capsys)[0].splitlines()[2] == "  1 new"
    monkeypatch.setenv("SSL_CERT_FILE", str(certs / "none"))
    assert run("import", "--bundled-roots") == 2
    assert "no bundle of root CAs" in output(capsys)[1]
    assert run("import") == 2
    assert output(capsys)[1] == "ocspwatch: nothing to import: a PATH or --bundled-roots expected\n"


def test_mistakes_are_all_said_before_anything_is_done(
    run: Run, path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("import", tmp_path / "none", tmp_path, tmp_path / "nowhere") == 2
    assert output(capsys) == (
        "",
        f"ocspwatch: {tmp_path}/none: no such file or folder\nocspwatch: {tmp_path}/nowhere: no such file or folder\n",
    )
    assert not path.exists()


@pytest.mark.parametrize("verb", [["import", "x"], ["lookup", "05"], ["stats"]])
def test_a_file_that_is_no_store(
    run: Run, path: Path, capsys: pytest.CaptureFixture[str], verb: list[str], tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(LEAF)
    other = tmp_path / "other"
    other.write_text("not a store")
    arguments = [str(tmp_path / "x") if argument == "x" else argument for argument in verb]
    assert run(*arguments, "--ct", other) == 2
    assert output(capsys) == ("", f"ocspwatch: {other}: not a store\n")
    assert other.read_text() == "not a store"
    assert not path.exists()


@pytest.mark.parametrize(
    "spelling",
    [
        SERIAL,
        SERIAL.lower(),
        SERIAL.lstrip("0"),
        "00" + SERIAL,
        "0x" + SERIAL,
        ":".join(SERIAL[i : i + 2] for i in range(0, len(SERIAL), 2)),
    ],
)
def test_a_serial_in_any_spelling(run: Run, certs: Path, capsys: pytest.CaptureFixture[str], spelling: str) -> None:
    filled(run, certs, capsys)
    assert run("lookup", spelling) == 0
    out, err = output(capsys)
    assert err == ""
    assert out.splitlines()[:-1] == [
        SERIAL,
        "  issuer  CN=Sub One,O=Example\\, Inc.,C=US",
        "  subject CN=example.com",
        "  names   www.example.com, example.com",
        "  valid   2026-01-01 to 2026-04-01",
        "  is      must-staple",
        "  OCSP    http://ocsp.example/",
        "  CRL     http://crl.example/1.crl",
    ]
    assert out.splitlines()[-1].endswith(", from file")


def test_decimal(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(run, certs, capsys)
    assert run("lookup", "--decimal", str(int(SERIAL, 16))) == 0
    assert output(capsys)[0].startswith(SERIAL)
    assert run("lookup", "--decimal", SERIAL) == 2
    assert "not a" in output(capsys)[1]


def test_json_lines(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(run, certs, capsys)
    assert run("lookup", "--json", SERIAL) == 0
    out, err = output(capsys)
    (line,) = out.splitlines()
    found = json.loads(line)
    assert err == ""
    assert found["serial_number"] == SERIAL
    assert found["issuer"] == "CN=Sub One,O=Example\\, Inc.,C=US"
    assert found["issuer_known"] == "certificate"
    assert found["dns_names"] == ["www.example.com", "example.com"]
    assert (found["must_staple"], found["is_ca"]) == (True, False)


def test_a_serial_under_several_issuers(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_root("Other")
    waiting = make_root("Waiting")
    words = rows_of(identity_row(make_root("Worded"), 5, "words.example"), identity_row(SUB, 5, "doubled.example"))
    (certs / "words").write_bytes(words)
    assert run("import", certs) == 0  # first: both rows of words are new
    filled(run, certs, capsys, *(ca.issue(f"{n}.example", serial=5) for n, ca in enumerate((SUB, other, waiting))))
    (certs / "more").write_bytes(other.pem)
    run("import", certs)
    capsys.readouterr()

    assert run("lookup", "05") == 0
    out = output(capsys)[0]
    assert [line for line in out.splitlines() if "issuer" in line or "names" in line] == [
        "  issuer  CN=Other,O=Example\\, Inc.,C=US",
        "  names   1.example",
        "  issuer  CN=Sub One,O=Example\\, Inc.,C=US",
        "  names   0.example",
        "  issuer  CN=Waiting,O=Example\\, Inc.,C=US "
        "(its certificate is not in the cache, so no signature was checked)",
        "  names   2.example",
        "  issuer  CN=Worded,O=Example\\, Inc.,C=US (known by name only, from crt.sh)",
        "  names   words.example",
    ]

    key_hash = SUB.cert_id(5, "sha256").issuer_key_hash.hex()
    for issuer in ("sub one", "CN=Sub One", key_hash, key_hash[:12].upper(), SUB.cert_id(5).issuer_name_hash.hex()):
        assert run("lookup", "05", "--issuer", issuer, "--json") == 0
        assert [json.loads(line)["dns_names"] for line in output(capsys)[0].splitlines()] == [["0.example"]]
    assert run("lookup", "05", "--issuer", "nobody") == 1
    assert "under that issuer" in output(capsys)[1]


def test_what_is_not_known(run: Run, path: Path, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lookup", "05") == run("stats") == 1
    assert output(capsys)[1].count(f"ocspwatch: {path}: no cache there yet; `ocspwatch ct import` makes one") == 2
    assert not path.exists()
    filled(run, certs, capsys)
    assert run("lookup", "05", SERIAL, "-05") == 1
    out, err = output(capsys)
    assert out.startswith(SERIAL)
    assert err.splitlines() == [f"ocspwatch: 05: not in {path}", f"ocspwatch: -05: not in {path}"]
    assert run("lookup", SERIAL, "what", "zz") == 2
    out, err = output(capsys)
    assert out == ""
    assert err.splitlines() == [
        "ocspwatch: not a hexadecimal serial number: 'what'",
        "ocspwatch: not a hexadecimal serial number: 'zz'",
    ]


def test_names_steer_no_terminal(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = make_root("Evil \x1b[31mRoot\x07\u202e")
    leaf = evil.issue("a.example", serial=6, common_name="x\x1b]0;owned\x07")
    filled(run, certs, capsys, evil.pem, leaf)
    assert run("lookup", "06") == run("stats") == 0
    out, err = output(capsys)
    assert all(character.isprintable() or character == "\n" for character in out + err)
    assert "\\x1b[31m" in out


def test_issuers_without_a_name_and_with_a_long_one(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nameless = Ca(x509.Name([]), make_root("x").key, ROOT.certificate)
    long = make_root("x" * 60)
    long.subject = x509.Name([*long.subject] * 3)
    filled(run, certs, capsys, nameless.issue("a.example", serial=6), long.issue("b.example"))
    assert run("stats") == run("lookup", "06") == 0
    out = output(capsys)[0]
    assert "           1  an issuer without a name\n" in out
    assert "  issuer  an issuer without a name (its certificate" in out
    assert max(map(len, out.splitlines())) < 140


def test_many_names_are_summed_up(run: Run, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(run, certs, capsys, ROOT.issue(*(f"{n}.example" for n in range(300)), serial=7))
    run("lookup", "07")
    out = output(capsys)[0]
    assert "19.example, and 280 more" in out
    assert "20.example" not in out


def test_stats(run: Run, path: Path, certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = make_root("Waiting")
    filled(run, certs, capsys, *(waiting.issue(f"{n}.example") for n in range(3)))
    assert run("stats") == 0
    assert output(capsys)[0].splitlines() == [
        f"{path}: {path.stat().st_size / 1000:.0f} kB",
        "6 certificates, 2 issuers; from file",
        "Certificates by issuer:",
        "           2  CN=Root One,O=Example\\, Inc.,C=US",
        "           1  CN=Sub One,O=Example\\, Inc.,C=US",
        "3 wait for these issuers' certificates:",
        "           3  CN=Waiting,O=Example\\, Inc.,C=US",
    ]
    assert run("stats", "--json") == 0
    stats = json.loads(output(capsys)[0])
    assert (stats["certificates"], stats["issuers"], stats["waiting"]) == (6, 2, 3)


def test_the_store_is_where_the_option_says(
    run: Run, path: Path, certs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (certs / "leaf").write_bytes(LEAF)
    assert run("import", certs, "--ct", tmp_path / "here.sqlite", "--source", "audit") == 0
    assert not path.exists()
    assert run("lookup", SERIAL, "--ct", tmp_path / "here.sqlite") == 0
    assert "from audit" in output(capsys)[0]


def test_the_default_store(
    run: Run, certs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    (certs / "leaf").write_bytes(LEAF)
    assert run("import", certs, settings=Settings()) == 0
    assert (tmp_path / "xdg" / "ocspwatch" / "ct.sqlite").is_file()
    assert run("lookup", SERIAL, settings=Settings()) == 0
    assert "www.example.com" in output(capsys)[0]


def test_standard_input(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROOT.pem)))
    assert run("import", "-") == 0
    assert "1 new" in output(capsys)[0]


def test_an_interrupted_import(
    run: Run, certs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sensor.ct.importing.import_paths", interrupt)
    (certs / "leaf").write_bytes(LEAF)
    assert run("import", certs) == 130
    out, err = output(capsys)
    assert out == ""
    assert "interrupted" in err


def test_help_and_look_ups_import_nothing_heavy(
    run: Run, path: Path, certs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(run, certs, capsys)
    script = f"""
import argparse, sys
from sensor.cli.ct import add_parser
from sensor.settings import Settings
parser = argparse.ArgumentParser()
add_parser(parser.add_subparsers())
assert "sqlite3" not in sys.modules and "sensor.ct.store" not in sys.modules
args = parser.parse_args(["ct", "lookup", "{SERIAL}", "--ct", {str(path)!r}])
assert args.run(args, Settings()) == 0
assert not [name for name in sys.modules if name.startswith("cryptography")]
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stderr) == (0, "")
