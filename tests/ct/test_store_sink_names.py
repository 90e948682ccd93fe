"""What a log may say of a certificate that is known by other names: only what its issuer signed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensor.ct.logged import LoggedCertificate, LogPosition
from sensor.ct.lookup import Found
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.pki.certificates import decode_certificate
from sensor.settings import CtSettings
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca, make_root
from tests.sync.ct_log import precert_entry, tbs

LOG = b"\1" * 32
AT = LogPosition(0, 5, (b"\0" * 32,), 9, b"\1" * 32, 17, "")


@pytest.fixture(params=["imported", "waiting", "in a file"])
def known(request: pytest.FixtureRequest, tmp_path: Path, sub: Ca, root: Ca) -> Path:
    """A store that knows serial number 7 as honest.example."""
    path = tmp_path / "ct.sqlite"
    der = sub.issue("honest.example", serial=7)
    if request.param == "imported":
        store = Store(path, 10)
        with store.batch():
            for each in (root.der, sub.der, der):
                store.add(decode_certificate(each, 10), "file", 1)
        store.close()
        return path
    assert told(path, sub, logged(sub, der), flush_rows=1 if request.param == "in a file" else 100) == (1, 0)
    return path


def told(path: Path, sub: Ca, entry: LoggedCertificate, flush_rows: int = 100) -> tuple[int, int]:
    """How many were new, and refused."""
    sink = StoreSink(path, 10, flush_rows)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([entry], "log", 1)
    new = sink.commit(LOG, AT)
    refused = sink.refused
    assert sink.commit(LOG, AT) == 0 and sink.refused == 0
    sink.close()
    return new, refused


def names(path: Path, sub: Ca) -> tuple[str, ...]:
    lookup = StoreLookup(CtSettings(path=str(path)))
    (found,) = lookup.lookup([sub.cert_id(7)])
    lookup.close()
    assert isinstance(found, Found)
    return found.certificate.dns_names


def entry(sub: Ca, *dns: str, precertificate: bytes = b"") -> LoggedCertificate:
    said = logged(sub, sub.issue(*dns, serial=7))
    return msgspec.structs.replace(said, precertificate=precertificate)


def test_what_nobody_signed_adds_no_names(known: Path, sub: Ca) -> None:
    unsigned = precert_entry(sub, (), tbs(sub, 0, ["evil.example"], serial=b"\7"), 1).precertificate
    assert unsigned is not None
    forger = Ca(sub.subject, make_root("Forger").key, sub.certificate)
    for given in (
        unsigned,
        b"",
        b"\x30\x00",
        forger.issue("evil.example", serial=7),
        sub.issue("evil.example", serial=8),  # another's
        sub.issue("honest.example", serial=7),  # signed without that name
    ):
        assert told(known, sub, entry(sub, "evil.example", precertificate=given)) == (0, 1)
    assert names(known, sub) == ("honest.example",)
    assert told(known, sub, entry(sub, "honest.example")) == (0, 0)  # nothing new in it, nothing to check


def test_what_the_issuer_signed_adds_names(known: Path, sub: Ca) -> None:
    """The same serial number twice: the CA's own mistake."""
    signed = sub.issue("honest.example", "more.example", serial=7)
    assert told(known, sub, entry(sub, "more.example", precertificate=signed)) == (0, 0)
    assert names(known, sub) == ("honest.example", "more.example")


def test_a_certificate_was_checked_before_it_came_here(known: Path, sub: Ca) -> None:
    der = sub.issue("more.example", serial=7)
    assert told(known, sub, logged(sub, der, precertificate=False)) == (0, 0)
    assert names(known, sub) == ("honest.example", "more.example")
