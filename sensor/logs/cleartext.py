"""What was seen in the clear to lines of cleartext.log. See `logs.render`, whose ways these are."""

from __future__ import annotations

from collections.abc import Iterable

from sensor.http.cleartext import Cleartext
from sensor.logs.buffer import LineBuffer
from sensor.logs.parts import CLEARTEXT, Parts


class CleartextLines:
    """Renders lines of cleartext.log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def cleartext(self, out: LineBuffer, seen: Cleartext) -> None:
        """The line of cleartext.log."""
        parts = self._parts
        us = seen.ts // 1000
        parts.begin(out, CLEARTEXT, us, us)
        out.raw(parts.use_flow(seen.flow))
        out.number("trans_depth", seen.trans_depth)
        for name, raw in (("method", seen.method), ("host", seen.host)):
            if raw is not None:
                out.string(name, parts.short_text(raw))
        if seen.target is not None:
            out.string("uri", parts.short_uri(seen.target))
        if seen.user_agent is not None:
            out.string("user_agent", parts.short_text(seen.user_agent))
        if seen.status_code is not None:
            out.number("status_code", seen.status_code)
        for name, text in (("content_type", seen.content_type), ("resp_content_type", seen.resp_content_type)):
            if text is not None:
                out.string(name, parts.short_str(text))
        self._list(out, "credentials", map(parts.short_str, seen.credentials))
        self._list(out, "cookies", map(parts.short_text, seen.cookies))
        self._list(out, "set_cookies", map(parts.short_text, seen.set_cookies))
        self._list(out, "lookups", map(parts.short_str, seen.lookups))
        self._list(out, "suspect", map(parts.short_text, seen.suspect))
        self._list(out, "ocsp_claims", map(parts.short_str, seen.ocsp_claims))
        out.end()

    def _list(self, out: LineBuffer, name: str, texts: Iterable[str]) -> None:
        items = list(texts)
        if items:
            out.open_list(name)
            for text in items:
                out.item(text)
            out.close_list()
