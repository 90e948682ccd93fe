"""The one spelling of a serial number: Zeek's. Upper-case hex, two digits a byte, no sign byte, "-" if negative."""

from __future__ import annotations


def render_serial(octets: bytes) -> str:
    """Contents octets of a DER INTEGER (two's complement, any padding) to text; no octets give "00".

    The form is OpenSSL's i2a_ASN1_INTEGER as Zeek logs it: magnitude without leading zero bytes, at least one byte.
    """
    if not octets:
        return "00"
    if octets[0] & 0x80:
        value = -int.from_bytes(octets, "big", signed=True)
        return "-" + value.to_bytes((value.bit_length() + 7) // 8, "big").hex().upper()
    return octets.lstrip(b"\0").hex().upper() or "00"


class SerialError(ValueError):
    """The text is no serial number in any spelling."""


_BLANKS = str.maketrans("", "", " :-\t\n")
_MAX_TEXT = 1024  # digits; a serial has at most 20 octets (RFC 5280 4.1.2.2), some had hundreds of digits


def parse_serial(text: str, *, decimal: bool = False) -> str:
    """Any spelling a person pastes to `render_serial` text: colons, blanks, 0x, lower case, leading zeros, odd digits.

    A leading "-" is a negative number; inside, "-" and ":" separate bytes. Raises SerialError.
    """
    stripped = text.strip()
    negative = stripped.startswith("-")
    digits = stripped.translate(_BLANKS)
    if digits[:2] in ("0x", "0X") and not decimal:
        digits = digits[2:]
    if not digits or len(digits) > _MAX_TEXT or not digits.isascii() or not digits.isalnum():
        raise SerialError(f"not a serial number: {text[:80]!r}")
    try:
        if decimal:
            value = int(digits)
            octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
        else:
            octets = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    except ValueError:
        kind = "decimal" if decimal else "hexadecimal"
        raise SerialError(f"not a {kind} serial number: {text[:80]!r}") from None
    magnitude = octets.lstrip(b"\0").hex().upper() or "00"
    return f"-{magnitude}" if negative and magnitude != "00" else magnitude
