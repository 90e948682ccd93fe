"""The user name in an Authorization header, as Zeek's http.log has it; the password is never kept."""

from __future__ import annotations

import binascii
import re

_BASIC = re.compile(rb"basic ", re.IGNORECASE)
_SCHEME = re.compile(rb"basic[ \t]+", re.IGNORECASE)


def basic_user(value: bytes) -> bytes | None:
    """The user of Basic credentials (RFC 7617); None for another scheme.

    Where they cannot be read, the text Zeek logs instead: <problem-decoding> and the value in parentheses.
    """
    if _BASIC.match(value) is None:
        return None
    try:
        user, colon, _ = binascii.a2b_base64(_SCHEME.sub(b"", value, count=1)).partition(b":")
    except binascii.Error:
        colon = b""
    return user if colon else b"<problem-decoding> (%b)" % value
