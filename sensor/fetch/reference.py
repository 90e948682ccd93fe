"""The reference of findings about CRLs for people: python -m sensor.fetch.reference > docs/crl-audit.md"""

from __future__ import annotations

import sys

from sensor.audit.reference import member_docs
from sensor.fetch.findings import CRL_FINDINGS, CrlFinding

_HEAD = """\
# What the audit of CRLs finds

<!-- made by `python -m sensor.fetch.reference`; a test compares -->

Every line of `crl.log` about a CRL that came has the field `audit`: the names below that apply, in this order. An empty
list means that all was checked and nothing found. With `audit.enabled: false` the field is left out. A name does not
change its meaning; new ones may come. Times are compared with the packet's, and clocks may be `audit.skew_s` apart.
What is asked of extensions is only checked where all of the CRL was read. BR stands for the CA/Browser Forum's Baseline
Requirements for TLS certificates, which bind public CAs only.

"""


def render_reference() -> str:
    """Markdown: a table of all findings."""
    docs = member_docs(CrlFinding)
    rows = [f"| `{finding.value}` | {docs[finding]} |\n" for finding in CRL_FINDINGS]
    return _HEAD + "| finding | means |\n|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(render_reference())
