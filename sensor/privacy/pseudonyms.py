"""What tells who or what, to what tells only whether it is the same: for one key always the same, without it no guess
can be tried.

Addresses keep their prefixes (crypto_pan), all else is a keyed digest of 256 bits (BLAKE2b, RFC 7693), of which each
kind of value shows as much as it has room for, in a form that what reads logs still takes: the same text gives the same
digits, whatever log it stands in.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from sensor.flow.uid import render_words
from sensor.privacy.crypto_pan import CryptoPan

_DIGITS: Final = 32  # of 64 hexadecimal ones: 128 bits
_OF_NAME: Final = 24
_MAX_REMEMBERED_TEXT: Final = 256  # characters
_PORT = re.compile(r":[0-9]{1,5}")
_URL = re.compile(r"(https?|ldaps?|ftp)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_SIGNER = re.compile(r"by(Name|Key):(.*)", re.DOTALL)


class Pseudonyms:
    """Of one key of 32 octets. `remembered`: values of each kind that are not computed anew."""

    def __init__(self, key: bytes, remembered: int) -> None:
        """Raises ValueError if the key is not 32 octets."""
        pan = CryptoPan(key, remembered)
        self._addresses = pan
        self._pan = pan.address
        # Addresses are under the key itself, as other programs' are; nothing else is.
        self._key = blake2b(key=key, digest_size=32, person=b"ocspwatch-text").digest()
        self._known = lru_cache(remembered)(self._digest)

    @property
    def forgotten(self) -> int:
        """How many that were remembered had to go."""
        info = self._known.cache_info()
        return info.misses - info.currsize + self._addresses.forgotten

    def digits(self, text: str) -> str:
        """64 hexadecimal digits, in lower case."""
        return self._known(text) if len(text) <= _MAX_REMEMBERED_TEXT else self._digest(text)

    def _digest(self, text: str) -> str:
        return blake2b(text.encode(errors="surrogatepass"), key=self._key, digest_size=32).hexdigest()

    def text(self, text: str) -> str:
        """Of whatever has no form of its own."""
        return self.digits(text)[:_DIGITS]

    def address(self, text: str) -> str:
        """An address, as one; anything else as text."""
        return self._pan(text) or self.text(text)

    def uid(self, text: str) -> str:
        """A uid or fuid, in the shape that it had."""
        octets = bytes.fromhex(self.digits(text))
        prefix = text[0] if text[:1] in {"C", "F"} else "C"
        return render_words(prefix, int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:12], "big"))

    def name(self, text: str) -> str:
        """A host's name, or address, with its port if it has one: names end on .invalid (RFC 2606)."""
        host, port = text, ""
        head, _, tail = text.rpartition(":")
        if head and _PORT.fullmatch(f":{tail}") and (":" not in head or head.endswith("]")):
            host, port = head, f":{tail}"
        known = self._pan(host.removeprefix("[").removesuffix("]"))
        if known is not None:
            return (f"[{known}]" if host.startswith("[") else known) + port
        return f"{self.digits(host.lower().removesuffix('.'))[:_OF_NAME]}.invalid{port}"

    def mail(self, text: str) -> str:
        """A mail address."""
        return f"{self.digits(text.lower())[:_OF_NAME]}@mail.invalid"

    def uri(self, text: str) -> str:
        """A request target: a URL as one, else as a path."""
        return self.url(text) if _URL.match(text) else f"/{self.text(text)}"

    def url(self, text: str) -> str:
        """A URL; of its host the name's pseudonym, of the rest the path's. Other text as text."""
        found = _URL.fullmatch(text)
        if found is None:
            return self.text(text)
        scheme, host, rest = found.groups()
        return f"{scheme.lower()}://{self.name(host)}{self.uri(rest) if rest not in {'', '/'} else rest}"

    def serial(self, text: str) -> str:
        """Upper-case hex; never as long as it was."""
        return self.digits(text.upper())[:_DIGITS].upper()

    def fingerprint(self, text: str) -> str:
        """The hash of something, in hex: as long as it was, up to 64 digits, and in its case."""
        digits = self.digits(text.upper())[: len(text)]
        return digits if text == text.lower() else digits.upper()

    def subject(self, text: str) -> str:
        """A distinguished name."""
        return f"CN={self.text(text)}"

    def signer(self, text: str) -> str:
        """A responder's name as byName:... or byKey:..."""
        found = _SIGNER.fullmatch(text)
        if found is None:
            return self.text(text)
        kind, rest = found.groups()
        return f"by{kind}:{self.fingerprint(rest) if kind == 'Key' else self.subject(rest)}"
