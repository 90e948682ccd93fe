"""CRLs that are fetched: whole, broken, forged, ahead of time, and with OCSP about what is on them."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pcaps.lab import capturefile, wire
from pcaps.lab.authority import Authority
from pcaps.lab.crafting import Crafted, Workshop
from pcaps.lab.fennwick import (
    CA,
    HOST,
    NEXT_UPDATE,
    NOW,
    REVOKED_AT,
    SIGNER,
    SITES,
    THIS_UPDATE,
    answer,
    by_post,
    cert,
    row,
    single,
)
from pcaps.lab.frames import START, Segment, Talk, packets
from pcaps.lab.plain import Visit, talk_of
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import revoked

WORKSHOP = Workshop("revocation")
SECOND = 10**9


def capture(talks: list[Talk], rows: list[Exchange], readable: bool = True) -> Crafted:
    """All of these conversations, in the order of their times."""
    segments: list[Segment] = [segment for talk in talks for segment in talk.segments]
    return Crafted(capturefile.pcap(packets(sorted(segments, key=lambda each: each.ts))), rows, readable)


def _crl(
    *serials: int, shard: str | None = None, by: Authority = CA, update: dt.datetime = THIS_UPDATE, number: int = 17
) -> bytes:
    """A CRL of a CA in DER, by a deterministic signature (RFC 6979)."""
    builder = x509.CertificateRevocationListBuilder(by.issued.cert.subject)
    builder = builder.last_update(update).next_update(NEXT_UPDATE)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    if shard is not None:
        point = x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier(shard)], None, True, False, None, False, False
        )
        builder = builder.add_extension(point, critical=True)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, REVOKED_AT).build())
    key = by.issued.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def _fetched(target: str, body: bytes, port: int = 49160, now: int = START) -> Talk:
    visit = Visit(
        target, host="crl.fennwick.example", agent="Microsoft-CryptoAPI/10.0", reply=body,
        reply_type="application/pkix-crl",
    )  # fmt: skip
    return talk_of([visit], orig=("10.20.0.31", port), resp=("198.51.100.41", 80), now=now)


SHARD = "http://crl.fennwick.example/42.crl"
LISTED = SITES["harbour"].cert.serial_number


@WORKSHOP.piece("crl-shard.pcap", "a CRL that says it is shard 42 is fetched")
def crl_shard() -> Crafted:
    return capture([_fetched("/42.crl", _crl(4711, shard=SHARD))], [])


@WORKSHOP.piece("crl-broken.pcap", "the second of a CRL's three entries is damaged")
def crl_broken() -> Crafted:
    whole = _crl(4711, 4712, 4713)
    damaged = whole.replace(wire.integer(4712), b"\xff" + wire.integer(4712)[1:])
    return capture([_fetched("/ca3.crl", damaged)], [])


@WORKSHOP.piece("crl-after-ocsp.pcap", "a certificate is good by OCSP, and then on a CRL that is fetched")
def crl_after_ocsp() -> Crafted:
    talk = Talk().open()
    found = by_post("harbour").play(talk)
    return capture([talk.close(), _fetched("/42.crl", _crl(LISTED, shard=SHARD), now=talk.now + SECOND)], [found])


@WORKSHOP.piece("ocsp-after-crl.pcap", "a certificate is on a CRL that is fetched, and then good by OCSP")
def ocsp_after_crl() -> Crafted:
    crl = _fetched("/42.crl", _crl(LISTED, shard=SHARD))
    talk = Talk(now=crl.now + SECOND).open()
    found = by_post("harbour").play(talk)
    return capture([crl, talk.close()], [found])


@WORKSHOP.piece("revoked-on-crl.pcap", "a certificate is on a CRL that is fetched, and revoked by OCSP, too")
def revoked_on_crl() -> Crafted:
    crl, about = _fetched("/42.crl", _crl(LISTED, shard=SHARD)), cert("harbour")
    talk = Talk(now=crl.now + SECOND).open()
    ts = talk.ask(by_post("harbour").question)
    talk.answer(wire.http_reply(answer(single(about, revoked(REVOKED_AT, 4)))))
    return capture([crl, talk.close()], [row(talk, ts, about, cert_status="revoked", reason="superseded")])


@WORKSHOP.piece(
    "ocsp-older-than-crl.pcap", "a certificate is on a CRL, and then good by an answer made before that CRL"
)
def ocsp_older_than_crl() -> Crafted:
    return _then_good(_crl(LISTED, shard=SHARD, update=THIS_UPDATE + dt.timedelta(hours=2)))


@WORKSHOP.piece("revoked-on-newer-crl.pcap", "a certificate is on a CRL, and revoked by an answer made before that CRL")
def revoked_on_newer_crl() -> Crafted:
    crl = _fetched("/42.crl", _crl(LISTED, shard=SHARD, update=THIS_UPDATE + dt.timedelta(hours=2)))
    talk, about = Talk(now=crl.now + SECOND).open(), cert("harbour")
    ts = talk.ask(by_post("harbour").question)
    talk.answer(wire.http_reply(answer(single(about, revoked(REVOKED_AT, 4)))))
    return capture([crl, talk.close()], [row(talk, ts, about, cert_status="revoked", reason="superseded")])


@WORKSHOP.piece("crl-forged.pcap", "a certificate is on a CRL whose signature is wrong, and good by OCSP")
def crl_forged() -> Crafted:
    whole = _crl(LISTED, shard=SHARD)
    return _then_good(whole[:-1] + bytes([whole[-1] ^ 1]))


@WORKSHOP.piece("crl-future.pcap", "a certificate is on a CRL whose thisUpdate is a day ahead, and good by OCSP")
def crl_future() -> Crafted:
    return _then_good(_crl(LISTED, shard=SHARD, update=NOW + dt.timedelta(days=1)))


@WORKSHOP.piece("crl-emptied.pcap", "a certificate is on a CRL, not on the next one, and good by OCSP")
def crl_emptied() -> Crafted:
    return _then_good(
        _crl(LISTED, shard=SHARD), _crl(shard=SHARD, update=THIS_UPDATE + dt.timedelta(hours=2), number=18)
    )


def _then_good(*crls: bytes) -> Crafted:
    talks = []
    for number, crl in enumerate(crls):
        now = talks[-1].now + SECOND if talks else START
        talks.append(_fetched("/42.crl", crl, 49160 + number, now))
    talk = Talk(now=talks[-1].now + SECOND).open()
    found = by_post("harbour").play(talk)
    return capture([*talks, talk.close()], [found])


UNHEARD = Authority("Unheard-of CA", "Unheard-of", NOW, deterministic=True)
"""No certificate of it is in certs/."""


@WORKSHOP.piece("crl-unverified.pcap", "a certificate is on a CRL, and good by OCSP, of a CA that nobody here knows")
def crl_unverified() -> Crafted:
    about = wire.cert_from(UNHEARD, bytes([0x51]) * 16)
    crl = _fetched("/unheard.crl", _crl(int.from_bytes(about.serial), by=UNHEARD))
    talk = Talk(now=crl.now + SECOND).open()
    ts = talk.ask(wire.http_request("POST", "/", HOST, body=wire.request(about)))
    talk.answer(wire.http_reply(answer(single(about))))
    return capture([crl, talk.close()], [row(talk, ts, about)])


@WORKSHOP.piece(
    "revoked-unverified.pcap",
    "revoked by replies that anybody may have made: no signer's certificate, and an unknown CA's",
)
def revoked_unverified() -> Crafted:
    talk, rows = Talk().open(), []
    why = {
        "keyCompromise": revoked(REVOKED_AT, 1),
        "certificateHold": revoked(REVOKED_AT, 6),
        "never issued": revoked(NOW.fromtimestamp(0, NOW.tzinfo), 6),
    }
    asked = [(cert("harbour"), text) for text in why] + [(wire.cert_from(UNHEARD, bytes([0x52]) * 16), "keyCompromise")]
    for about, text in asked:
        ts = talk.ask(wire.http_request("POST", "/", HOST, body=wire.request(about)))
        unsigned = wire.response([single(about, why[text])], SIGNER, produced_at=THIS_UPDATE)
        talk.answer(wire.http_reply(unsigned))
        reason = "certificateHold" if text == "never issued" else text
        rows.append(row(talk, ts, about, cert_status="revoked", reason=reason))
    return capture([talk.close()], rows)


@WORKSHOP.piece("crl-unanswered.pcap", "a CRL is asked for, and does not come")
def crl_unanswered() -> Crafted:
    talk = Talk().open()
    talk.ask(Visit("/42.crl", host="crl.fennwick.example", agent="Microsoft-CryptoAPI/10.0").question())
    return capture([talk.close()], [])
