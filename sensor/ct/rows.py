"""What the store keeps of one certificate: a Certificate to a compact blob and back.

The blob is a MessagePack array of about 30 bytes beside the names. What certificates share (issuer, source, the set of
URLs) is a number; what follows from something else (a subject that is only a common name that is the first host name)
is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from sensor.pki.certificates import Certificate
from sensor.pki.serial import render_serial

IS_CA = 1
MUST_STAPLE = 2
BARE_SUBJECT = 4  # the subject's text is "CN=" and the common name

ASKED: Final = "crt.sh"
"""The source whose answers stay for a time only (`online.keep_days`), since they say what was asked."""

UrlSet = tuple[tuple[str, ...], tuple[str, ...]]  # OCSP, CRL


Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Seconds = Annotated[int, msgspec.Meta(ge=-(1 << 40), le=1 << 40)]  # the years 1 to 9999 fit


class RowError(Exception):
    """The blob is no row: the store is damaged."""


class OtherNamesError(Exception):
    """A certificate is known by other names, and nobody answers for these."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """`common` is the common name, or its index in `dns`. Times in seconds; `lifetime` = not_after - not_before."""

    source: Number
    learned_at: Seconds
    not_before: Seconds
    lifetime: Seconds
    flags: Number
    urls: Number
    common: int | str | None
    dns: tuple[str, ...]
    subject: str | None = None
    ips: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    left_out: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode
_decode_urls: Callable[[bytes], UrlSet] = msgspec.msgpack.Decoder(UrlSet).decode


def row_of(facts: Certificate, source: int, learned_at: int, urls: int) -> Row:
    common: int | str | None = facts.common_name
    if common in facts.dns_names:
        common = facts.dns_names.index(common)
    bare = facts.common_name is not None and facts.subject_name == f"CN={facts.common_name}"
    return Row(
        source,
        learned_at,
        facts.not_before,
        facts.not_after - facts.not_before,
        IS_CA * facts.is_ca | MUST_STAPLE * facts.must_staple | BARE_SUBJECT * bare,
        urls,
        common,
        facts.dns_names,
        None if bare else facts.subject_name,
        facts.ip_addresses,
        facts.email_addresses,
        facts.names_left_out,
    )


def certificate_of(row: Row, serial: bytes, issuer_name: str, urls: UrlSet) -> Certificate:
    """`row_of`, reversed. Raises RowError."""
    common = row.common
    if isinstance(common, int):
        if not 0 <= common < len(row.dns):
            raise RowError("common name outside the names")
        common = row.dns[common]
    subject = row.subject
    if row.flags & BARE_SUBJECT:
        subject = f"CN={common}"
    return Certificate(
        serial_number=render_serial(b"\0" + serial),
        issuer_name=issuer_name,
        subject_name=subject or "",
        common_name=common,
        dns_names=row.dns,
        ip_addresses=row.ips,
        email_addresses=row.emails,
        not_before=row.not_before,
        not_after=row.not_before + row.lifetime,
        is_ca=bool(row.flags & IS_CA),
        must_staple=bool(row.flags & MUST_STAPLE),
        ocsp_urls=urls[0],
        crl_urls=urls[1],
        names_left_out=row.left_out,
    )


def encode_row(row: Row) -> bytes:
    return _encode(row)


def decode_row(blob: object) -> Row:
    """Raises RowError: also for what is no blob at all, since SQLite keeps any type in any column."""
    if not isinstance(blob, bytes):
        raise RowError("a row of another type")
    try:
        return _decode(blob)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RowError("a row that cannot be read") from None


def encode_urls(urls: UrlSet) -> bytes:
    return _encode(urls)


def decode_urls(blob: object) -> UrlSet:
    """Raises RowError."""
    if not isinstance(blob, bytes):
        raise RowError("URLs of another type")
    try:
        return _decode_urls(blob)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RowError("URLs that cannot be read") from None


def always() -> bool:
    """For `merge`: the new names are as good as the old ones."""
    return True


def merge(old: Row, new: Row, max_names: int, may_add: Callable[[], bool] = always) -> Row | None:
    """One row for one (issuer, serial): precertificate and certificate, two searches of crt.sh. None: `old` stays.

    Both are of one kind, since rows of unlike trust lie under different issuers: their names are united, in order of
    arrival, and everything else is as first learnt. Before names are added `may_add` is asked; if they are not to be,
    raises OtherNamesError.
    """
    old_names, new_names = (old.dns, old.ips, old.emails), (new.dns, new.ips, new.emails)
    united = [tuple(dict.fromkeys(a + b)) for a, b in zip(old_names, new_names, strict=True)]
    room = max_names
    kept = []
    for texts in united:
        kept.append(texts[:room])
        room -= len(kept[-1])
    if tuple(kept) == old_names:
        return None
    if not may_add():
        raise OtherNamesError
    left_out = max(old.left_out, new.left_out) + sum(map(len, united)) - sum(map(len, kept))
    return msgspec.structs.replace(old, dns=kept[0], ips=kept[1], emails=kept[2], left_out=left_out)
