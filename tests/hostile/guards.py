"""Takes the guard of each row out of a copy of the source and demands that the row's tests fail.

    python -m tests.hostile.guards [--list] [ROW ...]

Uncompiled, in a temporary copy; some seconds a guard. First all these tests are run with every guard in its place: they
must pass, or red would mean nothing. Ends with 1 if that, or a guard's absence, is otherwise than it must be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hostile.rows import REPOSITORY, Guard, Row, cases_of_rows, rows

_COPIED = ("sensor", "tests", "rules", "pcaps", "docs", "pyproject.toml")


def copy_tree(place: Path) -> Path:
    """A checkout without compiled modules, beside a link to ../shared if there is one."""
    tree = place / "main"
    tree.mkdir()
    for name in _COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.c"))
        else:
            shutil.copy(source, tree / name)
    shared = REPOSITORY.parent / "shared"
    if shared.exists():
        (place / "shared").symlink_to(shared.resolve())
    return tree


def run(tree: Path, names: list[str]) -> tuple[int, str]:
    """pytest's exit status for these tests (0 all passed, 1 some failed, others: it could not run), and its words."""
    env = os.environ | {"OCSPWATCH_PURE": "1", "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *names]
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def without(tree: Path, guard: Guard, names: list[str]) -> int:
    """The same with `guard` taken out of `tree` for the time being."""
    path = tree / guard.path
    whole = path.read_text()
    if whole.count(guard.there) != 1:
        raise ValueError(f"{guard.path}: not exactly once there: {guard.there!r}")
    path.write_text(whole.replace(guard.there, guard.instead))
    try:
        return run(tree, names)[0]
    finally:
        path.write_text(whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--list", action="store_true", help="only say which guards there are")
    asked = parser.parse_args()
    own = cases_of_rows()
    wanted = {row: said.guards for row, said in rows().items() if isinstance(said, Row) and row in (asked.rows or own)}
    with tempfile.TemporaryDirectory(prefix="ocspwatch-guards-") as place:
        Path(place).chmod(0o755)  # a parser that has become nobody reads its modules there
        tree = None if asked.list else copy_tree(Path(place))
        if tree is not None:
            status, said = run(tree, [*dict.fromkeys(test for row in wanted for test in own[row])])
            if status:
                print(f"{said}\nnot all of these tests pass with all guards in their places")
                return 1
        red = count = 0
        for row, guards in wanted.items():
            for guard in guards:
                status = None if tree is None else without(tree, guard, own[row])
                red, count = red + (status == 1), count + 1
                verdict = {None: guard.puts_in, 0: "STILL GREEN", 1: "red"}.get(status, f"pytest ended with {status}")
                print(f"{row:5} {guard.path}: {guard.there.strip().splitlines()[0][:70]!r} {verdict}", flush=True)
    print(f"{count} guards of {len(wanted)} rows" + ("" if asked.list else f", {red} red"))
    return 0 if asked.list or red == count else 1


if __name__ == "__main__":
    sys.exit(main())
