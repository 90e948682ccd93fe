"""What passed over the network to log lines: conn.log, http.log, files.log and weird.log.

Fields are those of `logs.records`, written one by one without the record in between, which takes a third of the time;
a test holds every line to the records. Compiled where a compiler is found (render.pxd).
"""

from __future__ import annotations

from sensor.flow.conn import Connection
from sensor.http.transaction import BodyFile, Header, HttpResponse, HttpTransaction
from sensor.logs.authorization import basic_user
from sensor.logs.buffer import LineBuffer
from sensor.logs.encode import encode_str
from sensor.logs.parts import CONN, FILES, HTTP, WEIRD, Parts
from sensor.settings import LogSettings
from sensor.weird import Weird

_MAX_FILES = 15  # Zeek HTTP::max_files_orig, max_files_resp
_MAX_FILENAME_BYTES = 4096  # Zeek Log::default_max_field_string_bytes, from which it exempts http.log
_NO_LIMIT = 1 << 62
_LARGEST = (1 << 63) - 1  # a Content-Length beyond it announces nothing
_NO_PHRASE = "<empty>"  # as Zeek writes it where a status line ends with its code; with a blank behind that, it is ""
_PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp"}

# Request headers that http.log says something of: Zeek's HTTP::proxy_headers and four more.
_NOTED = frozenset(
    b"referer origin authorization proxy-authorization forwarded x-forwarded-for x-forwarded-from client-ip via"
    b" xroxy-connection proxy-connection".split()
)


class TrafficLines:
    """Renders what the network did."""

    def __init__(self, settings: LogSettings, parts: Parts) -> None:
        self._parts = parts
        self._with_community_id = settings.community_id
        self.reply_fuid: str | None = None
        """Of the last transaction's reply, its (first) file, and when that began in nanoseconds."""
        self.reply_ts = 0

    def conn(self, out: LineBuffer, connection: Connection) -> None:
        """The line of conn.log."""
        parts = self._parts
        ts = connection.ts
        us = ts // 1000
        took = connection.duration or 0
        end = (ts + took) // 1000
        parts.begin(out, CONN, us, end)
        flow = connection.flow
        parts.write_flow(out, flow)
        if flow.proto == 6:
            out.raw('"proto":"tcp",')
        else:
            out.string("proto", _PROTOCOLS.get(flow.proto, "unknown_transport"))
        if connection.service:
            out.string("service", connection.service)
        if connection.orig_bytes is not None and connection.resp_bytes is not None:
            out.seconds("duration", end - us)
            out.number("orig_bytes", connection.orig_bytes)
            out.number("resp_bytes", connection.resp_bytes)
        out.string("conn_state", connection.conn_state)
        out.flag("local_orig", parts.orig_local)
        out.flag("local_resp", parts.resp_local)
        out.number("missed_bytes", connection.missed_bytes)
        if connection.history:
            out.string("history", connection.history)
        out.number("orig_pkts", connection.orig_pkts)
        out.number("orig_ip_bytes", connection.orig_ip_bytes)
        out.number("resp_pkts", connection.resp_pkts)
        out.number("resp_ip_bytes", connection.resp_ip_bytes)
        if connection.tunnel_parents:
            out.open_list("tunnel_parents")
            for parent in connection.tunnel_parents:
                out.item(parent)
            out.close_list()
        out.number("ip_proto", flow.proto)
        if self._with_community_id:
            out.string("community_id", parts.community_id(flow))
        if connection.vlan is not None:
            out.number("vlan", connection.vlan)
        if connection.inner_vlan is not None:
            out.number("inner_vlan", connection.inner_vlan)
        out.end()

    def transaction(self, http: LineBuffer, files: LineBuffer, transaction: HttpTransaction) -> int:
        """The lines of files.log, and then that of http.log; returns how many files there were."""
        parts = self._parts
        request, response = transaction.request, transaction.response
        flow_text = parts.use_flow(transaction.flow)
        ts = transaction.ts
        us = ts // 1000
        sent: tuple[BodyFile, ...] = ()
        received: tuple[BodyFile, ...] = ()
        noted: tuple[Header, ...] = ()
        if request is not None:
            noted = self._noted(request.headers)
            sent = request.files
            for file in sent:
                self._file(files, file)
        if response is not None:
            received = response.files
            for file in received:
                self._file(files, file)
            if received:
                file = received[0]
                self.reply_fuid, self.reply_ts = file.fuid, file.first_ts
        parts.begin(http, HTTP, us, _end(transaction) if parts.with_write_ts else 0)
        http.raw(flow_text)
        http.number("trans_depth", transaction.trans_depth)
        if request is not None:
            http.string("method", parts.text(request.method))
            if request.host is not None:
                http.string("host", parts.text(request.host))
            http.string("uri", parts.uri(request.target))
            if noted:
                self._header(http, "referrer", noted, b"referer")
        if response is not None and response.version is not None:
            http.string("version", response.version)
        if request is not None and request.user_agent is not None:
            http.string("user_agent", parts.text(request.user_agent))
        if noted:
            self._header(http, "origin", noted, b"origin")
        http.number("request_body_len", 0 if request is None else request.body_len)
        http.number("response_body_len", 0 if response is None else response.body_len)
        if response is not None:
            self._status(http, response)
        http.raw('"tags":[],')
        if noted:
            self._who(http, noted)
        if sent:
            self._carried(http, sent, "orig_fuids", "orig_filenames", "orig_mime_types")
        if received:
            self._carried(http, received, "resp_fuids", "resp_filenames", "resp_mime_types")
        http.end()
        return len(sent) + len(received)

    def _status(self, out: LineBuffer, response: HttpResponse) -> None:
        """The fields from status_code to info_msg."""
        parts = self._parts
        reason, info = response.status_msg, response.info_msg
        if response.status_code is not None:
            out.number("status_code", response.status_code)
            out.string("status_msg", _NO_PHRASE if reason is None else parts.text(reason))
        if response.info_code is not None:
            out.number("info_code", response.info_code)
            out.string("info_msg", _NO_PHRASE if info is None else parts.text(info))

    def _file(self, out: LineBuffer, file: BodyFile) -> None:
        """A line of files.log."""
        parts = self._parts
        is_orig, mime_type, total, digests = file.is_orig, file.mime_type, file.total_bytes, file.digests
        first, last = file.first_ts, file.last_ts
        us = first // 1000
        end = last // 1000
        parts.begin(out, FILES, us, end)
        out.string("fuid", file.fuid)
        out.raw(parts.flow_text)
        out.string("source", "HTTP")
        out.number("depth", file.depth)
        out.raw('"analyzers":["OCSP_REPLY"],' if mime_type == "application/ocsp-response" else '"analyzers":[],')
        if mime_type is not None:
            out.string("mime_type", mime_type)
        if file.filename is not None:
            out.string("filename", parts.long_str(file.filename, _MAX_FILENAME_BYTES))
        out.seconds("duration", end - us)
        out.flag("local_orig", parts.orig_local if is_orig else parts.resp_local)
        out.flag("is_orig", is_orig)
        out.number("seen_bytes", file.seen_bytes)
        if total is not None and total <= _LARGEST:
            out.number("total_bytes", total)
        out.number("missing_bytes", file.missing_bytes)
        out.number("overflow_bytes", file.overflow_bytes)
        out.flag("timedout", file.timedout)
        if file.parent_fuid is not None:
            out.string("parent_fuid", file.parent_fuid)
        if digests is not None:
            out.string("md5", digests.md5)
            out.string("sha1", digests.sha1)
            out.string("sha256", digests.sha256)
        out.end()

    def weird(self, out: LineBuffer, weird: Weird) -> None:
        """The line of weird.log."""
        parts = self._parts
        us = weird.ts // 1000
        parts.begin(out, WEIRD, us, us)
        if weird.flow is not None:
            out.raw(parts.use_flow(weird.flow))
        out.string("name", parts.short_str(weird.name))
        if weird.addl:
            out.string("addl", parts.short_str(weird.addl))
        out.flag("notice", False)
        out.string("peer", "ocspwatch")
        if weird.source is not None:
            out.string("source", weird.source)
        out.end()

    def _noted(self, headers: tuple[Header, ...]) -> tuple[Header, ...]:
        """Those of `headers` that http.log says something of: usually none."""
        for header in headers:
            if header.name in _NOTED:
                return tuple([each for each in headers if each.name in _NOTED])
        return ()

    def _header(self, out: LineBuffer, name: str, headers: tuple[Header, ...], wanted: bytes) -> None:
        """Of a repeated header Zeek keeps the last."""
        for header in reversed(headers):
            if header.name == wanted:
                out.string(name, self._parts.text(header.value))
                return

    def _who(self, out: LineBuffer, headers: tuple[Header, ...]) -> None:
        """The fields username and proxied."""
        parts = self._parts
        user = None
        proxied: dict[str, None] = {}
        for header in headers:
            name, value = header.name, header.value
            if name in {b"authorization", b"proxy-authorization"}:
                user = basic_user(value) or user
            elif name not in {b"referer", b"origin"}:
                proxied[f"{name.upper().decode('ascii')} -> {parts.text(value)}"] = None
        if user is not None:
            out.string("username", parts.text(user))
        if proxied:
            out.open_list("proxied")
            for text in proxied:
                out.item(text)
            out.close_list()

    def _carried(self, out: LineBuffer, files: tuple[BodyFile, ...], fuids: str, names: str, types: str) -> None:
        """What http.log says of the files of one side."""
        named = typed = False
        if len(files) > _MAX_FILES:
            files = files[:_MAX_FILES]
        out.open_list(fuids)
        for file in files:
            out.item(file.fuid)
            typed = typed or file.mime_type is not None
            named = named or file.filename is not None
        out.close_list()
        if named:
            out.open_list(names)
            for file in files:
                if file.filename is not None:
                    out.item(encode_str(file.filename, _NO_LIMIT))
            out.close_list()
        if typed:
            out.open_list(types)
            for file in files:
                if file.mime_type is not None:
                    out.item(file.mime_type)
            out.close_list()


def _end(transaction: HttpTransaction) -> int:
    """When the last of a transaction was seen, in microseconds."""
    end = transaction.ts
    for message in (transaction.request, transaction.response):
        if message is not None:
            end = max(end, message.ts, *[file.last_ts for file in message.files])
    return end // 1000
