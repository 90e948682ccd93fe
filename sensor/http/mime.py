"""The first bytes of a body in, its MIME type out, by content alone: Zeek's names and Zeek's decisions.

Where Zeek has no or too narrow a signature for what this sensor is about (OCSP messages, CRLs, certificates), the
outer DER shape decides, before anything else. It never looks at a Content-Type header and never raises.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.http.magic import MAGIC, Magic, Place
from sensor.http.shape import OCSP_REQUEST, OCSP_RESPONSE, der_type

SNIFF_BYTES: Final = 4096
"""How much of a body decides (Zeek default_file_bof_buffer_size); what follows is not looked at."""

_Choice = tuple[int, str]
"""Minus strength, and type: the least is the one to take."""
_NOTHING: Final[_Choice] = (1000, "")
_Row = tuple[_Choice, tuple[bytes, ...], tuple[Place, ...]]  # what it says, where its first place is, the others


def _index(
    rows: tuple[Magic, ...],
) -> tuple[tuple[tuple[_Row, ...], ...], tuple[tuple[int, int, dict[bytes, list[_Row]]], ...]]:
    """Rows by first byte, and rows that begin further in by (offset, length, bytes)."""
    heads: list[list[_Row]] = [[] for _ in range(256)]
    inner: dict[tuple[int, int], dict[bytes, list[_Row]]] = {}
    for mime, strength, places in rows:
        offset, options = places[0]
        row = ((-strength, mime), options, places[1:])
        if offset == 0:
            for first in {option[0] for option in options}:
                heads[first].append(row)
        else:
            for option in options:
                inner.setdefault((offset, len(option)), {}).setdefault(option, []).append(row)
    return (
        tuple(tuple(sorted(bucket)) for bucket in heads),
        tuple((offset, length, table) for (offset, length), table in sorted(inner.items())),
    )


_BY_FIRST_BYTE, _BY_PLACE = _index(MAGIC)

_BLANKS = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\r\n\t ]*")
_PLAIN = re.compile(rb"(?:\xef\xbb\xbf|(?:\0\0)?\xfe\xff|\xff\xfe(?:\0\0)?)?[\t-\r -~]{10}")

_JSON = re.compile(
    rb'\{[\r\n\t ]*(?:"[^"]+"|[a-zA-Z][a-zA-Z0-9\\_]*)[\r\n\t ]*:[\r\n\t ]*(?:["\[{0-9]|true|false)'
    rb'|\[[\r\n\t ]*(?:(?:"[^"]+"|[0-9]+(?:\.[0-9]+)?|true|false)[\r\n\t ]*,|\{|\[)'
)
_INI = re.compile(rb"[\0\r\n\t ]*\[[^\r\n]+\][\t \0]*[\r\n]")
_SCRIPT = re.compile(
    rb"""<script(?:[\t ]+(?:type|language)=['"]?(?:text/)?javascript|>[\r\n\t ]*(?:var|function) )"""
    rb"|for \(;;\);|document\.write(?:ln)?[:blank]?\(",
    re.IGNORECASE,
)
_SHEBANG = re.compile(
    rb"#![^\n]{1,15}bin/(?:env\s{1,64})?(?:(?P<sh>(?:ba|tc|c|z|fa|ae|k)?sh)|(?P<perl>perl)|(?P<ruby>ruby)|(?P<python>python)"
    rb"|(?P<awk>[gn]?awk)|(?P<tcl>wish|tcl)|(?P<lua>lua)|(?P<javascript>node)|(?P<php>php))"
)
_AT_COMMAND = re.compile(rb"@(?:(?P<echo> *echo +off)|(?P<set>set +)|(?P<rem>rem))", re.IGNORECASE)
_MAIL = re.compile(rb"(?P<delivered>delivered-to:)|(?P<returned>return-path:)", re.IGNORECASE)
_MARC = re.compile(rb"[0-9]{5}[acdn]w")
_TAR = re.compile(rb"[ -~\0]{100}(?:[0-9 ]{7}\0){3}(?:[0-9 ]{11}\0){2}[0-9\0 ]{7}[ \0][0-7\0]")
_JAR = re.compile(rb"PK\x03\x04.{1,200}\x14\0..META-INF/MANIFEST\.MF", re.DOTALL)
_EBML = re.compile(rb"B\x82.(?:(?P<matroska>matroska)|(?P<webm>webm))", re.DOTALL)
_PHP = re.compile(rb"<\?php")
_NETPBM = re.compile(rb"P(?P<plain>[123])[0-9]{1,50}  [0-9]")
_RAW_NETPBM = re.compile(rb"P(?P<raw>[456]).[0-9]{1,50}  [0-9]", re.DOTALL)

_NAMED = {
    "sh": (-250, "text/x-shellscript"),
    "perl": (-60, "text/x-perl"),
    "ruby": (-60, "text/x-ruby"),
    "python": (-60, "text/x-python"),
    "awk": (-60, "text/x-awk"),
    "tcl": (-60, "text/x-tcl"),
    "lua": (-49, "text/x-lua"),
    "javascript": (-60, "application/javascript"),
    "php": (-60, "text/x-php"),
    "echo": (-110, "text/x-msdos-batch"),
    "set": (-70, "text/x-msdos-batch"),
    "rem": (-60, "text/x-msdos-batch"),
    "delivered": (-160, "message/rfc822"),
    "returned": (-150, "message/rfc822"),
    "matroska": (-110, "video/x-matroska"),
    "webm": (-70, "video/webm"),
    "html": (-100, "text/html"),
    "part": (-20, "text/html"),
    "atom": (-100, "text/atom"),
    "rss": (-90, "text/rss"),
    "soap": (-49, "application/soap+xml"),
    "policy": (-49, "text/x-cross-domain-policy"),
    "rpc": (-49, "application/xml-rpc"),
    "f4m": (-49, "application/f4m"),
    "coldfusion": (-20, "magnus-internal/cold-fusion"),
}
"""What a named group of the patterns above and below stands for: minus strength, and type."""

_NETPBM_NAMES = {
    b"1": "image/x-portable-bitmap",
    b"2": "image/x-portable-greymap",
    b"3": "image/x-portable-pixmap",
    b"4": "image/x-portable-bitmap",
    b"5": "image/x-portable-greymap",
    b"6": "image/x-portable-pixmap",
}

_ELEMENT = re.compile(
    rb"""[\r\n\t ]*<(?:(?P<html>!doctype +html|html|meta +http-equiv)|(?P<part>head|title|body)"""
    rb"""|(?P<atom>rss[^>]*xmlns:atom|feed[^>]*xmlns=["']?http://www.w3.org/2005/Atom)|(?P<rss>rss)"""
    rb"""|(?P<soap>soap(?:-env)?:envelope)|(?P<policy>(?:!doctype +)?cross-domain-policy)"""
    rb"""|(?P<rpc>methodresponse>)|(?P<f4m>manifest[\r\n\t ]+xmlns="http://ns\.adobe\.com/f4m/)"""
    rb"""|(?P<coldfusion>CFPARAM|CFSET|CFIF))""",
    re.IGNORECASE,
)
_XML = re.compile(rb"\0?<\0?\?\0?x\0?m\0?l\0? ")
_LATER_XML = re.compile(rb"-->[\r\n\t ]*<\?xml ")
_LATER_COMMENT = re.compile(rb"\?>[\r\n\t ]*<!--")
_KML = re.compile(rb""" xmlns=['"]http://(?:(?P<kml>earth.google.com)|www.opengis.net)/kml""")
_VOCABULARIES = (
    (b"<!DOCTYPE X3D", (-43, "model/x3d")),
    (b"<svg", (-38, "image/svg+xml")),
    (b"<gnc-v2", (-37, "application/x-gnucash")),
    (b"<urlset", (-37, "application/xml-sitemap")),
)
_MAX_CLOSERS: Final = 64
"""Ends of comments and declarations behind which the first element is looked for; a page has one or two."""


def sniff(data: bytes) -> str | None:
    """The MIME type of a body of which `data` is the beginning, None where nothing is known of it.

    Only the first `SNIFF_BYTES` count. The type of a DER structure is certain: it is found by its shape, cut or not.
    """
    if not data:
        return None
    first = data[0]
    if first == 0x30:
        found = der_type(data)
        if found is not None:
            return found
    elif first == 0x3C:
        start = data[:14].lower()
        if start == b"<!doctype html" or start.startswith(b"<html"):
            return "text/html"  # what nearly all of the web is: nothing that begins so is anything else
    return _strongest(data[:SNIFF_BYTES])[1] or None


def _strongest(data: bytes) -> _Choice:
    best = min(_by_magic(data), _by_text(data))
    if best[0] > -100 and data[107:108] == b"\0" and _TAR.match(data):
        best = (-100, "application/x-tar")
    if best[0] > -55:
        best = min(best, _by_phrase(data))
    if best is _NOTHING and _PLAIN.match(data):
        return -1, "text/plain"
    return best


def _by_magic(data: bytes) -> _Choice:
    """The strongest row of the table of magic numbers."""
    best = _NOTHING
    for choice, options, others in _BY_FIRST_BYTE[data[0]]:
        if data.startswith(options) and (not others or _stand(data, others)):
            best = choice
            break
    size = len(data)
    for offset, length, table in _BY_PLACE:
        if offset >= size:
            break
        rows = table.get(data[offset : offset + length])
        if rows is not None:
            for choice, _, others in rows:
                if choice < best and _stand(data, others):
                    best = choice
    if data[3:4] == b"\x1a" and data[0] < 0x80 and data[1] < 0x80 and data[2] in b"\2\3\4\5\6\7\x08\x09\x0a\x14\x48":
        best = min(best, (-70, "application/x-arc"))
    if data.startswith(b"PK\3\4"):
        best = min(best, _in_zip(data))
    elif data.startswith(b"\x1a\x45\xdf\xa3") and (match := _EBML.search(data)):
        best = min(best, _NAMED[match.lastgroup or ""])
    elif data[0] == 0x30 and best[0] > -71:
        best = min(best, _by_oid(data))
    return best


def _stand(data: bytes, places: tuple[Place, ...]) -> bool:
    return all(data.startswith(options, offset) for offset, options in places)


def _in_zip(data: bytes) -> _Choice:
    """By the names of the first members (APPNOTE 4.3.7: the name stands 30 bytes into a member)."""
    if _JAR.match(data):
        return -100, "application/java-archive"
    for folder, kind in (
        (b"ppt/", "presentationml.presentation"),
        (b"xl/", "spreadsheetml.sheet"),
        (b"word/", "wordprocessingml.document"),
    ):
        if not data.startswith((b"[Content_Types].xml", b"_rels/.rels", folder), 30):
            continue
        at = data.find(b"PK\3\4", 31)
        while at >= 0:
            if data.startswith(folder, at + 30):
                return -80, "application/vnd.openxmlformats-officedocument." + kind
            at = data.find(b"PK\3\4", at + 1)
    return _NOTHING


def _by_oid(data: bytes) -> _Choice:
    """Zeek's own test for OCSP, for what is too broken to be told by its shape: an OID 11 to 19 bytes in."""
    if data.find(b"\x06\x05\x2b\x0e\x03\x02\x1a", 11, 26) >= 0:
        return -71, OCSP_REQUEST
    if data.find(b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 11, 30) >= 0:
        return -71, OCSP_RESPONSE
    return _NOTHING


def _by_text(data: bytes) -> _Choice:
    """Markup, JSON, settings and scripts, by how they begin."""
    blanks = _BLANKS.match(data)
    lead = blanks.end() if blanks else 0
    best = _NOTHING
    first = data[lead : lead + 1]
    if first in (b"<", b"\0"):
        best = _by_markup(data, lead)
    if first in (b"{", b"[") and _JSON.match(data, lead):
        best = (-1, "text/json")
    if first in (b"[", b"\0") and _INI.match(data, lead):
        best = min(best, (-20, "text/ini"))
    if first in (b"<", b"f", b"F", b"d", b"D") and _SCRIPT.match(data, lead):
        best = min(best, (-60, "application/javascript"))
    match = None
    if data.startswith(b"(function()") and data[11:].lstrip(b"\n\t ").startswith(b"{"):
        best = (-60, "application/javascript")
    elif data.startswith(b"#!"):
        match = _SHEBANG.match(data)
    elif first == b"@":
        match = _AT_COMMAND.match(data)
    elif first in (b"d", b"D", b"r", b"R"):
        match = _MAIL.match(data)
    elif first.isdigit() and _MARC.match(data):
        best = (-50, "application/marc")
    elif data.startswith(b"MIME-Version:") and b'protocol="application/pkcs7-signature"' in data:
        best = (-100, "application/pkcs7-signature")
    elif first == b"P" and (netpbm := _RAW_NETPBM.match(data)):
        best = (-42, _NETPBM_NAMES[netpbm["raw"]])
    if match is not None:
        best = min(best, _NAMED[match.lastgroup or ""])
    return best


def _by_markup(data: bytes, lead: int) -> _Choice:
    """By the first element, which may stand behind comments and an XML declaration.

    A comment or declaration that was opened may end at any "-->" or "?>" that follows (so Zeek's patterns say it).
    """
    match = _ELEMENT.match(data, lead)
    if match:
        return _NAMED[match.lastgroup or ""]
    best = _NOTHING
    comment = declaration = -1
    if data.startswith(b"<!--", lead):
        comment = lead + 4
        if later := _LATER_XML.search(data, comment):
            declaration = later.end()
            best = (-10, "application/xml")
    elif _XML.match(data, lead):
        best = (-10, "application/xml")
        declaration = lead + 6
        if later := _LATER_COMMENT.search(data, declaration):
            comment = later.end()
        if lead == 0:
            best = min(best, _by_vocabulary(data))
    if declaration >= 0:
        best = min(best, _behind(data, b"?>", declaration))
    if comment >= 0:
        best = min(best, _behind(data, b"-->", comment))
    return best


def _behind(data: bytes, closer: bytes, at: int) -> _Choice:
    """The strongest element that directly follows some `closer` from `at` on."""
    best = _NOTHING
    for _ in range(_MAX_CLOSERS):
        at = data.find(closer, at)
        if at < 0:
            break
        at += len(closer)
        if match := _ELEMENT.match(data, at):
            best = min(best, _NAMED[match.lastgroup or ""])
            if best[0] == -100:
                break
    return best


def _by_vocabulary(data: bytes) -> _Choice:
    """By the words of the XML dialects that Zeek looks for anywhere behind a declaration."""
    if match := _KML.search(data, 20):
        return -61 if match["kml"] else -60, "application/vnd.google-earth.kml+xml"
    for word, choice in _VOCABULARIES:
        if data.find(word, 15) >= 0:
            return choice
    return _NOTHING


def _by_phrase(data: bytes) -> _Choice:
    """By what stands anywhere in it; the weakest evidence. Looks for single bytes first: that is 20 times faster."""
    if 0x40 in data and 0x2B in data:
        at = data.find(b"--- ")
        for phrase in (b"\n", b"+++ ", b"\n", b"@@"):
            at = data.find(phrase, at + 1) if at >= 0 else -1
        if at >= 0:
            return -55, "text/x-diff"
    if 0x50 in data and (match := _NETPBM.search(data)):
        return -42, _NETPBM_NAMES[match["plain"]]
    if 0x3F in data and _PHP.search(data):
        return -40, "text/x-php"
    return _NOTHING
