"""Log4j lookups (`${jndi:ldap://...}`, CVE-2021-44228) in bytes off the wire, their obfuscation undone as Log4j would.

What stands in the text is worked out, nothing is looked up. The rules are those of Apache Log4j 2's documented lookups
and of its StrSubstitutor: `${name:-default}`, nesting, prefixes whose case does not matter.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

MAX_TEXT: Final = 65536
"""Bytes of one text that are read, from the first that may begin a lookup: as much as a head may have."""
MAX_FOUND: Final = 8
"""Lookups told of one text."""
MAX_LOOKUP: Final = 256
"""Characters told of one."""
_MAX_DEPTH: Final = 24  # lookups inside each other; Log4j has no limit, its users' servers a stack
_MAX_ROUNDS: Final = 3  # of percent-encoding; and of lookups that were put together out of lookups

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNICODE: Final = re.compile(r"\\u+00([0-7][0-9A-Fa-f])|&#(?:x0*([2-7][0-9A-Fa-f])|0*([0-9]{2,3}));", re.IGNORECASE)
_MARK: Final = re.compile(rb"\$(?:\{|%(?:25)*7b|\\u+007b|&#)|(?:%(?:25)*|\\u+00|&#x0*)24|&#0*36;", re.IGNORECASE)
_BORDER: Final = re.compile(r"[\s\"'<>]|&(?!#)|;(?<!&#\d\d;)(?<!&#\d\d\d;)")
_TOKENS: Final = re.compile(r"\$\$?\{|\}|[^$}]+|\$")


def find_lookups(data: bytes) -> tuple[str, ...]:
    """The lookups in `data`, without `${` and `}`, as Log4j would ask for them, in order, at most MAX_FOUND.

    Those that only hide a letter (`${lower:J}`, `${::-n}`, `${env:none:-d}`) are worked out and not told. A lookup
    within another that cannot be worked out here stands in it as `{env:USER}`. Never raises.
    """
    if 0x24 not in data and 0x25 not in data and 0x5C not in data and 0x26 not in data:
        return ()
    mark = _MARK.search(data)
    if mark is None:
        return ()
    text = _decoded(data[mark.start() : mark.start() + MAX_TEXT])
    found: dict[str, None] = {}
    for _ in range(_MAX_ROUNDS):
        if "${" not in text:
            break
        text = _substitute(text, found)
    return tuple(found)


def _decoded(data: bytes) -> str:
    """Percent-encoding undone, several times over, and the escapes of JSON, Java and HTML for ASCII."""
    for _ in range(_MAX_ROUNDS):
        if 0x25 not in data:
            break
        data = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), data)
    text = data.decode("utf-8", "replace")
    if "\\" in text or "&" in text:
        text = _UNICODE.sub(_character, text)
    return text


def _character(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    code = int(digits, 16) if digits else int(found[3])
    return chr(code) if 0x20 <= code < 0x7F else found[0]


def _substitute(text: str, found: dict[str, None]) -> str:
    """One pass from left to right: what is left of `text` when its lookups are worked out; those worth telling go into
    `found`. An end that is missing is taken for cut off."""
    stack: list[list[str]] = [[]]
    beyond = 0  # levels deeper than are worked out: what is in them is nothing, but for a lookup in plain sight
    for piece in _TOKENS.findall(text):
        if piece.endswith("${"):
            if len(stack) > _MAX_DEPTH:
                beyond += 1
            else:
                stack.append([])
        elif beyond:
            if piece == "}":
                beyond -= 1
            elif _is_jndi(piece):
                _tell(piece, found)
        elif piece == "}" and len(stack) > 1:
            inner = "".join(stack.pop())
            stack[-1].append(_resolve(inner, found))
        else:
            stack[-1].append(piece)
    while len(stack) > 1:
        inner = "".join(stack.pop())
        if _is_jndi(inner):
            _tell(inner, found)
        stack[-1].append(inner)
    return "".join(stack[0])


def _resolve(inner: str, found: dict[str, None]) -> str:
    """What `${inner}` becomes."""
    name, default, value = inner.partition(":-")
    prefix, colon, argument = name.partition(":")
    kind = prefix.lower()
    if colon and kind == "jndi":
        _tell(inner, found)  # ":-" may be part of the name: Log4j asks before it takes the default
        return value
    if default:
        return value
    if not colon:
        return f"{{{inner}}}" if name in ("hostName", "contextName") else ""
    if kind == "lower":
        return argument.lower()
    if kind == "upper":
        return argument.upper()
    if kind == "date":
        return argument.replace("'", "")
    if kind == "base64":
        try:
            return b64decode(argument + "=" * (-len(argument) % 4)).decode("utf-8", "replace")
        except (Base64Error, ValueError):
            return ""
    if kind in _KINDS:
        _tell(inner, found)
        return f"{{{inner}}}"
    return ""


_KINDS: Final = frozenset(
    {"bundle", "ctx", "docker", "env", "event", "java", "jvmrunargs", "k8s", "kubernetes", "log4j", "main", "map"}
    | {"marker", "script", "sd", "spring", "sys", "web"}
)


def _tell(lookup: str, found: dict[str, None]) -> None:
    """No further than it may reach: the bracket that closed it, or none, may be that of the text around it, which holds
    what is told nobody."""
    add_lookup(found, _BORDER.split(lookup[:MAX_LOOKUP], 1)[0], MAX_FOUND)


def add_lookup(found: dict[str, None], lookup: str, limit: int) -> bool:
    """Puts `lookup` among those told of, at most `limit`; returns whether there was room.

    One of JNDI takes the place of another that is none: nobody hides it behind harmless ones.
    """
    if len(found) >= limit and lookup not in found:
        harmless = next((each for each in reversed(found) if not _is_jndi(each)), None)
        if harmless is None or not _is_jndi(lookup):
            return False
        del found[harmless]
    found[lookup] = None
    return True


def _is_jndi(lookup: str) -> bool:
    return lookup[:5].lower() == "jndi:"
