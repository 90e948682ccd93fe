"""One target under atheris (Linux; the extra `fuzz`), on the uncompiled source, which is where its coverage comes from.

    OCSPWATCH_PURE=1 python -m tests.fuzz.one TARGET [libFuzzer's options and folders ...]

An input that breaks a promise ends it, and lies where `-artifact_prefix` says.
"""

from __future__ import annotations

import os
import sys

import atheris


def main() -> None:
    if not os.environ.get("OCSPWATCH_PURE"):
        sys.exit("one: compiled modules show no coverage: set OCSPWATCH_PURE=1")
    import sensor  # puts its finder of sources in place, which atheris asks behind its own

    assert sensor.build_mode() == "uncompiled"
    with atheris.instrument_imports(include=["sensor"]):
        from tests.fuzz.targets import TARGETS

        target = TARGETS[sys.argv[1]]
        for seed in list(target.seeds())[:3]:
            target.run(seed)  # imports that wait for their first use
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
