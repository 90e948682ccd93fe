"""What log lines share: their beginnings, text off the wire as JSON text, times.

What recurs is rendered once and remembered, each kind within a limit. Compiled where a compiler is found (parts.pxd).
"""

from __future__ import annotations

from enum import Enum

from sensor.http.grammar import unescape_uri
from sensor.kept import Kept
from sensor.logs.buffer import LineBuffer
from sensor.logs.community_id import community_id
from sensor.logs.encode import FORMS, cut_text, encode_str, encode_text, encode_time, is_longer
from sensor.logs.local_nets import LocalNets, pack_address
from sensor.logs.records import STREAMS
from sensor.settings import LogSettings
from sensor.weird import FlowId

CONN, HTTP, FILES, OCSP, WEIRD, NOTICE, OCSP_EXCHANGE, LEAK, STATS, CAPTURE_LOSS, OWN_STATS, CLEARTEXT, CRL, X509 = (
    range(14)
)
WEIRD_STATS, LIMITS = 14, 15
"""Places in STREAMS."""

_MAX_REMEMBERED = 2048  # texts of one kind
_MAX_REMEMBERED_BYTES = 128  # of one such text


class Parts:
    """Shared by the renderers of one log writer. With `with_path`, and with `settings.stream`, lines begin with _path.

    `flow_text` is uid and id.* of the flow that was last asked for, `orig_local` and `resp_local` whether its ends are
    in `local_nets`. `cuts` is how often a text was written cut: one that was is not remembered, here or by whoever
    remembers what it stands in, so that it is counted each time.
    """

    def __init__(self, settings: LogSettings, local_nets: LocalNets, with_path: bool) -> None:
        self.form = FORMS[settings.timestamps]
        self._local_nets = local_nets
        self.with_write_ts = settings.stream
        self._max_bytes = settings.max_field_bytes
        self.cuts = 0
        start = '"_write_ts":' if settings.stream else '"ts":'
        self._heads = [f'{{"_path":"{name}",{start}' if with_path or settings.stream else '{"ts":' for name in STREAMS]
        self._flow: FlowId | None = None
        self.flow_text = ""
        self.orig_local = self.resp_local = False
        self._community = ""
        self._target: bytes | None = None
        self._target_plain = b""
        self._target_text = ""
        self._texts: dict[bytes, str] = {}
        self._strs: dict[str, str] = {}
        self._hexes: dict[bytes, str] = {}
        self._times: dict[int, str] = {}
        self._words = Kept()
        # Texts that came in one object each time, as those of records that decoders remember do: a third of the time
        # that it takes to find them by what they say.
        self._same_texts, self._same_strs, self._same_dates = Kept(), Kept(), Kept()

    def begin(self, out: LineBuffer, stream: int, us: int, end: int) -> None:
        """Begins a line with its ts; the record was complete at `end` (both microseconds)."""
        out.begin(self._heads[stream])
        if self.with_write_ts:
            out.moment(end, self.form)
            out.raw('"ts":')
        out.moment(us, self.form)

    def use_flow(self, flow: FlowId) -> str:
        """Returns `flow_text`. The lines of one flow come together: the last one asked for is remembered."""
        if flow is not self._flow:
            self._flow = flow
            self._community = ""
            self.flow_text = (
                f'"uid":"{flow.uid}","id.orig_h":"{flow.orig_h}","id.orig_p":{flow.orig_p},'
                f'"id.resp_h":"{flow.resp_h}","id.resp_p":{flow.resp_p},'
            )
            self.orig_local = self._local_nets.is_local(flow.orig_h)
            self.resp_local = self._local_nets.is_local(flow.resp_h)
        return self.flow_text

    def write_flow(self, out: LineBuffer, flow: FlowId) -> None:
        """Writes what `use_flow` returns, for the one line of a flow of which no more lines come."""
        if flow is self._flow:
            out.raw(self.flow_text)
            return
        out.string("uid", flow.uid)
        out.string("id.orig_h", flow.orig_h)
        out.number("id.orig_p", flow.orig_p)
        out.string("id.resp_h", flow.resp_h)
        out.number("id.resp_p", flow.resp_p)
        self.orig_local = self._local_nets.is_local(flow.orig_h)
        self.resp_local = self._local_nets.is_local(flow.resp_h)
        self._flow = None  # the flow that these two are of is not the one remembered

    def community_id(self, flow: FlowId) -> str:
        self.use_flow(flow)
        if not self._community:
            orig, resp = pack_address(flow.orig_h), pack_address(flow.resp_h)
            self._community = community_id(orig, flow.orig_p, resp, flow.resp_p, flow.proto)
        return self._community

    def uri(self, target: bytes) -> str:
        """A request target percent-decoded, whole, as http.log has it."""
        if target is not self._target:
            self._target = target
            self._target_plain = unescape_uri(target)
            self._target_text = encode_text(self._target_plain)
        return self._target_text

    def short_uri(self, target: bytes) -> str:
        """The same, cut to the longest text of our own logs."""
        text = self.uri(target)
        if len(self._target_plain) > self._max_bytes:
            self.cuts += 1
            return encode_text(cut_text(self._target_plain, self._max_bytes))
        return text

    def text(self, raw: bytes) -> str:
        """Bytes off the wire, whole."""
        same: str | None = self._same_texts.get(raw)
        if same is not None:
            return same
        known = self._texts.get(raw)
        if known is None:
            known = encode_text(raw)
            if len(raw) <= _MAX_REMEMBERED_BYTES:
                if len(self._texts) >= _MAX_REMEMBERED:
                    self._texts.clear()
                self._texts[raw] = known
        else:
            self._same_texts.put(raw, known)
        return known

    def short_text(self, raw: bytes) -> str:
        """Bytes off the wire, cut to the longest text of our own logs."""
        if len(raw) <= self._max_bytes:
            return self.text(raw)
        self.cuts += 1
        return self.text(cut_text(raw, self._max_bytes))

    def long_str(self, text: str, limit: int) -> str:
        """Text of which Zeek's own logs have more: `limit` bytes."""
        if is_longer(text, limit):
            self.cuts += 1
        return encode_str(text, limit)

    def short_str(self, text: str) -> str:
        """Text that was decoded from the wire or from a certificate, cut likewise."""
        same: str | None = self._same_strs.get(text)
        if same is not None:
            return same
        known = self._strs.get(text)
        if known is None:
            known = encode_str(text, self._max_bytes)
            if is_longer(text, self._max_bytes):
                self.cuts += 1
            elif len(text) <= _MAX_REMEMBERED_BYTES:
                if len(self._strs) >= _MAX_REMEMBERED:
                    self._strs.clear()
                self._strs[text] = known
        else:
            self._same_strs.put(text, known)
        return known

    def word(self, member: Enum) -> str:
        """The value of a member of a closed set: reading it from the member costs four times as much."""
        known: str | None = self._words.get(member)
        if known is None:
            known = str(member.value)
            self._words.put(member, known)
        return known

    def hex(self, octets: bytes) -> str:
        """Upper-case hex, of hashes mostly, of which few different ones come: those of issuers."""
        known = self._hexes.get(octets)
        if known is None:
            known = octets[: self._max_bytes].hex().upper()
            if len(octets) > self._max_bytes:
                self.cuts += 1
            elif len(octets) <= _MAX_REMEMBERED_BYTES:
                if len(self._hexes) >= _MAX_REMEMBERED:
                    self._hexes.clear()
                self._hexes[octets] = known
        return known

    def time(self, out: LineBuffer, name: str, ns: int) -> None:
        """A field with a time that a message states, in nanoseconds since 1970."""
        known = self._times.get(ns)
        if known is None:
            known = encode_time(ns // 1000, self.form)
            if len(self._times) >= _MAX_REMEMBERED:
                self._times.clear()
            self._times[ns] = known
        out.value(name, known)

    def date(self, out: LineBuffer, name: str, second: int) -> None:
        """A field with a time that a certificate states, in seconds since 1970."""
        known: str | None = self._same_dates.get(second)
        if known is None:
            known = encode_time(second * 1000000, self.form)
            self._same_dates.put(second, known)
        out.value(name, known)
