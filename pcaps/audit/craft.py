"""Replies that are not sound, a capture for each thing that can be wrong with one. python -m pcaps.audit.craft"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from email.utils import format_datetime
from pathlib import Path

from pcaps.lab import crafting, fennwick, wire
from pcaps.lab.authority import Issued
from pcaps.lab.crafting import Crafted, Workshop
from pcaps.lab.fennwick import (
    CA,
    HOST,
    NEXT_UPDATE,
    NOW,
    OTHER_CA,
    REVOKED_AT,
    SIGNER,
    THIS_UPDATE,
    cert,
    row,
)  # fmt: skip
from pcaps.lab.frames import Talk
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import GOOD, UNKNOWN, Cert, Single, request, revoked
from pcaps.ocsp.craft_clients import finished

WORKSHOP = Workshop("audit")
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
STRANGER = OTHER_CA.delegate("Quillbay OCSP 9")


def _answers(
    nickname: str, status: bytes = GOOD, this: dt.datetime = THIS_UPDATE, following: dt.datetime = NEXT_UPDATE
) -> Single:  # fmt: skip
    return Single(cert(nickname), status, this, following)


def _signed(*singles: Single, by: Issued = SIGNER, certs: Sequence[Issued] | None = None, **how: object) -> bytes:
    arguments = {"produced_at": THIS_UPDATE, "certs": [by] if certs is None else certs, **how}
    return wire.response(singles, by, **arguments)  # type: ignore[arg-type]  # passed through to response as it is


def _post(
    talk: Talk, nickname: str, reply: bytes, *, about: Cert | None = None, nonce: bytes | None = None,
    headers: Sequence[str] = (), **what: object,
) -> Exchange:  # fmt: skip
    """A POST about a site and this reply; `what` overrides fields of the row."""
    about = about or cert(nickname)
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=request(about, nonce=nonce)))
    talk.answer(wire.http_reply(reply, headers=headers))
    return row(talk, ts, about, nonce=nonce is not None, **what)  # type: ignore[arg-type]  # row's own names


def _get(talk: Talk, nickname: str, reply: bytes, headers: Sequence[str]) -> Exchange:
    about = cert(nickname)
    target = "/" + wire.base64_text(request(about)).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    ts = talk.ask(wire.http_request("GET", target, HOST))
    talk.answer(wire.http_reply(reply, headers=headers))
    return row(talk, ts, about, method="GET", uri=target)


def _one(reply: bytes, **what: object) -> Crafted:
    """One exchange about the harbour clinic."""
    talk = Talk().open()
    return finished(talk, [_post(talk, "harbour", reply, **what)])


def _swapped(reply: bytes, answered: Cert) -> Crafted:
    """One exchange about the harbour clinic, and an answer about something else."""
    talk = Talk().open()
    asked = _post(talk, "harbour", reply, cert_status=None, evidence="mismatch")
    return finished(talk, [asked, row(talk, talk.segments[3].ts, answered, evidence="unasked")])


@WORKSHOP.piece(
    "sound.pcap", "nothing to find: by the CA and by a delegate, with nonce and without, caching as RFC 9919"
)
def sound() -> Crafted:
    talk, nonce = Talk().open(), bytes(range(32))
    by_ca = _signed(_answers("debts"), by=CA.issued, certs=[])
    cached, gone = _signed(_answers("tenants")), _signed(_answers("pilgrim", revoked(REVOKED_AT, 1)))
    rows = [
        _post(talk, "harbour", _signed(_answers("harbour"), nonce=nonce), nonce=nonce),
        _post(talk, "debts", by_ca),
        _get(talk, "tenants", cached, _caching(cached)),
        _post(talk, "pilgrim", gone, cert_status="revoked", reason="keyCompromise"),
    ]
    return finished(talk, rows)


def _date(moment: dt.datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _caching(
    reply: bytes, *, max_age: str | None = "max-age=86400, public, no-transform, must-revalidate"
) -> list[str]:
    """The headers that go with a reply; RFC 9919 section 7.2."""
    found = [
        f'ETag: "{hashlib.sha256(reply).hexdigest().upper()}"', f"Last-Modified: {_date(THIS_UPDATE)}",
        f"Expires: {_date(NEXT_UPDATE)}", f"Date: {_date(NOW)}",
    ]  # fmt: skip
    return [*found, f"Cache-Control: {max_age}"] if max_age else found


# The signature, and who made it.


@WORKSHOP.piece("signature-invalid.pcap", "signed with a stranger's key in the delegate's name")
def forged() -> Crafted:
    return _one(_signed(_answers("harbour"), forger=STRANGER))


@WORKSHOP.piece("signature-sha1.pcap", "ECDSA over SHA-1")
def sha1() -> Crafted:
    return _one(_signed(_answers("harbour"), sha1=True))


@WORKSHOP.piece("signer-unknown.pcap", "the delegate's certificate is not in the reply")
def unshown() -> Crafted:
    return _one(_signed(_answers("harbour"), certs=[]))


@WORKSHOP.piece("responder-id-mismatch.pcap", "the CA signs, and calls itself by another CA's name")
def misnamed() -> Crafted:
    return _one(_signed(_answers("harbour"), by=CA.issued, certs=[], responder=wire.by_name(OTHER_CA.issued)))


@WORKSHOP.piece("delegate-wrong-issuer.pcap", "the delegate of another CA answers for this one")
def stranger() -> Crafted:
    return _one(_signed(_answers("harbour"), by=STRANGER))


@WORKSHOP.piece("delegate-without-eku.pcap", "the delegate's certificate has no extended key usage id-kp-OCSPSigning")
def without_eku() -> Crafted:
    return _one(_signed(_answers("harbour"), by=CA.delegate("Fennwick OCSP without EKU", eku=False)))


@WORKSHOP.piece("delegate-expired.pcap", "the delegate's certificate expired three days ago")
def expired_delegate() -> Crafted:
    return _one(_signed(_answers("harbour"), by=CA.delegate("Fennwick OCSP of summer", days=(-90, -3))))


@WORKSHOP.piece("delegate-without-nocheck.pcap", "the delegate's certificate has no id-pkix-ocsp-nocheck")
def without_nocheck() -> Crafted:
    return _one(_signed(_answers("harbour"), by=CA.delegate("Fennwick OCSP to be checked", nocheck=False)))


# What is answered.


@WORKSHOP.piece("certid-serial.pcap", "asked about one site, good for another: the answer was swapped")
def swapped() -> Crafted:
    return _swapped(_signed(_answers("debts")), cert("debts"))


@WORKSHOP.piece("certid-issuer.pcap", "the serial number that was asked about, under another CA's name and key")
def other_issuer() -> Crafted:
    asked = cert("harbour")
    other = wire.cert_from(OTHER_CA, asked.serial)
    reply = _signed(Single(other, GOOD, THIS_UPDATE, NEXT_UPDATE), by=STRANGER)
    return _swapped(reply, other)


@WORKSHOP.piece("certid-hash.pcap", "asked with SHA-1, answered with SHA-256")
def other_hash() -> Crafted:
    other = cert("harbour", "sha256")
    return _swapped(_signed(Single(other, GOOD, THIS_UPDATE, NEXT_UPDATE)), other)


@WORKSHOP.piece("never-issued-malformed.pcap", "revoked since 1970 for certificateHold, without extendedRevoke")
def never_issued() -> Crafted:
    status = revoked(dt.datetime.fromtimestamp(0, dt.UTC), 6)
    return _one(_signed(_answers("harbour", status)), cert_status="revoked", reason="certificateHold")


@WORKSHOP.piece("revoked-ahead.pcap", "revoked from tomorrow on")
def revoked_ahead() -> Crafted:
    return _one(_signed(_answers("harbour", revoked(NOW + DAY, 4))), cert_status="revoked", reason="superseded")


# Over time.


@WORKSHOP.piece("status-undone.pcap", "revoked for keyCompromise, and an hour later, in a newer reply, good again")
def undone() -> Crafted:
    talk = Talk().open()
    first = _signed(_answers("harbour", revoked(REVOKED_AT, 1)))
    second = _signed(_answers("harbour", this=THIS_UPDATE + HOUR), produced_at=THIS_UPDATE + HOUR)
    return finished(
        talk,
        [
            _post(talk, "harbour", first, cert_status="revoked", reason="keyCompromise"),
            _post(talk, "harbour", second),
        ],
    )


@WORKSHOP.piece("status-outdated.pcap", "revoked, then an older reply that says good: a stale cache, or a replay")
def outdated() -> Crafted:
    talk = Talk().open()
    first = _signed(_answers("harbour", revoked(REVOKED_AT, 1)))
    older = THIS_UPDATE - 2 * DAY
    second = _signed(_answers("harbour", this=older), produced_at=older)
    return finished(
        talk,
        [
            _post(talk, "harbour", first, cert_status="revoked", reason="keyCompromise"),
            _post(talk, "harbour", second),
        ],
    )


@WORKSHOP.piece("status-conflicting.pcap", "good and unknown as of the same moment, in two replies")
def conflicting() -> Crafted:
    talk = Talk().open()
    return finished(
        talk,
        [
            _post(talk, "harbour", _signed(_answers("harbour"))),
            _post(talk, "harbour", _signed(_answers("harbour", UNKNOWN)), cert_status="unknown"),
        ],
    )


# Times.


@WORKSHOP.piece("this-update-ahead.pcap", "thisUpdate and producedAt are of tomorrow")
def ahead() -> Crafted:
    return _one(_signed(_answers("harbour", this=NOW + DAY), produced_at=NOW + DAY))


@WORKSHOP.piece("next-update-past.pcap", "expired two days ago")
def expired() -> Crafted:
    reply = _signed(_answers("harbour", this=NOW - 9 * DAY, following=NOW - 2 * DAY), produced_at=NOW - 9 * DAY)
    return _one(reply)


@WORKSHOP.piece("validity.pcap", "valid for an hour, and for a month")
def validity() -> Crafted:
    talk = Talk().open()
    rows = [
        _post(talk, "harbour", _signed(_answers("harbour", following=THIS_UPDATE + 6 * HOUR))),
        _post(talk, "debts", _signed(_answers("debts", following=THIS_UPDATE + 30 * DAY))),
    ]
    return finished(talk, rows)


@WORKSHOP.piece("produced-at.pcap", "signed a day before thisUpdate; signed after nextUpdate")
def produced_at() -> Crafted:
    talk = Talk().open()
    early = _signed(_answers("harbour"), produced_at=THIS_UPDATE - DAY)
    late = _signed(_answers("debts", this=NOW - 3 * DAY, following=NOW - 2 * DAY), produced_at=NOW - DAY)
    return finished(talk, [_post(talk, "harbour", early), _post(talk, "debts", late)])


# Nonces.


@WORKSHOP.piece("nonce-mismatch.pcap", "another nonce than was sent; none where one was sent; one where none was")
def nonces() -> Crafted:
    talk, mine, other = Talk().open(), bytes(range(16)), bytes(range(16, 32))
    rows = [
        _post(talk, "harbour", _signed(_answers("harbour"), nonce=other), nonce=mine),
        _post(talk, "debts", _signed(_answers("debts")), nonce=mine),
        _post(talk, "tenants", _signed(_answers("tenants"), nonce=other)),
    ]
    return finished(talk, rows)


# Caching.


@WORKSHOP.piece(
    "cache-headers.pcap",
    "max-age past nextUpdate; Expires past it; no-store; another's ETag; Last-Modified too early; older than max-age",
)
def caching() -> Crafted:
    talk, rows = Talk().open(), []
    reply, other = _signed(_answers("harbour")), _signed(_answers("debts"))
    late = _date(NEXT_UPDATE + DAY)
    for headers in (
        _caching(reply, max_age="max-age=2592000"),
        [line if not line.startswith("Expires") else f"Expires: {late}" for line in _caching(reply, max_age=None)],
        _caching(reply, max_age="no-store"),
        _caching(other),
        [f"Last-Modified: {_date(THIS_UPDATE - DAY)}"],
        ["Cache-Control: max-age=3600", "Age: 90000"],
    ):
        rows.append(_get(talk, "harbour", reply, headers))
    return finished(talk, rows)


# Form.


@WORKSHOP.piece("error-with-content.pcap", "internalerror, and a whole answer in it")
def error_with_content() -> Crafted:
    talk = Talk().open()
    reply = _signed(_answers("harbour"), status=2)
    made = _post(talk, "harbour", reply, response_status="internalerror", cert_status=None, evidence=None)
    return finished(talk, [made], readable=False)


if __name__ == "__main__":
    fennwick.write_certificates(Path(__file__).parent / "certs")
    crafting.run(WORKSHOP)
