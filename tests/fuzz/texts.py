"""Targets: what people and services hand us: rules, settings, downloads to import, CT logs."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

from sensor.ct.entries import EntryError
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.sources import Form
from sensor.ct.sources.files import Input, Skipped, read_input
from sensor.ct.store import Store
from sensor.online.pacing import UnreadableError
from sensor.pki.der import DerError
from sensor.rules.engine import RuleEngine
from sensor.rules.loader import load_rules
from sensor.rules.mistakes import RulesError
from sensor.settings import CtSettings, RuleSettings, Settings
from sensor.settings_file import SettingsError, load_settings, override
from sensor.sync.entry import EntryDecoder, signed_parts
from sensor.sync.heads import HeadError, LogKey, decode_checkpoint, decode_sth
from sensor.sync.log_list import LogListError, parse_log_list
from sensor.sync.merkle import HASH_BYTES, ProofError, check_consistency
from tests.ct import feeds
from tests.ct.pki import Ca, pem
from tests.ct.stores import NOW
from tests.fuzz.target import REPOSITORY, Target, fixed_cas, frames_in, packed
from tests.sync.ct_log import START_MS, usual_entries, x509_entry

_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
_FILE = Path(_FOLDER.name, "input.yml")


def _say(*_: object) -> None:
    """Who listens to no rule."""


def rules(data: bytes) -> None:
    """A rule file: rules that work, or mistakes with file and line."""
    _FILE.write_bytes(data)
    try:
        found = load_rules([_FILE], RuleSettings())
    except RulesError as error:
        for line in str(error).splitlines():
            assert line.startswith(str(_FILE)) or "more" in line, line
        return
    RuleEngine(found, Settings(), _say, _say)


def _rules() -> Iterator[bytes]:
    for path in sorted((REPOSITORY / "rules").glob("*.yml"))[::3]:
        yield path.read_bytes()


def settings(data: bytes) -> None:
    """A settings file, and its lines as what stands on a command line."""
    _FILE.write_bytes(data)
    try:
        found = load_settings(_FILE)
    except SettingsError as error:
        assert error.lines
        assert all(line.startswith(str(_FILE)) for line in error.lines), error.lines
    else:
        assert found == load_settings(_FILE)
    for line in data.decode("utf-8", "replace").splitlines()[:10]:
        key, _, value = line.partition("=")
        try:
            override(Settings(), {key: value})
        except SettingsError as error:
            assert error.lines


def _settings() -> Iterator[bytes]:
    yield (REPOSITORY / "packaging" / "ocspwatch.yaml").read_bytes()
    yield b"flow:\n  max_flows: 10\n  local_nets: [10.0.0.0/8, 'fe80::/10']\nhttp:\n  ports: [80, 8080]\n"
    yield b"capture:\n  tcp_ports: [80]\n  method: ring\nlogs: {timestamps: iso8601}\nrules: {paths: [a, b]}\n"
    yield b"flow.max_flows=10\nlogs.weird_rate=1.5\nct.path=/x\n"
    yield b"flow: &a\n  max_flows: 2026-02-30\n  x: !!python/object:os.system 1\n? [a]\n: b\n"


_CT = CtSettings(max_document_bytes=1 << 16, max_certificate_bytes=1 << 14, max_names=20)
_NAMES = ("input.pem", "input.json", "input.p7b", "input")


@cache
def _store() -> Store:
    return Store(Path(_FOLDER.name, "ct.sqlite"), _CT.max_names)


def store_import(data: bytes) -> None:
    """A file to import; every item in it is new, known or refused."""
    path = Path(_FOLDER.name, _NAMES[data[0] % 4] if data else "input")
    path.write_bytes(data[1:])
    items = list(read_input(Input(str(path), asked=True), _CT))
    assert items, "a file asked for is told of"
    assert items == list(read_input(Input(str(path), asked=True), _CT))
    report = ImportReport()
    import_paths(_store(), [str(path)], _CT, NOW, report)
    skipped = sum(isinstance(item, Skipped | Form) for item in items)
    assert report.new + report.known + report.refused_total + skipped == len(items), "an item is not accounted for"
    assert all(reason.isprintable() for reason in report.refused)


def _of_others(root: Ca, sub: Ca) -> Iterator[bytes]:
    leaf, chain = sub.issue("a.example", serial=0xF0), (sub.der, root.der)
    entries = [feeds.logged(sub, chain, "b.example", serial=0xF1 + kind, precert=bool(kind)) for kind in range(2)]
    yield b"\1" + feeds.get_entries(*entries)
    yield b"\3" + b"".join(entry.tile_leaf for entry in entries)
    yield b"\1" + feeds.lines(
        feeds.certstream(leaf, *chain), feeds.HEARTBEAT, feeds.certstream(None), feeds.DNS_ENTRIES
    )
    yield b"\1" + json.dumps([feeds.issuance(leaf), feeds.issuance(leaf, older=True), feeds.issuance(None)]).encode()
    yield b"\1" + feeds.lines(feeds.zeek_json(leaf), feeds.zeek_json(None), feeds.zeek_json(sub.der))
    yield b"\3" + feeds.zeek_tsv(leaf, None, root.der)
    yield b"\3" + feeds.mozilla_csv(root, sub)
    yield b"\3" + gzip.compress(feeds.pems_csv(root, sub), mtime=0)
    yield b"\3" + f"{feeds.CCADB_HEADING}\n".encode()


def _downloads() -> Iterator[bytes]:
    root, sub = fixed_cas()
    both = [sub.der, root.der]
    yield b"\0" + pem(root.der) + b"text\n" + pem(sub.der)
    yield b"\3" + sub.der
    yield b"\3" + root.der + sub.der
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    loaded = [x509.load_der_x509_certificate(der) for der in both]
    yield b"\2" + pkcs7.serialize_certificates(loaded, Encoding.DER)
    yield b"\0" + pkcs7.serialize_certificates(loaded, Encoding.PEM)
    row = {
        "issuer_ca_id": 7,
        "issuer_name": 'C=US, O="Example, Inc.", CN=R3',
        "common_name": "a.example",
        "name_value": "a.example\n*.b.example\n10.0.0.1",
        "id": 1,
        "entry_timestamp": "2026-01-01T00:00:00.5",
        "not_before": "2026-01-01T00:00:00",
        "not_after": "2026-04-01T00:00:00",
        "serial_number": "04ef01",
    }
    yield b"\1" + json.dumps([row]).encode()
    yield b"\1" + json.dumps([row | {"serial_number": "5", "not_after": "9999-13-01"}, row, {}]).encode()
    yield from _of_others(root, sub)


_KEY = LogKey(b"key")
_ORIGIN = "log.example/2026"


def _decoder() -> EntryDecoder:
    return EntryDecoder(True, True, ("example",), NOW, 20, 1 << 16, b"id")


def ct_log(data: bytes) -> None:
    """What a log says: the first octet says what it is asked for."""
    if not data:
        return
    kind, body = data[0] % 6, data[1:]
    if kind == 0:
        _leaves(body)
    elif kind == 1:
        _tile(body)
    elif kind == 2:
        try:
            parse_log_list(body)
        except LogListError as error:
            assert str(error)
    elif kind == 3:
        for decode in (lambda: decode_sth(body, _KEY), lambda: decode_checkpoint(body, _ORIGIN, _KEY)):
            try:
                decode()
            except (HeadError, UnreadableError) as error:
                assert str(error)
            else:
                raise AssertionError("a head without the log's key")
    elif kind == 4:
        hashes = [body[i : i + HASH_BYTES] for i in range(8, len(body), HASH_BYTES)]
        first, second = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        try:
            check_consistency(first, b"\1" * 32, second, b"\2" * 32, hashes)
        except ProofError:
            return
        raise AssertionError("a proof of what is not so")
    else:
        try:
            signed_parts(body)
        except DerError:
            return


def _leaves(body: bytes) -> None:
    parts = [octets for _, octets in frames_in(body)]
    decoder = _decoder()
    for leaf, extra in zip(parts[::2], parts[1::2], strict=False):
        decoder.add_leaf(leaf, extra)
    count = len(parts) // 2
    assert decoder.hashes == [sha256(b"\0" + leaf).digest() for leaf in parts[::2][:count]]
    counted = len(decoder.entries) + sum(decoder.skipped.values()) + sum(decoder.refused.values())
    assert counted == count, "an entry is not accounted for"
    for entry in decoder.entries:
        assert len(entry.certificate.dns_names) <= 20


def _tile(body: bytes) -> None:
    width = body[0] if body else 0
    decoder, part = _decoder(), _decoder()
    try:
        decoder.add_tile(body[1:], width, 0, width)
    except EntryError as error:
        assert str(error)
        return
    counted = len(decoder.entries) + sum(decoder.skipped.values()) + sum(decoder.refused.values())
    assert len(decoder.hashes) == counted == width
    part.add_tile(body[1:], width, width // 2, width)
    assert part.hashes == decoder.hashes[width // 2 :]


def _logs() -> Iterator[bytes]:
    root, sub = fixed_cas()
    for count in (1, 2, 6):
        entries = usual_entries(sub, root, min(count, 3))
        entries.append(x509_entry((root.der,), sub.der, START_MS))
        yield b"\0" + b"".join(packed(0, entry.leaf) + packed(0, entry.extra) for entry in entries)
        yield b"\1" + bytes((count + 1,)) + b"".join(entry.tile_leaf for entry in entries)
    key = base64.b64encode(b"key").decode()
    log = {
        "description": "a",
        "log_id": base64.b64encode(sha256(b"key").digest()).decode(),
        "key": key,
        "mmd": 86400,
        "url": "https://a.example/",
        "state": {"usable": {"timestamp": "2026-01-01T00:00:00Z"}},
        "temporal_interval": {"start_inclusive": "2026-01-01T00:00:00Z", "end_exclusive": "2027-01-01T00:00:00Z"},
    }
    yield b"\2" + json.dumps({"operators": [{"name": "x", "logs": [log], "tiled_logs": []}]}).encode()
    head = {
        "tree_size": 5,
        "timestamp": START_MS,
        "sha256_root_hash": base64.b64encode(bytes(32)).decode(),
        "tree_head_signature": base64.b64encode(b"\4\3\0\x08" + bytes(8)).decode(),
    }
    yield b"\3" + json.dumps(head).encode()
    signature = base64.b64encode(bytes(4) + START_MS.to_bytes(8, "big") + b"\4\3\0\x08" + bytes(8)).decode()
    yield b"\3" + f"{_ORIGIN}\n5\n{base64.b64encode(bytes(32)).decode()}\n\n\u2014 {_ORIGIN} {signature}\n".encode()
    yield b"\4\0\0\0\3\0\0\0\7" + bytes(range(96))
    yield b"\5" + root.der


_YAML = (
    b"detection:",
    b"condition: ",
    b"|re",
    b"|contains|all",
    b"1 of them",
    b"&a",
    b"*a",
    b"!!python/name:",
    b"---\n",
    b"correlation:",
    b"timespan: 1h",
    b"    - ",
    b"logsource:",
    b"%0",
    b"'",
    b'"\\x00"',
    b"|cidr",
    b"not (",
)
TARGETS = (
    Target("rules", rules, _rules, "rules that can be put to work, or mistakes with file and line", _YAML),
    Target(
        "settings", settings, _settings, "settings, or mistakes with file; the same twice", (*_YAML, b"flow:", b"=")
    ),
    Target(
        "store_import",
        store_import,
        _downloads,
        "every item is new, known or refused; reasons are printable; the same twice",
        (
            b"-----BEGIN CERTIFICATE-----",
            b"-----END CERTIFICATE-----",
            b'"serial_number"',
            b'"name_value"',
            b"\x30\x82",
            b'"as_der"',
            b'"leaf_input"',
            b'"cert"',
            b"\t",
            b"\n",
        ),
    ),
    Target(
        "ct_log",
        ct_log,
        _logs,
        "only the declared error of each comes out; entries are conserved; nothing unsigned is believed",
        (b"\0\0", b"\0\1", b"\xe2\x80\x94 ", b'"logs"', b"\n\n", b"\x30\x82"),
        mutations=2000,
    ),
)
