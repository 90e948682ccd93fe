"""The reference of findings about CRLs for people: python -m sensor.fetch.reference > docs/crl-audit.md"""

from __future__ import annotations

import sys

from sensor.audit.reference import member_docs
from sensor.fetch.findings import CRL_FINDINGS, REFUSED, UNVERIFIED, CrlFinding

_HEAD = """\
# What the audit of CRLs finds

<!-- made by `python -m sensor.fetch.reference`; a test compares -->

Every line of `crl.log` about a CRL that came has the field `audit`: the names below that apply, in this order. An empty
list means that all was checked and nothing found. With `audit.enabled: false` the field is left out. A name does not
change its meaning; new ones may come. Times are compared with the packet's, and clocks may be `audit.skew_s` apart.
With a name marked with † the CRL is evidence of nothing; with one marked with ? nobody could check its signature: it
is told of certificates that they are on it (`on_crl`), with `on_crl_verified: false`, and it neither replaces one that
was verified nor makes one out of date. The field `verified` is true if neither applies. What is asked of extensions is
only checked where all of the CRL was read. BR stands for the CA/Browser Forum's Baseline Requirements for TLS
certificates, which bind public CAs only.

"""


def render_reference() -> str:
    """Markdown: a table of all findings."""
    docs = member_docs(CrlFinding)
    rows = [f"| `{finding.value}`{_mark(finding)} | {docs[finding]} |\n" for finding in CRL_FINDINGS]
    return _HEAD + "| finding | means |\n|---|---|\n" + "".join(rows)


def _mark(finding: CrlFinding) -> str:
    if finding in REFUSED:
        return " †"
    return " ?" if finding in UNVERIFIED else ""


if __name__ == "__main__":
    sys.stdout.write(render_reference())
