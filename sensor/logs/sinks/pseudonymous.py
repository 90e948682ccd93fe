"""In front of a sink: what tells who or what in each line becomes a pseudonym, field by field (logs.treatment).

Rules have seen the events by then, in clear. What rules and this program say in sentences keeps its own words: their
templates say which those are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from math import floor
from typing import Final

import msgspec

from sensor.logs.community_id import community_id
from sensor.logs.records import STREAMS
from sensor.logs.sinks.sink import EventSink
from sensor.logs.treatment import Treatment, known_words, treatments
from sensor.privacy.pseudonyms import Pseudonyms

Parts = tuple[str, ...]
"""Of a sentence: its own words, what is filled in, its own words, and so on; as `rules.template` has them."""

_HOUR_S: Final = 3600
_DAY_S: Final = 86400
_ABSENT: Final = "-"
_TCP: Final = 6
_Line = dict[str, msgspec.Raw]
# What logs.disclosures says of a leak, as parts.
_LEAK: Final = ("", "src", " told everyone on the path to ", "dst", " that it deals with ", "what", "")
_SITE: Final = re.compile(r"(one of [0-9]{1,7} sites, such as )?([^\s]+)")
_ABOUT: Final = re.compile(
    r"((?:exact|few|many|ca|unlisted): )(?:(serial )([0-9A-F]+)|(CRL )([^\s]+))(?:( issued by )(.*?))?"
    r"(; can be read otherwise: [a-z, ]{1,40})?",
    re.DOTALL,
)


class PseudonymSink:
    """Owns `sink`. `sentences`: of each rule by its id, the parts of its msg and sub."""

    def __init__(
        self, sink: EventSink, pseudonyms: Pseudonyms, sentences: Mapping[str, tuple[Parts, Parts]] | None = None
    ) -> None:
        self.merged = sink.merged
        self._sink = sink
        self._pseudonyms = pseudonyms
        self._sentences = dict(sentences or {})
        self._decoder = msgspec.json.Decoder(_Line)
        self._value = msgspec.json.Decoder(str | list[str])
        self._words = known_words()
        self._tables = {stream: treatments(stream) for stream in STREAMS}
        names = {name for table in self._tables.values() for name in table}
        self._keys = {name: msgspec.json.encode(name) + b":" for name in names}
        self._of_text: dict[Treatment, Callable[[str], str]] = {
            Treatment.word: self._word,
            Treatment.text: pseudonyms.text,
            Treatment.address: pseudonyms.address,
            Treatment.name: pseudonyms.name,
            Treatment.uid: pseudonyms.uid,
            Treatment.uri: pseudonyms.uri,
            Treatment.url: pseudonyms.url,
            Treatment.mail: pseudonyms.mail,
            Treatment.serial: pseudonyms.serial,
            Treatment.fingerprint: pseudonyms.fingerprint,
            Treatment.subject: pseudonyms.subject,
            Treatment.signer: pseudonyms.signer,
            Treatment.proxy: self._proxy,
            Treatment.place: self._place,
        }
        self.left_out = 0
        """Fields that were not in the table: none, unless this program is broken."""

    def write(self, stream: str, lines: bytes) -> None:
        self._sink.write(stream, b"".join([self._rewritten(stream, line) for line in lines.splitlines()]))

    def close(self) -> None:
        self._sink.close()

    def _rewritten(self, stream: str, line: bytes) -> bytes:
        values = self._decoder.decode(line)
        if self.merged:
            stream = self._text(values["_path"])
        table = self._tables[stream]
        out = []
        for name, raw in values.items():
            treatment = table.get(name)
            if treatment is None:
                self.left_out += 1
                continue
            out.append(self._keys[name] + self._treated(treatment, name, raw, values))
        return b"{" + b",".join(out) + b"}\n"

    def _treated(self, treatment: Treatment, name: str, raw: msgspec.Raw, values: _Line) -> bytes:
        """The JSON of one value."""
        if treatment is Treatment.keep:
            return bytes(raw)
        if treatment is Treatment.hour:
            return _rounded(bytes(raw), _HOUR_S)
        if treatment is Treatment.day:
            return _rounded(bytes(raw), _DAY_S)
        if treatment is Treatment.community:
            return msgspec.json.encode(self._community(values))
        if treatment is Treatment.sentence:
            return msgspec.json.encode(self._sentence(name, self._text(raw), values))
        replace = self._of_text[treatment]
        value = self._value.decode(raw)
        if isinstance(value, list):
            return msgspec.json.encode([replace(each) for each in value])
        return msgspec.json.encode(replace(value))

    def _text(self, raw: msgspec.Raw | None) -> str:
        value = "" if raw is None else self._value.decode(raw)
        return value if isinstance(value, str) else ""

    def _word(self, text: str) -> str:
        return text if text in self._words else self._pseudonyms.text(text)

    def _proxy(self, text: str) -> str:
        """NAME -> value, where the name is one of a few that logs.render looks for."""
        name, arrow, value = text.partition(" -> ")
        return f"{name} -> {self._pseudonyms.text(value)}" if arrow else self._pseudonyms.text(text)

    def _place(self, text: str) -> str:
        """uri:, body: or a header's name, and text that attacks what reads it."""
        place, colon, rest = text.partition(":")
        if not colon:
            return self._pseudonyms.text(text)
        return f"{place if place in {'uri', 'body'} else self._pseudonyms.text(place)}:{self._pseudonyms.text(rest)}"

    def _community(self, values: _Line) -> str:
        orig, resp = (
            ip_address(self._pseudonyms.address(self._text(values[f"id.{side}_h"]))).packed for side in ("orig", "resp")
        )
        return community_id(orig, int(bytes(values["id.orig_p"])), resp, int(bytes(values["id.resp_p"])), _TCP)

    def _sentence(self, field: str, text: str, values: _Line) -> str:
        """msg or sub of a notice."""
        if "rule_id" in values:
            parts = self._sentences.get(self._text(values["rule_id"]))
            return self._filled(text, parts[field == "sub"]) if parts is not None else self._pseudonyms.text(text)
        if "uid" not in values:  # of the sensor itself: it counts, and names nobody
            return text
        return self._filled(text, _LEAK) if field == "msg" else self._about(text)

    def _about(self, text: str) -> str:
        """Grade, serial number or CRL, and issuer of a leak."""
        names, found = self._pseudonyms, _ABOUT.fullmatch(text)
        if found is None:
            return names.text(text)
        grade, serial, number, crl, url, issued, issuer, doubt = found.groups()
        what = f"{serial}{names.serial(number)}" if serial else f"{crl}{names.url(url)}"
        whose = f"{issued}{names.subject(issuer)}" if issued else ""
        return f"{grade}{what}{whose}{doubt or ''}"

    def _filled(self, text: str, parts: Parts) -> str:
        """The words of `parts` stay; what stands between them, wherever it ends, does not."""
        if not text.startswith(parts[0]) or not text.endswith(parts[-1]):
            return self._pseudonyms.text(text)
        out = [parts[0]]
        at = len(parts[0])
        for place in range(2, len(parts), 2):
            words = parts[place]
            last = place == len(parts) - 1
            end = len(text) - len(words) if last else text.find(words, at) if words else at
            if end < at:
                return self._pseudonyms.text(text)
            out += [self._value_in(text[at:end]), words]
            at = end + len(words)
        if at != len(text):
            return self._pseudonyms.text(text)
        return "".join(out)

    def _value_in(self, text: str) -> str:
        """An address and a site as such; "-" stands for nothing."""
        if text in {"", _ABSENT, "a certificate"}:
            return text
        found = _SITE.fullmatch(text)
        return self._pseudonyms.text(text) if found is None else (found[1] or "") + self._pseudonyms.name(found[2])


def _rounded(raw: bytes, step_s: int) -> bytes:
    """A time in any of the forms that logs have, down to a whole step."""
    if raw.startswith(b'"'):
        moment = datetime.fromisoformat(raw[1:-1].decode("ascii"))
        start = moment.replace(minute=0, second=0, microsecond=0)
        return b'"' + _iso(start if step_s == _HOUR_S else start.replace(hour=0)).encode() + b'"'
    if b"." in raw:
        return b"%d.0" % (floor(float(raw)) // step_s * step_s)
    return b"%d" % (int(raw) // (step_s * 1000) * step_s * 1000)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
