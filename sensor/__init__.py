"""ocspwatch: which client told the network, by OCSP in plaintext, which site it visits."""

import os

__version__ = "0.1.0"

if os.environ.get("OCSPWATCH_PURE"):
    import sys

    from sensor.uncompiled import SourceFinder

    sys.meta_path.insert(0, SourceFinder())


def build_mode() -> str:
    """How this installation runs: "compiled", "uncompiled", or "partly compiled: without x, y".

    A module is meant to be compiled when a .pxd lies beside its .py. Looks at file names only and imports none of them.
    """
    from importlib.machinery import EXTENSION_SUFFIXES
    from pathlib import Path

    here = Path(__file__).parent
    meant = {
        declaration.with_suffix("") for declaration in here.glob("**/*.pxd") if declaration.with_suffix(".py").exists()
    }
    missing = {m for m in meant if not any(m.with_name(m.name + suffix).is_file() for suffix in EXTENSION_SUFFIXES)}
    if os.environ.get("OCSPWATCH_PURE") or missing == meant:
        return "uncompiled"
    if missing:
        return "partly compiled: without " + ", ".join(sorted(".".join(m.relative_to(here).parts) for m in missing))
    return "compiled"
