"""The reference of findings for people: python -m sensor.audit.reference > docs/audit.md"""

from __future__ import annotations

import ast
import enum
import inspect
import sys
import textwrap
from typing import TypeVar

from sensor.audit.findings import FINDINGS, GRAVE, UNVERIFIED, Finding

E = TypeVar("E", bound=enum.Enum)

_HEAD = """\
# What the audit of OCSP replies finds

<!-- made by `python -m sensor.audit.reference`; a test compares -->

Every line of `ocsp_exchange.log` about a reply has the field `audit`: the names below that apply, in this order. An
empty list means that all was checked and nothing found. Without a reply, and with `audit.enabled: false`, the field is
left out. A name does not change its meaning; new ones may come.

Times are compared with the packet's, and clocks may be `audit.skew_s` apart. "Not checked" is a result of its own, and
says why: no finding about signatures and no `signature_not_checked` means that the signature was verified. Names marked
with * are told in the summary, too. With a name marked with † anybody on the path may have made the reply: nothing that
comes later is compared with it, and the rules about revocation say so or stay quiet. BR stands for the CA/Browser
Forum's Baseline Requirements for TLS certificates, which bind public CAs only.

"""


def finding_docs() -> dict[Finding, str]:
    """The string under each member of `Finding`, in one line."""
    return member_docs(Finding)


def member_docs(members: type[E]) -> dict[E, str]:
    """The string under each member of an enumeration, in one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(members))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101  (the source of a class is a class)
    docs: dict[E, str] = {}
    for member, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(member.targets[0], ast.Name) and isinstance(below, ast.Expr):
            docs[members[member.targets[0].id]] = " ".join(str(ast.literal_eval(below.value)).split())
    return docs


def render_reference() -> str:
    """Markdown: a table of all findings."""
    docs = finding_docs()
    rows = [f"| `{finding.value}`{_marks(finding)} | {docs[finding]} |\n" for finding in FINDINGS]
    return _HEAD + "| finding | means |\n|---|---|\n" + "".join(rows)


def _marks(finding: Finding) -> str:
    return (" *" if finding in GRAVE else "") + (" †" if finding in UNVERIFIED else "")


if __name__ == "__main__":
    sys.stdout.write(render_reference())
