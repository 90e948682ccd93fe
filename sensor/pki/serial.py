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
