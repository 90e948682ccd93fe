"""How many labels at the end of a host name anyone may register under (https://publicsuffix.org), offline.

The list is the one inside the package publicsuffixlist. It is read here, in a quarter of the time that the package
takes, since every run that meets a certificate waits for it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


class PublicSuffixes:
    """The rules of a list, in UTF-8."""

    def __init__(self, text: bytes) -> None:
        rules = [line for line in text.splitlines() if line[:2] != b"//"]
        together = b"\n".join(rules)
        if b" " in together or b"\t" in together:  # "Each line is only read up to the first whitespace"
            rules = [word for line in rules for word in line.split(None, 1)[:1]]
        self._rules = frozenset(rules)

    def labels(self, host: str, *, unlisted: int = 1) -> int:
        """Of how many labels the public suffix of `host` consists; `unlisted` if no rule is about it (1: by the rule
        "*", its top-level domain). `host` is in lower case, labels not empty, in Unicode where a rule would be.

        A rule with a wildcard names its root as well (*.ck: ck), as the list's own tests have it (test_psl.txt).
        """
        rules = self._rules
        name = host.encode()
        depth = name.count(b".") + 1
        begin = 0
        while depth:
            suffix = name[begin:]
            if b"!" + suffix in rules:
                return depth - 1
            if b"*." + suffix in rules:
                return depth + 1 if begin else depth
            if suffix in rules:
                return depth
            begin = name.find(b".", begin) + 1
            depth -= 1
        return unlisted


@cache
def public_suffixes() -> PublicSuffixes:
    """One for all: it is read once, and takes megabytes."""
    from publicsuffixlist import PSLFILE

    return PublicSuffixes(Path(PSLFILE).read_bytes())
