"""Text that attacks what reads it, in bytes off the wire: the expression itself, and nothing of what stands beside it.

Beside an attack stand passwords and sessions: in a form's other parameters, the rest of a Cookie, the next element. So
what is told ends where the expression does: with its own bracket, or where a separator says that another text begins.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TEXT: Final = 256
"""Bytes of an expression that are told."""

_ATTACK: Final = re.compile(
    rb"(?P<braces>\$\{|\$%(?:25)*7b|%(?:25)*24(?:\{|%(?:25)*7b)|\\u0024|&#(?:36|x24);"  # expression languages, Log4j
    rb"|[%#]\{(?=[^}])|\{\{(?=[^}]))"  # OGNL, Spring EL, templates
    rb"|(?P<function>\A\(\)\s*\{)"  # Shellshock
    rb"|(?P<code><\?(?:php|=)|<%[=@]?)|(?P<script><script)|(?P<entity><!(?:entity|doctype\s[^>]{0,256}\[))"
    rb"|(?P<java>T\(java\.|class\.module\.classloader)"  # Spring
    rb"|(?P<shell>\$\((?=[a-z/])|`(?=[a-z/]))",  # the shell's substitutions
    re.IGNORECASE,
)
_BODY_ATTACK: Final = re.compile(
    rb"(?P<entity><!entity)|(?P<java>class\.module\.classloader|T\(java\.lang|#_?memberaccess"
    rb"|java\.lang\.(?:runtime|processbuilder))|(?P<code><\?php)|(?P<command>[;|&`]\s*(?:wget|curl|tftp|busybox)\s)",
    re.IGNORECASE,
)
"""A form, JSON or XML has braces and tags of its own: these have no business there."""

_ESCAPED: Final = re.compile(rb"%([2-7][0-9A-Fa-f])")
_BRACE: Final = re.compile(
    rb"(\{|%(?:25)*7b|\\u+007b|&#(?:x7b|123);)|(\}|%(?:25)*7d|\\u+007d|&#(?:x7d|125);)", re.IGNORECASE
)
_SEPARATOR: Final = re.compile(rb"[\s;,\"'<>]|&(?!#)")
_BLANK: Final = re.compile(rb"[\s;\"<>]|&(?!#)")
_NEXT: Final = re.compile(rb"&(?!#)")
"""What begins the next parameter, inside of brackets too."""
_FIRST_WORD: Final = re.compile(rb"(?:\$\(|`)[\w/.]{1,32}[^\w/.]?")
"""Of a command in a shell's brackets."""
_ENDS: Final = {
    "function": re.compile(rb"\(\)\s*\{[^{}&]*\}?"),
    "code": re.compile(rb"<[?%](?:(?![?%]>)[^;&<\r\n])*(?:[?%]>)?"),
    "script": re.compile(rb"<script[^>&;]*>?(?:[^<&;]*</script>)?", re.IGNORECASE),
    "entity": re.compile(  # and of an entity that is external, where it lies; never the text of one that is not
        rb"<!entity(?:\s+%)?(?:\s+[^\s\"'<>&;%]{1,64}(?:\s+(?:system|public\s+(?:\"[^\"<>]*\"|'[^'<>]*'))"
        rb"\s+(?:\"[^\"<>]*\"|'[^'<>]*')\s*>?)?)?|<!doctype\s+[^\s\"'<>&;\[]{1,64}|<!doctype",
        re.IGNORECASE,
    ),
    "java": re.compile(rb"[\w.()\[\]#%]*"),
    "shell": re.compile(rb"\$\([^)&;]*(?:\)\.?|;)?|`[^`&;]*[`;]?"),
    "command": re.compile(rb"[;|&`]\s*(?:busybox\s+)?\w+\s+(?:-[^\s;&|]*\s+){0,4}[^\s;&|\"'<>`]*", re.IGNORECASE),
}
"""How far an expression reaches, by its kind. Behind `)` the rules want to see whether jQuery's `.` follows."""


def find_attack(text: bytes, secret: bool) -> bytes | None:
    """The first attack in `text`, a header's value or a target; of a `secret` text, such as a cookie, only what makes
    it one, and a lookup. None if there is none. Never raises."""
    found = _ATTACK.search(text)
    if found is None and 0x25 in text:
        found = _ATTACK.search(_plain(text))
    return None if found is None else _expression(found, secret)


def find_body_attack(text: bytes) -> bytes | None:
    """As `find_attack`, of a form, JSON or XML."""
    found = _BODY_ATTACK.search(text) or _BODY_ATTACK.search(_plain(text))
    return None if found is None else _expression(found, False)


def _plain(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), text)


def _expression(found: re.Match[bytes], secret: bool) -> bytes:
    text = found.string[found.start() : found.start() + MAX_TEXT]
    kind = found.lastgroup
    if kind == "braces":
        return _in_braces(text, len(found[0]), secret)
    whole = _FIRST_WORD.match(text) if secret else _ENDS[kind].match(text) if kind is not None else None
    return found[0] if whole is None else whole[0]


def _in_braces(text: bytes, start: int, secret: bool) -> bytes:
    """As far as the bracket that closes the first one; without it, or if it closes behind a separator that ends the
    text around, as far as that."""
    first = _BRACE.search(text)
    if first is None or first.start() > start:
        return text[:start]
    border = _SEPARATOR if secret else _NEXT
    depth = 0
    for brace in _BRACE.finditer(text):
        depth += 1 if brace[1] else -1
        if depth <= 0:
            other = border.search(text, start, brace.end())
            return text[: brace.end() if other is None else other.start()]
    other = (_SEPARATOR if secret else _BLANK).search(text, start)
    return text if other is None else text[: other.start()]
