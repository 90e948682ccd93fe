"""crt.sh's tables in a real PostgreSQL on loopback, in a folder of its own, run by nobody but us.

Its columns and account are those of crtsh/certwatch_db's sql/create_schema.sql, without the partitions. The function
that takes a serial number out of a certificate is an extension in C there; here a table knows what we put in.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from tests.ct.pki import decoded
from tests.ports import free_ports

SCHEMA = """
CREATE TABLE certificate (id bigserial PRIMARY KEY, issuer_ca_id integer NOT NULL, certificate bytea NOT NULL);
CREATE TABLE ca (id serial PRIMARY KEY, name text NOT NULL, public_key bytea NOT NULL);
CREATE TABLE ca_certificate (certificate_id bigint PRIMARY KEY, ca_id integer NOT NULL);
CREATE TABLE serial_of (certificate bytea PRIMARY KEY, serial bytea NOT NULL);
CREATE FUNCTION x509_serialNumber(bytea) RETURNS bytea LANGUAGE sql STABLE AS
  'SELECT serial FROM serial_of WHERE certificate = $1';
CREATE ROLE guest LOGIN;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest;
"""


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else name


class Postgres:
    """Running when this has been made; started by root as the user postgres, whom Debian's package makes."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._folder = folder
        shutil.chown(folder, "postgres", "postgres")
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = str(folder / "data")
        words = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]
        self._run(_program("initdb"), "-D", data, *words)
        options = ["-c", "fsync=off", "-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1"]
        self.process = subprocess.Popen(
            [*self._as, _program("postgres"), "-D", data, "-p", str(self.port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        until = time.monotonic() + 30
        while subprocess.run(self._psql("-c", "SELECT 1"), capture_output=True, check=False).returncode:
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.05)
        self._run(*self._psql("-c", "CREATE DATABASE certwatch"))
        self.say(SCHEMA)
        self._cas: dict[bytes, int] = {}

    def add(self, *ders: bytes) -> None:
        """Certificates; CAs' before those that they issued."""
        sql: list[str] = []
        for der in ders:
            found = decoded(der)
            issuer = self._ca(found.issuer_der)
            serial = found.serial if found.serial[0] < 0x80 else b"\0" + found.serial
            sql += [
                f"INSERT INTO serial_of VALUES ('\\x{der.hex()}', '\\x{serial.hex()}')",  # noqa: S608  (only digits)
                f"INSERT INTO certificate VALUES (DEFAULT, {issuer}, '\\x{der.hex()}')",  # noqa: S608  (only digits)
            ]
            if found.facts.is_ca:
                owner = self._ca(found.subject_der)
                sql.append(f"INSERT INTO ca_certificate SELECT max(id), {owner} FROM certificate")  # noqa: S608  (a number)
        self.say(";".join(sql))

    def say(self, sql: str) -> None:
        self._run(*self._psql("-d", "certwatch", "-v", "ON_ERROR_STOP=1", "-c", sql))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _ca(self, name: bytes) -> int:
        return self._cas.setdefault(name, len(self._cas) + 1)

    def _psql(self, *words: str) -> list[str]:
        return ["psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", *words]

    def _run(self, *words: str) -> None:
        done = subprocess.run([*self._as, *words], capture_output=True, text=True, check=False, cwd=self._folder)
        assert done.returncode == 0, done.stdout + done.stderr
