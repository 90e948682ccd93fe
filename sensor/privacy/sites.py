"""Names in a certificate to the sites they stand for: registrable domains by the public suffix list, offline.

A site is what a browser calls one (https://publicsuffix.org): the public suffix and one label more, private section
included, in its ASCII form (A-labels), so that a homograph cannot pass for its model. What has no registrable domain
is a site of its own: an address, a name that is itself a public suffix, a single label, text that is no host name.
Names are hostile text: nothing raises, nothing is guessed.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

import msgspec

from sensor.privacy.suffixes import public_suffixes

MAX_HOST_CHARS = 253  # RFC 1035 2.3.4: 255 octets on the wire
# Underscores and edge hyphens are no LDH labels (RFC 5890 2.3.1), but stand in certificates that are in use.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


class NamedSites(msgspec.Struct, frozen=True, gc=False):
    """The distinct `sites` of some names, in the order of the names.

    `open_ended`: a wildcard lies right under a listed public suffix (*.github.io), so that the certificate serves
    registrable domains without number, whatever else it names.
    """

    sites: tuple[str, ...]
    open_ended: bool = False


def is_host_name(name: str) -> bool:
    """Whether `name` can be a DNS name, a wildcard or an internationalised one included; an address is not."""
    return _split(name)[0] is not None and _address(name) is None


class SiteIndex:
    """Finds sites, and remembers up to `max_names` of them; the list is read at the first name that needs it."""

    def __init__(self, max_names: int = 16384) -> None:
        self._max_names = max_names
        self._known: dict[str, tuple[str, bool]] = {}

    def sites(self, names: tuple[str, ...]) -> NamedSites:
        """The sites of `names`: host names, addresses, mailboxes, or any other text."""
        sites: dict[str, None] = {}
        open_ended = False
        for name in names:
            site, is_open = self._site(name)
            sites[site] = None
            open_ended |= is_open
        return NamedSites(tuple(sites), open_ended)

    def site(self, name: str) -> str:
        """The site that `name` belongs to; `name` itself where it has no registrable domain."""
        return self._site(name)[0]

    def _site(self, name: str) -> tuple[str, bool]:
        known = self._known.get(name)
        if known is None:
            known = self._find(name)
            if len(self._known) >= self._max_names:
                self._known.clear()  # cheaper than an order of use, and as good: names come in bursts
            self._known[name] = known
        return known

    def _find(self, name: str) -> tuple[str, bool]:
        address = _address(name)
        if address is not None:
            return address, False
        host, is_wildcard = _split(name)
        if host is None:
            at = name.rfind("@")
            # A mailbox discloses its domain (RFC 5321 2.3.11); the address itself stays among the names.
            domain = _split(name[at + 1 :])[0] if at > 0 else None
            return (name, False) if domain is None else (self._registrable(domain), False)
        return self._registrable(host), is_wildcard and self._is_listed(host)

    def _registrable(self, host: str) -> str:
        public = public_suffixes().labels(_unicode(host))
        labels = host.split(".")
        return ".".join(labels[-1 - public :])  # the whole if it is itself a public suffix, listed or by default

    def _is_listed(self, host: str) -> bool:
        return public_suffixes().labels(_unicode(host), unlisted=0) == host.count(".") + 1


def _address(name: str) -> str | None:
    """Canonical text of an IP address, None if `name` is none."""
    if not name or not (":" in name or name[-1].isdigit()) or len(name) > 64:
        return None
    try:
        return str(ip_address(name))
    except ValueError:
        return None


def _split(name: str) -> tuple[str | None, bool]:
    """`name` as a host in lower-case A-labels without its wildcard label, and whether it had one; None if no host."""
    if len(name) > MAX_HOST_CHARS:
        return None, False
    host = name
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None, False
    host = host.lower().removesuffix(".")
    is_wildcard = False
    while "*" in host:  # "*.", and the partial form of RFC 6125 6.4.3: "w*.example.com"
        label, dot, rest = host.partition(".")
        if "*" not in label or not dot:
            return None, False
        host, is_wildcard = rest, True
    return (host, is_wildcard) if _HOST.fullmatch(host) else (None, False)


def _unicode(host: str) -> str:
    if "xn--" not in host:
        return host
    try:
        return host.encode("ascii").decode("idna").lower()
    except UnicodeError:
        return host
