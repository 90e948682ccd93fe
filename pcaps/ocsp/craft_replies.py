"""Replies at the edge: statuses, several and contradicting SingleResponses, responder ids, extensions, bad times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pcaps.lab import wire
from pcaps.lab.crafting import Crafted, Workshop
from pcaps.lab.fennwick import (
    CA,
    HOST,
    NEXT_UPDATE,
    OTHER_CA,
    REVOKED_AT,
    SIGNER,
    THIS_UPDATE,
    answer,
    cert,
    row,
    single,
)  # fmt: skip
from pcaps.lab.frames import Talk
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import GOOD, UNKNOWN, Cert, Single, extension, octets, request, revoked, seq, tlv
from pcaps.ocsp.craft_clients import finished

WORKSHOP = Workshop("ocsp")
REASONS = {
    0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
    5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
}  # fmt: skip


def _exchange(talk: Talk, about: Cert, reply: bytes, **what: str | None) -> Exchange:
    """One POST and this reply; `what` overrides fields of the row."""
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=request(about)))
    talk.answer(wire.http_reply(reply))
    return row(talk, ts, about, **what)  # type: ignore[arg-type]  # the names are row's, its text fields only


def _signed(singles: Sequence[Single], **how: object) -> bytes:
    arguments = {"produced_at": THIS_UPDATE, "certs": [SIGNER], **how}
    return wire.response(singles, SIGNER, **arguments)  # type: ignore[arg-type]  # passed through to response as it is


@WORKSHOP.piece(
    "error-statuses.pcap", "malformedrequest, internalerror, trylater, sigrequired, unauthorized; then good"
)
def errors() -> Crafted:
    talk, rows, about = Talk().open(), [], cert("harbour")
    names = {1: "malformedrequest", 2: "internalerror", 3: "trylater", 5: "sigrequired", 6: "unauthorized"}
    for number, name in names.items():
        rows.append(_exchange(talk, about, wire.error(number), response_status=name, cert_status=None, evidence=None))
    rows.append(_exchange(talk, about, answer(single(about))))
    return finished(talk, rows)


@WORKSHOP.piece(
    "error-statuses-unassigned.pcap", "status 4, which is not used, and 99; successful without a body; then good"
)
def unassigned() -> Crafted:
    talk, rows, about = Talk().open(), [], cert("harbour")
    for number in (4, 99):
        rows.append(
            _exchange(talk, about, wire.error(number), response_status=str(number), cert_status=None, evidence=None)
        )
    rows.append(_exchange(talk, about, wire.error(0), cert_status=None, evidence=None))
    rows.append(_exchange(talk, about, answer(single(about))))
    return finished(talk, rows, readable=False)


@WORKSHOP.piece("response-type-unknown.pcap", "successful, but of a responseType that is not basic")
def response_type() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    reply = _signed([single(about)], response_type="1.3.6.1.4.1.32473.4.4")
    return finished(talk, [_exchange(talk, about, reply, cert_status=None, evidence=None)], readable=False)


@WORKSHOP.piece(
    "revocation-reasons.pcap", "revoked for every reason of RFC 5280, without one, and for 7 which is not assigned"
)
def reasons() -> Crafted:
    talk, rows, about = Talk().open(), [], cert("pilgrim")
    for number, name in REASONS.items():
        reply = answer(single(about, revoked(REVOKED_AT, number)))
        rows.append(_exchange(talk, about, reply, cert_status="revoked", reason=name))
    rows.append(_exchange(talk, about, answer(single(about, revoked(REVOKED_AT))), cert_status="revoked"))
    rows.append(
        _exchange(talk, about, answer(single(about, revoked(REVOKED_AT, 7))), cert_status="revoked", reason="7")
    )
    return finished(talk, rows, readable=False)


@WORKSHOP.piece("singles-unasked.pcap", "the reply also speaks of two certificates nobody asked about")
def unasked() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    others = [cert("debts"), cert("pilgrim")]
    reply = answer(single(about), single(others[0]), single(others[1], revoked(REVOKED_AT, 1)))
    asked = _exchange(talk, about, reply)
    ts = talk.segments[3].ts
    rows = [asked, row(talk, ts, others[0], evidence="unasked")]
    rows.append(row(talk, ts, others[1], evidence="unasked", cert_status="revoked", reason="keyCompromise"))
    return finished(talk, rows)


@WORKSHOP.piece(
    "singles-sha1-and-sha256.pcap",
    "one certificate, answered under a SHA-1 and a SHA-256 CertID (RFC 9919 section 3.2.1)",
)
def both_hashes() -> Crafted:
    talk, about, other = Talk().open(), cert("harbour"), cert("harbour", "sha256")
    asked = _exchange(talk, about, answer(single(about), single(other)))
    return finished(talk, [asked, row(talk, talk.segments[3].ts, other, evidence="unasked")])


@WORKSHOP.piece("singles-conflicting.pcap", "the same certificate good and revoked in one reply")
def conflicting() -> Crafted:
    from dataclasses import replace

    talk, about = Talk().open(), cert("pilgrim")
    asked = _exchange(talk, about, answer(single(about), single(about, revoked(REVOKED_AT, 4))))
    return finished(talk, [replace(asked, other_status="revoked")])


@WORKSHOP.piece("singles-none.pcap", "a signed reply about nothing")
def no_singles() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    return finished(talk, [_exchange(talk, about, answer(), cert_status=None, evidence=None)])


@WORKSHOP.piece(
    "reply-about-another.pcap",
    "asked about one certificate, answered about another: mismatch; then unknown for a serial of another CA",
)
def mismatch() -> Crafted:
    talk, about, other = Talk().open(), cert("harbour"), cert("debts")
    rows = [_exchange(talk, about, answer(single(other)), cert_status=None, evidence="mismatch")]
    rows.append(row(talk, talk.segments[3].ts, other, evidence="unasked"))
    foreign = wire.cert_from(OTHER_CA, bytes([1, 2, 3, 4, 5]))
    rows.append(_exchange(talk, foreign, answer(single(foreign, UNKNOWN)), cert_status="unknown"))
    return finished(talk, rows)


@WORKSHOP.piece("responder-ids.pcap", "responder by name, by an empty name, by key; with and without certificates")
def responder_ids() -> Crafted:
    talk, about = Talk().open(), cert("debts")
    ways = (wire.by_name(SIGNER), wire.by_name(None), wire.by_key(SIGNER))
    rows = [_exchange(talk, about, _signed([single(about)], responder=way)) for way in ways]
    rows.append(_exchange(talk, about, _signed([single(about)], certs=[])))
    by_ca = wire.response([single(about)], CA.issued, produced_at=THIS_UPDATE, certs=[SIGNER, CA.issued])
    rows.append(_exchange(talk, about, by_ca))
    return finished(talk, rows)


@WORKSHOP.piece(
    "reply-extensions.pcap", "archive cutoff, CRL reference, CRL reason, SCT list, and extensions nobody knows"
)
def extensions() -> Crafted:
    moment = dt.timedelta(days=2000)
    cutoff = extension("1.3.6.1.5.5.7.48.1.6", wire.general_time(THIS_UPDATE - moment))
    url = tlv(0xA0, tlv(0x16, b"http://crl.fennwick.example/ca3.crl"))
    number, when = tlv(0xA1, wire.integer(4711)), tlv(0xA2, wire.general_time(THIS_UPDATE))
    reference = extension("1.3.6.1.5.5.7.48.1.3", seq(url, number, when))
    # RFC 6962 section 3.3: a TLS vector of two SCTs, version 1, made-up log ids and signatures
    one = b"\0" + b"\x5a" * 32 + (1_790_000_000_000).to_bytes(8, "big") + b"\0\0" + b"\x04\x03\0\x08" + b"\xa5" * 8
    listed = 2 * (len(one).to_bytes(2, "big") + one)
    scts = extension("1.3.6.1.4.1.11129.2.4.5", octets(len(listed).to_bytes(2, "big") + listed))
    reason = extension("2.5.29.21", tlv(10, b"\x04"))
    unknown = extension("1.3.6.1.4.1.32473.9.9", octets(b"?"))
    talk, about, bad = Talk().open(), cert("harbour"), cert("pilgrim")
    rows = [_exchange(talk, about, answer(single(about, GOOD, (cutoff, scts)), extensions=[unknown]))]
    reply = answer(single(bad, revoked(REVOKED_AT, 4), (reference, reason, unknown)))
    rows.append(_exchange(talk, bad, reply, cert_status="revoked", reason="superseded"))
    return finished(talk, rows)


@WORKSHOP.piece(
    "never-issued.pcap",
    "a serial never issued: revoked 1970-01-01, certificateHold, extended-revoke (RFC 6960 section 4.4.8)",
)
def never_issued() -> Crafted:
    talk, about = Talk().open(), wire.cert_from(CA, bytes([0x21, 0x43, 0x65]))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    reply = answer(single(about, revoked(epoch, 6)), extensions=[extension("1.3.6.1.5.5.7.48.1.9", tlv(5))])
    return finished(talk, [_exchange(talk, about, reply, cert_status="revoked", reason="certificateHold")])


@WORKSHOP.piece("times.pcap", "no nextUpdate; thisUpdate in month 13, as UTCTime, with fractions, without Z; year 9999")
def times() -> Crafted:
    talk, about = Talk().open(), cert("debts")
    rows = [_exchange(talk, about, _signed([Single(about, GOOD, THIS_UPDATE, None)]))]
    for moment in (
        b"\x18\x0f20261301080000Z",
        b"\x17\x0d261001080000Z",
        b"\x18\x1120261001080000.5Z",
        b"\x18\x0e20261001080000",
    ):
        rows.append(_exchange(talk, about, _signed([Single(about, GOOD, moment, NEXT_UPDATE)])))
    far = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    rows.append(_exchange(talk, about, _signed([Single(about, GOOD, THIS_UPDATE, far)])))
    return finished(talk, rows, readable=False)
