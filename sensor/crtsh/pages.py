"""crt.sh's answers over HTTP: rows of a search as JSON, and certificates. What is anything else is a failure.

`?serial=`, `?ski=` (both with output=json) and `?d=` (fnc/web_apis.fnc, fnc/download_cert.fnc in crtsh/certwatch_db).
An error inside the database comes as text/html with status 200, so the media type decides before anything is read.
"""

from __future__ import annotations

import io
import random
from itertools import islice
from typing import Annotated, Final, Protocol

import msgspec

from sensor.crtsh.pace import Pace
from sensor.ct.sources import DerItem
from sensor.ct.sources.pem import read_pem
from sensor.online.fetching import Answer, FetchError
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.pki.serial import SerialError, parse_serial
from sensor.settings import CtSettings, OnlineSettings

_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
_FIRST_WAIT_S: Final = 2.0
_JSON: Final = "application/json"
_PEM_AROUND: Final = 4096  # text beside the base64 of a certificate


class AskError(Exception):
    """No answer that can be used, in a few words; never "not found". `leave_for_s`: the server wants no question for so
    long."""

    def __init__(self, reason: str, leave_for_s: float = 0.0) -> None:
        super().__init__(reason)
        self.leave_for_s = leave_for_s


class Getter(Protocol):
    """`online.fetching.Fetcher`'s part that is used here: one GET, no redirect followed, bounded in time and size."""

    def get(self, url: str, accept: str = "*/*", max_bytes: int | None = None) -> Answer:
        """Raises FetchError."""
        ...


Number = Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]


class Row(msgspec.Struct, frozen=True):
    """One certificate, or precertificate, of a search: its number at crt.sh, its issuer's, and its serial number."""

    id: Number
    issuer_ca_id: Number
    serial_number: str


_decode_rows = msgspec.json.Decoder(list[Row]).decode


class Pages:
    """Asks. Every request waits for its turn; what may pass is tried again."""

    def __init__(self, getter: Getter, pace: Pace, settings: OnlineSettings, ct: CtSettings) -> None:
        self._getter = getter
        self._pace = pace
        self._url = settings.crtsh_url
        self._max_rows = settings.max_rows
        self._max_tries = settings.max_tries
        self._max_retry_after_s = settings.max_retry_after_s
        self._max_certificate_bytes = ct.max_certificate_bytes
        self._max_pem_bytes = min(settings.max_answer_bytes, ct.max_certificate_bytes * 3 // 2 + _PEM_AROUND)
        self._max_names = ct.max_names

    def with_serial(self, serial: str) -> list[Row]:
        """All certificates with this serial number (`render_serial` text, not negative), whoever issued them; none is
        an answer, too. Raises AskError and Stopped."""
        rows = self._rows(f"serial={serial}")
        for row in rows:
            try:
                same = parse_serial(row.serial_number) == serial
            except SerialError:
                same = False
            if not same:
                raise AskError("an answer about another serial number")
        return rows

    def with_key_id(self, key_id: bytes) -> list[Row]:
        """All certificates with this subject key identifier. Raises AskError and Stopped."""
        return self._rows(f"ski={key_id.hex()}")

    def certificate(self, number: int) -> SignedCertificate:
        """Raises AskError and Stopped."""
        answer = self._get(f"d={number}", "application/pkix-cert, application/x-pem-file", self._max_pem_bytes)
        if answer.media_type == "text/html":
            raise AskError("HTML instead of a certificate")
        items = list(islice(read_pem(io.BytesIO(answer.body), self._max_certificate_bytes), 2))
        if len(items) != 1 or not isinstance(items[0], DerItem):
            raise AskError("not one certificate")
        try:
            return decode_certificate(items[0].der, self._max_names)
        except CertificateError:
            raise AskError("a certificate that cannot be read") from None

    def _rows(self, query: str) -> list[Row]:
        answer = self._get(f"{query}&output=json", _JSON)
        if answer.media_type != _JSON:
            what = "HTML" if answer.media_type == "text/html" else "something else"
            raise AskError(f"{what} instead of JSON")
        # No name has a brace. Decoded, a hundred thousand rows keep the interpreter, and so the packets, for 0.1 s.
        if answer.body.count(b"{") > self._max_rows:
            raise AskError(f"more than {self._max_rows:,} rows")
        try:
            return _decode_rows(answer.body)
        except msgspec.ValidationError:
            raise AskError("JSON that is not crt.sh's") from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise AskError("JSON that cannot be read") from None

    def _get(self, query: str, accept: str, max_bytes: int | None = None) -> Answer:
        """A 200."""
        for tries in range(1, self._max_tries + 1):
            self._pace.wait()
            wait = random.uniform(0.5, 1.0) * _FIRST_WAIT_S * 2 ** (tries - 1)  # noqa: S311 (spreads load, no secret)
            try:
                answer = self._getter.get(f"{self._url}?{query}", accept, max_bytes)
            except FetchError as error:
                reason = str(error)
            else:
                if answer.status == 200:
                    return answer
                reason = f"status {answer.status}"
                asked = answer.retry_after_s or 0.0
                if asked > self._max_retry_after_s:
                    raise AskError(reason, asked)
                if answer.status not in _TRANSIENT:
                    raise AskError(reason)
                wait += asked
            self._pace.hold(wait)
        raise AskError(reason)
