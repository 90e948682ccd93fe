"""What a certificate says that a sensor needs: who issued it, whom it names, how long it holds."""

from __future__ import annotations

import msgspec


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """Names as written in the certificate, in order, without repeats; times are integer seconds since 1970."""

    serial_number: str  # pki.serial.render_serial text
    issuer_name: str  # RFC 4514 text
    subject_name: str
    common_name: str | None
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    email_addresses: tuple[str, ...]
    not_before: int
    not_after: int
    is_ca: bool
    must_staple: bool
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]
