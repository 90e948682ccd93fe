"""`ocspwatch ct`: fills the look-up cache (`ct_sync`, `ct_resolve`: from elsewhere), and says what it knows."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sensor.cli import ct_care, ct_push, ct_resolve, ct_sync
from sensor.settings import CtSettings, Settings

if TYPE_CHECKING:
    from sensor.ct.importing import ImportReport
    from sensor.ct.lookup import Found
    from sensor.ct.reader import StoredIssuer, StoreReader

_FINE, _NOT_FOUND, _MISTAKE, _PARTLY, _INTERRUPTED = 0, 1, 2, 3, 130
_SHOWN_NAMES = 20
_SHOWN_ISSUERS = 10
_SHOWN_MISSING = 5
_ISSUER_CHARS = 120
_NAMELESS = "an issuer without a name"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `ct` and its verbs. Each sets `run`, a function of the arguments and the Settings to the exit code."""
    parser = subparsers.add_parser("ct", help="the cache of certificates that gives serial numbers their names")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    verb = verbs.add_parser(
        "import",
        help="learn certificates from files",
        description="Learns certificates from PEM, DER and PKCS#7 files, reports of the CCADB and Mozilla in PEM, JSON "
        "of crt.sh, certstream and Cert Spotter, Zeek's x509.log with certificates, and what was saved of CT logs "
        "(get-entries, data tiles); from folders of them, compressed or not, told apart by content. CA certificates in "
        "files of certificates become trusted as issuers; those in feeds and logs if such a CA signed them. Exit code "
        "3: something was refused.",
    )
    verb.add_argument("paths", nargs="*", metavar="PATH", help="a file, a folder, or - for standard input")
    verb.add_argument(
        "--bundled-roots",
        action="store_true",
        help="first the root CAs of the package certifi, if it is installed, else of this system",
    )
    verb.add_argument(
        "--feed",
        action="store_true",
        help="somebody else writes these files: whatever their form, only certificates count, and no CA among them",
    )
    verb.add_argument("--source", metavar="TEXT", help='what leak.log shows as found_in (default: "file" or "crt.sh")')
    _add_store_option(verb)
    verb.set_defaults(run=run_import)

    verb = verbs.add_parser(
        "lookup",
        help="what is known of a serial number",
        description="Prints every certificate with this serial number, under whatever issuer. Exit code 1: none.",
    )
    verb.add_argument("serials", nargs="+", metavar="SERIAL", help="hexadecimal, in any spelling")
    verb.add_argument("--issuer", metavar="HEX|NAME", help="only this: start of a name or key hash, or part of a name")
    verb.add_argument("--decimal", action="store_true", help="SERIAL is decimal")
    verb.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_store_option(verb)
    verb.set_defaults(run=run_lookup)

    verb = verbs.add_parser("stats", help="what the cache holds", description="What the cache holds.")
    verb.add_argument("--json", action="store_true", help="as one JSON object")
    _add_store_option(verb)
    verb.set_defaults(run=run_stats)
    ct_sync.add_parser(verbs)
    ct_care.add_parsers(verbs)
    ct_resolve.add_parser(verbs)
    ct_push.add_parser(verbs)


def _add_store_option(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--ct", metavar="PATH", help="the cache's file (default: ocspwatch/ct.sqlite in XDG_DATA_HOME)")


def _store_path(args: argparse.Namespace, settings: CtSettings) -> Path:
    from sensor.ct.schema import default_path

    chosen: str | None = args.ct or settings.path
    return Path(chosen) if chosen else default_path()


def run_import(args: argparse.Namespace, settings: Settings) -> int:
    """`ct import`: 0, 2 (a path or the store cannot be used), or 3 (something was refused)."""
    from sensor.ct.importing import ImportReport, import_paths
    from sensor.ct.schema import StoreError
    from sensor.ct.store import Store

    feeds: list[str] = args.paths if args.feed else []
    paths: list[str] = [] if args.feed else list(args.paths)
    if args.bundled_roots:
        bundle = _bundled_roots()
        if bundle is None:
            _complain('no bundle of root CAs on this system: pip install "ocspwatch[roots]" brings one')
            return _MISTAKE
        _complain(f"root CAs from {bundle}")
        paths.insert(0, bundle)
    if not paths + feeds:
        _complain("nothing to import: a PATH or --bundled-roots expected")
        return _MISTAKE
    absent = [path for path in paths + feeds if path != "-" and not Path(path).exists()]
    for path in absent:
        _complain(f"{path}: no such file or folder")
    if absent:
        return _MISTAKE
    shown = _Progress() if sys.stderr.isatty() else None
    report = ImportReport()
    try:
        store = Store(_store_path(args, settings.ct), settings.ct.max_names)
        try:
            import_paths(store, paths, settings.ct, int(time.time()), report, args.source, shown, feeds)
        finally:
            store.close()
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    except KeyboardInterrupt:
        _complain("interrupted: what was imported up to the last batch is kept; a second import goes on from there")
        return _INTERRUPTED
    finally:
        if shown:
            shown.clear()
    _print_report(report)
    return _PARTLY if report.refused_total else _FINE


def _bundled_roots() -> str | None:
    """The path of certifi's bundle, or of the one that OpenSSL on this system uses."""
    import ssl

    try:
        import certifi
    except ImportError:
        return ssl.get_default_verify_paths().cafile
    return certifi.where()


def _print_report(report: ImportReport) -> None:
    rows = [(report.new, "new"), (report.known, "known already"), (report.refused_total, "refused")]
    width = max(len(f"{count:,}") for count, _ in rows)
    print(f"{report.files:,} {_plural(report.files, 'file')}", end="")
    print(f", {report.skipped:,} {_plural(report.skipped, 'other')} skipped" if report.skipped else "")
    for line in report.forms_told():
        print(f"  {_plain(line)}")
    for count, what in rows:
        print(f"  {count:>{width},} {what}")
    for reason, refused in sorted(report.refused.items(), key=lambda item: -item[1].count):
        print(f"  {'':>{width}}   {refused.count:,}: {_plain(reason)} ({_plain(refused.example)})")
    if report.resolved:
        print(f"  {report.resolved:>{width},} that waited for their issuer's certificate have it now")
    if report.dropped:
        print(f"  {report.dropped:>{width},} that waited were not signed by the issuer they name, and are gone")
    if report.missing:
        print("Wait for a certificate of their issuer, without which they are seldom found:")
        for name in report.missing[:_SHOWN_MISSING]:
            print(f"  {_issuer(name)}")
        if len(report.missing) > _SHOWN_MISSING:
            print(f"  and {len(report.missing) - _SHOWN_MISSING:,} more issuers (ocspwatch ct stats)")


def run_lookup(args: argparse.Namespace, settings: Settings) -> int:
    """`ct lookup`: 0, 1 (one of the serials is not known), or 2."""
    import sqlite3

    from sensor.ct.reader import StoreReader
    from sensor.ct.rows import RowError
    from sensor.ct.schema import StoreError, describe, open_to_read
    from sensor.pki.serial import SerialError, parse_serial

    path = _store_path(args, settings.ct)
    serials: list[str] = []
    mistakes = 0
    for text in args.serials:
        try:
            serials.append(parse_serial(text, decimal=args.decimal))
        except SerialError as error:
            mistakes += 1
            _complain(str(error))
    if mistakes:
        return _MISTAKE
    try:
        connection = open_to_read(path, settings.ct.busy_timeout_ms)
        if connection is None:
            _complain(f"{path}: no cache there yet; `ocspwatch ct import` makes one")
            return _NOT_FOUND
        reader = StoreReader(connection)
        found = [(serial, list(_matches(reader, serial, args.issuer))) for serial in serials]
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    except (sqlite3.Error, RowError) as error:
        _complain(f"{path}: {describe(error) if isinstance(error, sqlite3.Error) else f'damaged: {error}'}")
        return _MISTAKE
    for serial, certificates in found:
        if not certificates:
            _complain(f"{serial}: not in {path}" + (" under that issuer" if args.issuer else ""))
        for stored, certificate in certificates:
            (_print_json if args.json else _print_found)(stored, certificate)
    return _FINE if all(certificates for _, certificates in found) else _NOT_FOUND


def _matches(reader: StoreReader, serial: str, issuer: str | None) -> Iterator[tuple[StoredIssuer, Found]]:
    """Those under the issuer asked for. What crt.sh says of a certificate that is itself here is left out."""
    from sensor.ct.schema import TEXT

    if serial.startswith("-"):
        return
    certified = set()
    for stored, found in reader.find_serial(bytes.fromhex(serial)):
        if stored.kind != TEXT:
            certified.add(stored.issuer.name)
        elif stored.issuer.name in certified:
            continue
        if issuer is None or _is_issuer(reader, stored, issuer):
            yield stored, found


def _is_issuer(reader: StoreReader, stored: StoredIssuer, wanted: str) -> bool:
    if wanted.casefold() in stored.issuer.name.casefold():
        return True
    prefix = wanted.replace(":", "").replace(" ", "").lower()
    hashes = [octets.hex() for pair in reader.hashes(stored.issuer.number) for octets in pair]
    return len(prefix) >= 4 and any(text.startswith(prefix) for text in hashes)


class _FoundLine(msgspec.Struct, omit_defaults=True):
    """`ct lookup --json`. `issuer_known` by what: its certificate, certificates that claim it, or crt.sh's words."""

    serial_number: str
    issuer: str
    issuer_common_name: str
    issuer_known: str
    subject: str
    common_name: str | None
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    email_addresses: tuple[str, ...]
    names_left_out: int
    not_before: int
    not_after: int
    is_ca: bool
    must_staple: bool
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]
    source: str
    learned_at: int


_KNOWN_BY = ("certificate", "claim", "words")


def _print_json(stored: StoredIssuer, found: Found) -> None:
    facts = found.certificate
    line = _FoundLine(
        facts.serial_number,
        found.issuer.name,
        found.issuer.common_name,
        _KNOWN_BY[stored.kind],
        facts.subject_name,
        facts.common_name,
        facts.dns_names,
        facts.ip_addresses,
        facts.email_addresses,
        facts.names_left_out,
        facts.not_before,
        facts.not_after,
        facts.is_ca,
        facts.must_staple,
        facts.ocsp_urls,
        facts.crl_urls,
        found.source,
        found.learned_at,
    )
    print(msgspec.json.encode(line).decode())


_DOUBTS = (
    "",
    "its certificate is not in the cache, so no signature was checked",
    "known by name only, from crt.sh",
)


def _print_found(stored: StoredIssuer, found: Found) -> None:
    facts = found.certificate
    names = [*facts.dns_names, *facts.ip_addresses, *facts.email_addresses]
    more = len(names) - _SHOWN_NAMES + facts.names_left_out if len(names) > _SHOWN_NAMES else facts.names_left_out
    shown = names[:_SHOWN_NAMES] + ([f"and {more:,} more"] if more else [])
    doubt = _DOUBTS[stored.kind]
    print(facts.serial_number)
    for what, text in (
        ("issuer", (found.issuer.name or _NAMELESS) + (f" ({doubt})" if doubt else "")),
        ("subject", facts.subject_name),
        ("names", ", ".join(shown) or "none"),
        ("valid", f"{_day(facts.not_before)} to {_day(facts.not_after)}"),
        ("is", ", ".join(["a CA"] * facts.is_ca + ["must-staple"] * facts.must_staple)),
        ("OCSP", ", ".join(facts.ocsp_urls)),
        ("CRL", ", ".join(facts.crl_urls)),
        ("learnt", f"{_day(found.learned_at)}, from {found.source}"),
    ):
        if text:
            print(f"  {what:<8}{_plain(text)}")


def run_stats(args: argparse.Namespace, settings: Settings) -> int:
    """`ct stats`: 0, 1 (there is no store yet), or 2."""
    import sqlite3

    from sensor.ct.schema import StoreError, describe, open_to_read
    from sensor.ct.stats import count_store

    path = _store_path(args, settings.ct)
    try:
        connection = open_to_read(path, settings.ct.busy_timeout_ms)
        if connection is None:
            _complain(f"{path}: no cache there yet; `ocspwatch ct import` makes one")
            return _NOT_FOUND
        stats = count_store(path, connection)
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    except sqlite3.Error as error:
        _complain(f"{path}: {describe(error)}")
        return _MISTAKE
    if args.json:
        print(msgspec.json.encode(stats).decode())
        return _FINE
    print(f"{stats.path}: {_size(stats.bytes)}")
    print(
        f"{stats.certificates:,} certificates, {stats.issuers:,} issuers; from {', '.join(map(_plain, stats.sources))}"
    )
    if stats.months:
        files = sum(each.files for each in stats.months)
        print(f"By the month in which they expire, in {files:,} {_plural(files, 'file')}; {stats.recent:,} to follow:")
    for each in stats.months:
        print(f"  {each.certificates:>13,}  {each.month}  {_size(each.bytes)}")
    for title, issuers in (
        ("Certificates by issuer:", stats.by_issuer),
        (f"{stats.waiting:,} wait for these issuers' certificates:", stats.missing),
    ):
        if issuers:
            print(title)
        for issuer in issuers[:_SHOWN_ISSUERS]:
            print(f"  {issuer.certificates:>10,}  {_issuer(issuer.name)}")
        if len(issuers) > _SHOWN_ISSUERS:
            print(f"  {'':>10}  and {len(issuers) - _SHOWN_ISSUERS:,} more issuers")
    return _FINE


class _Progress:
    """One line on the terminal, written over with every batch."""

    def __call__(self, report: ImportReport) -> None:
        sys.stderr.write(f"\r{report.files:,} files, {report.new:,} new, {report.known:,} known ")
        sys.stderr.flush()

    def clear(self) -> None:
        """Wipes the line."""
        sys.stderr.write("\r\x1b[K")


def _complain(text: str) -> None:
    print(f"ocspwatch: {_plain(text)}", file=sys.stderr)


def _plain(text: str) -> str:
    """Names are chosen by strangers: nothing in them may steer the terminal."""
    from sensor.pki.names import render_plain

    return render_plain(text)


def _issuer(name: str) -> str:
    """For lists: on one line of a wide terminal."""
    return _plain(name if len(name) <= _ISSUER_CHARS else name[:_ISSUER_CHARS] + "...") or _NAMELESS


def _plural(count: int, what: str) -> str:
    return what if count == 1 else f"{what}s"


def _size(octets: int) -> str:
    return f"{octets / 1e6:,.0f} MB" if octets >= 1e7 else f"{octets / 1e3:,.0f} kB"


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
