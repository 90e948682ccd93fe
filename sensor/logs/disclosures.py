"""What OCSP messages said, and what that gave away, to log lines: ocsp.log, ocsp_exchange.log, leak.log, notice.log.

See `logs.render`, whose ways these are. Compiled where a compiler is found (disclosures.pxd).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from sensor.audit.findings import Audit, is_verified
from sensor.fetch.model import Fetch, OnCrl
from sensor.kept import Kept
from sensor.logs.buffer import LineBuffer
from sensor.logs.encode import encode_micros
from sensor.logs.observer import Notice
from sensor.logs.parts import LEAK, NOTICE, OCSP, OCSP_EXCHANGE, Parts
from sensor.ocsp.model import CertId, OcspExchange, OcspRequest, OcspResponse, ResponseStatus, SingleResponse
from sensor.privacy.leak import Leak
from sensor.settings import LogSettings
from sensor.weird import FlowId

_MAX_REMEMBERED_BYTES = 4096  # of a reply of which something is remembered
_MAX_HASH_BYTES = 64  # of a CertID that is remembered
_NOTES = {"ocsp": "OCSP::Privacy_Leak", "crl": "CRL::Privacy_Leak", "ca_issuers": "X509::Privacy_Leak"}
_TIMES_NAME = len('"times_seen":')
_STATUSES = {int(status): status.name for status in ResponseStatus}


def render_audit(audit: Audit) -> str:
    """The fields audit and verified of ocsp_exchange.log, with the comma behind them."""
    verified = "true" if is_verified(audit) else "false"
    return '"audit":[' + ",".join([f'"{finding.value}"' for finding in audit]) + f'],"verified":{verified},'


class DisclosureLines:
    """Renders OCSP exchanges and leaks."""

    def __init__(self, settings: LogSettings, parts: Parts) -> None:
        self._parts = parts
        self._suppress_us = int(settings.suppress_for_s * 1000000)
        self._suppress_for = f'"suppress_for":{encode_micros(self._suppress_us)},'
        # What CertIDs and SingleResponses read as: the decoder gives one record for each distinct message.
        self._cert_ids = Kept()
        self._answers = Kept()
        self._replies = Kept()  # by SingleResponse: the reply, and the text
        self._audits = Kept()  # the audit gives one object for each set of findings
        self._scratch = LineBuffer()
        # Where in their buffers the values of the last leak's times_seen and the last exchange's audit begin and end.
        self.times_at = self.times_end = self.audit_at = self.audit_end = 0

    def ocsp(self, out: LineBuffer, response: OcspResponse, fuid: str, ts: int) -> int:
        """The lines of ocsp.log for a reply whose body, `fuid`, began at `ts`; returns how many SingleResponses it has.

        Of several with one CertID all say what the first says: so OpenSSL finds them, and so Zeek logs them.
        """
        parts = self._parts
        us = ts // 1000
        singles: Sequence[SingleResponse] = response.responses
        first: dict[CertId, SingleResponse] = {}
        if len(singles) > 1:
            for single in singles:
                first.setdefault(single.cert_id, single)
        is_small = len(response.tbs_der) <= _MAX_REMEMBERED_BYTES
        for each in singles:
            single = first[each.cert_id] if first else each
            parts.begin(out, OCSP, us, us)
            out.string("id", fuid)
            known = self._answers.get(single)
            if known is not None:
                out.raw(known)
            elif is_small:
                cuts = parts.cuts
                self._scratch.begin("")
                self._answer(self._scratch, single)
                text = self._scratch.take_fields()
                out.raw(text)
                if parts.cuts == cuts:
                    self._answers.put(single, text)
            else:
                self._answer(out, single)
            out.end()
        return len(singles)

    def _answer(self, out: LineBuffer, single: SingleResponse) -> None:
        """The fields of ocsp.log from hashAlgorithm to nextUpdate."""
        parts = self._parts
        cert_id = single.cert_id
        out.string("hashAlgorithm", parts.short_str(cert_id.hash_algorithm))
        out.string("issuerNameHash", parts.hex(cert_id.issuer_name_hash))
        out.string("issuerKeyHash", parts.hex(cert_id.issuer_key_hash))
        out.string("serialNumber", cert_id.serial_number)
        out.string("certStatus", parts.word(single.cert_status))
        if single.revocation_time is not None:
            parts.time(out, "revoketime", single.revocation_time)
        if single.revocation_reason is not None:
            out.string("revokereason", parts.short_str(single.revocation_reason))
        if single.this_update is not None:
            parts.time(out, "thisUpdate", single.this_update)
        if single.next_update is not None:
            parts.time(out, "nextUpdate", single.next_update)

    def exchange(
        self,
        out: LineBuffer,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None = None,
    ) -> None:
        """The line of ocsp_exchange.log; `issuer` and `software` are what a Leak says of it."""
        parts = self._parts
        cert_id, request, response, method = exchange.cert_id, exchange.request, exchange.response, exchange.method
        ts = exchange.ts
        us = end = ts // 1000
        if exchange.response_ts is not None:
            ts = exchange.response_ts
            end = ts // 1000
        parts.begin(out, OCSP_EXCHANGE, us, max(us, end))
        out.raw(parts.use_flow(exchange.flow))
        if exchange.orig_fuid is not None:
            out.string("orig_fuid", exchange.orig_fuid)
        if exchange.resp_fuid is not None:
            out.string("resp_fuid", exchange.resp_fuid)
        if method is not None:
            out.string("method", parts.short_str(method))
        if exchange.host is not None:
            out.string("host", parts.short_text(exchange.host))
        if exchange.uri is not None:
            out.string("uri", parts.short_uri(exchange.uri))
        if exchange.user_agent is not None:
            out.string("user_agent", parts.short_text(exchange.user_agent))
        if software is not None:
            out.string("software", parts.short_str(software))
        if cert_id is not None:
            known = self._cert_ids.get(cert_id)
            out.raw(self._cert_id(cert_id) if known is None else known)
        if issuer is not None:
            out.string("issuer", parts.short_str(issuer))
        if request is not None:
            self._question(out, request)
        elif response is not None and response.nonce is not None:
            out.string("nonce", parts.hex(response.nonce))
        if exchange.http_status is not None:
            out.number("http_status", exchange.http_status)
        if response is not None:
            self._reply(out, response, exchange.single)
            if request is not None and request.nonce is not None and response.status == 0:
                out.flag("nonce_echoed", request.nonce == response.nonce)
        if on_crl is not None:
            out.string("on_crl", parts.short_str(on_crl.url))
            out.flag("on_crl_verified", on_crl.verified)
            if on_crl.newer is not None:
                out.flag("on_crl_newer", on_crl.newer)
        if audit is not None:
            known = self._audits.get(audit)
            self.audit_at = out.place()
            out.raw(self._audit(audit) if known is None else known)
            self.audit_end = out.place()
        if exchange.response_ts is not None and method is not None:
            out.seconds("response_delay", end - us)
        out.string("evidence", parts.word(exchange.evidence))
        if exchange.ambiguous:
            self._doubts(out, exchange)
        out.string("community_id", parts.community_id(exchange.flow))
        out.end()

    def leak(self, out: LineBuffer, leak: Leak) -> None:
        """The line of leak.log."""
        parts = self._parts
        ts = leak.ts
        us = ts // 1000
        parts.begin(out, LEAK, us, us)
        out.raw(parts.use_flow(leak.flow))
        out.string("channel", leak.channel)
        fetch = leak.exchange
        if type(fetch) is Fetch and fetch.url:
            out.string("url", parts.short_str(fetch.url))
        if leak.serial_number is not None:
            out.string("serial_number", leak.serial_number)
        if leak.issuer is not None:
            out.string("issuer", parts.short_str(leak.issuer))
        if leak.site is not None:
            out.string("site", parts.short_str(leak.site))
        if leak.names:
            out.open_list("names")
            for name in leak.names:
                out.item(parts.short_str(name))
            out.close_list()
        out.number("names_total", leak.names_total)
        out.number("sites_total", leak.sites_total)
        out.string("grade", parts.word(leak.grade))
        if leak.found_in is not None:
            out.string("found_in", parts.short_str(leak.found_in))
        if leak.not_before is not None:
            parts.date(out, "not_before", leak.not_before)
        if leak.not_after is not None:
            parts.date(out, "not_after", leak.not_after)
        out.string("software", parts.short_str(leak.software))
        out.string("evidence", parts.word(leak.evidence))
        self.times_at = out.place() + _TIMES_NAME
        out.number("times_seen", leak.times_seen)
        self.times_end = out.place() - 1
        if leak.foreign_responder:
            out.flag("foreign_responder", True)
        if type(fetch) is OcspExchange:
            asked = fetch
            if asked.ambiguous:
                self._doubts(out, asked)
        out.string("community_id", parts.community_id(leak.flow))
        out.end()

    def _doubts(self, out: LineBuffer, exchange: OcspExchange) -> None:
        out.open_list("ambiguous")
        for ambiguity in exchange.ambiguous:
            out.item(ambiguity._value_)
        out.close_list()

    def notice(self, out: LineBuffer, leak: Leak) -> None:
        """The line of notice.log that tells of a leak. Addresses in it are those of the flow: src asked dst."""
        parts = self._parts
        flow, serial, issuer = leak.flow, leak.serial_number, leak.issuer
        orig_h, resp_h, resp_p = flow.orig_h, flow.resp_h, flow.resp_p
        ts = leak.ts
        us = ts // 1000
        parts.begin(out, NOTICE, us, us)
        out.raw(parts.use_flow(flow))
        fetch = leak.exchange
        if isinstance(fetch, OcspExchange):
            asked = fetch
            fuid, kind = asked.orig_fuid, "application/ocsp-request"
            if fuid is None:
                fuid, kind = asked.resp_fuid, "application/ocsp-response"
            self._carried(out, fuid, kind, asked.host, asked.uri, flow)
            which = f"serial {serial}"
        else:
            self._carried(out, fetch.resp_fuid, fetch.mime_type, fetch.host, fetch.uri, flow)
            which = f"CRL {parts.short_str(fetch.url)}" if serial is None else f"serial {serial}"
        issued = "" if issuer is None else f" issued by {parts.short_str(issuer)}"
        out.raw('"proto":"tcp","note":"')
        out.raw(_NOTES[leak.channel])
        out.raw('","msg":"')
        out.raw(orig_h)
        out.raw(" told everyone on the path to ")
        out.raw(resp_h)
        out.raw(" that it deals with ")
        if leak.channel == "ca_issuers":
            out.raw(f"a certificate issued by {parts.short_str(leak.names[0])}")
        elif leak.site is None:
            out.raw("a certificate")
            out.raw(issued)
        else:
            if leak.sites_total > 1:
                out.raw(f"one of {leak.sites_total} sites, such as ")
            out.raw(parts.short_str(leak.site))
        out.raw('","sub":"')
        out.raw(parts.word(leak.grade))
        out.raw(": ")
        out.raw(which)
        out.raw(issued)
        if isinstance(fetch, OcspExchange):
            asked = fetch
            if asked.ambiguous:
                out.raw("; can be read otherwise: ")
                out.raw(", ".join([each.value for each in asked.ambiguous]))
        out.raw('",')
        out.string("src", orig_h)
        out.string("dst", resp_h)
        out.number("p", resp_p)
        out.raw('"actions":["Notice::ACTION_LOG"],"email_dest":[],')
        out.raw(self._suppress_for)
        out.end()

    def _carried(
        self, out: LineBuffer, fuid: str | None, kind: str | None, host: bytes | None, uri: bytes | None, flow: FlowId
    ) -> None:
        """The fields from fuid to file_desc, which is the URL."""
        if fuid is None:
            return
        out.string("fuid", fuid)
        if kind is not None:
            out.string("file_mime_type", kind)
        out.raw('"file_desc":"')
        self._url(out, host, uri, flow)
        out.raw('",')

    def raised(self, out: LineBuffer, notice: Notice) -> None:
        """The line of notice.log that a rule raised."""
        ts, end, flow, note, msg, sub, suppress_us, rule_id, level, n, fuid, mime_type, desc = astuple(notice)
        parts = self._parts
        parts.begin(out, NOTICE, ts // 1000, end // 1000)
        if flow is not None:
            out.raw(parts.use_flow(flow))
        if fuid is not None:
            out.string("fuid", fuid)
        if mime_type is not None:
            out.string("file_mime_type", mime_type)
        if desc is not None:
            out.string("file_desc", parts.short_str(desc))
        if flow is not None:
            out.raw('"proto":"tcp",')
        out.string("note", note)
        out.string("msg", parts.short_str(msg))
        if sub is not None:
            out.string("sub", parts.short_str(sub))
        if flow is not None:
            out.string("src", flow.orig_h)
            out.string("dst", flow.resp_h)
            out.number("p", flow.resp_p)
        if n is not None:
            out.number("n", n)
        out.raw('"actions":["Notice::ACTION_LOG"],"email_dest":[],')
        out.seconds("suppress_for", suppress_us)
        out.string("rule_id", parts.short_str(rule_id))
        if level is not None:
            out.string("rule_level", level)
        out.end()

    def _question(self, out: LineBuffer, request: OcspRequest) -> None:
        """The fields from nonce to request_signed."""
        if request.nonce is not None:
            out.string("nonce", self._parts.hex(request.nonce))
        if request.requestor_name is not None:
            out.string("requestor_name", self._parts.short_str(request.requestor_name))
        out.flag("request_signed", request.signed)

    def _audit(self, audit: Audit) -> str:
        """The field audit."""
        text = render_audit(audit)
        self._audits.put(audit, text)
        return text

    def _cert_id(self, cert_id: CertId) -> str:
        """The fields of ocsp_exchange.log from hash_algorithm to serial_number."""
        parts = self._parts
        cuts = parts.cuts
        algorithm, name_hash, key_hash = cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash
        text = (
            f'"hash_algorithm":"{parts.short_str(algorithm)}","issuer_name_hash":"{parts.hex(name_hash)}",'
            f'"issuer_key_hash":"{parts.hex(key_hash)}","serial_number":"{cert_id.serial_number}",'
        )
        if max(len(name_hash), len(key_hash), len(algorithm)) <= _MAX_HASH_BYTES and parts.cuts == cuts:
            self._cert_ids.put(cert_id, text)
        return text

    def _reply(self, out: LineBuffer, response: OcspResponse, single: SingleResponse | None) -> None:
        """The fields from response_status to signature_algorithm."""
        if single is None or len(response.tbs_der) > _MAX_REMEMBERED_BYTES:
            self._reply_fields(out, response, single)
            return
        known = self._replies.get(single)
        if known is not None and known[0] is response:
            out.raw(known[1])
        else:
            cuts = self._parts.cuts
            self._scratch.begin("")
            self._reply_fields(self._scratch, response, single)
            text = self._scratch.take_fields()
            out.raw(text)
            if self._parts.cuts == cuts:
                self._replies.put(single, (response, text))

    def _reply_fields(self, out: LineBuffer, response: OcspResponse, single: SingleResponse | None) -> None:
        parts = self._parts
        status = response.status
        out.string("response_status", _STATUSES.get(status) or str(status))
        if single is not None:
            out.string("cert_status", parts.word(single.cert_status))
            if single.revocation_time is not None:
                parts.time(out, "revocation_time", single.revocation_time)
            if single.revocation_reason is not None:
                out.string("revocation_reason", parts.short_str(single.revocation_reason))
            if single.this_update is not None:
                parts.time(out, "this_update", single.this_update)
            if single.next_update is not None:
                parts.time(out, "next_update", single.next_update)
        if status != 0:
            return
        produced_at, responder_id, algorithm = response.produced_at, response.responder_id, response.signature_algorithm
        if produced_at is not None:
            parts.time(out, "produced_at", produced_at)
        if responder_id is not None:
            out.string("responder_id", parts.short_str(responder_id))
        if algorithm is not None:
            out.string("signature_algorithm", parts.short_str(algorithm))

    def _url(self, out: LineBuffer, host: bytes | None, uri: bytes | None, flow: FlowId) -> None:
        """The URL as Zeek's HTTP::build_url_http makes it: the port behind the host where it is not 80."""
        parts = self._parts
        out.raw("http://")
        if host is not None:
            out.raw(parts.short_text(host))
        else:
            out.raw(f"[{flow.resp_h}]" if ":" in flow.resp_h else flow.resp_h)
        if flow.resp_p != 80:
            out.raw(f":{flow.resp_p}")
        out.raw("/<missed_request>" if uri is None else parts.short_uri(uri))
