"""Writes README.md: the table of all rows, that of properties, and behind them what it has of figures already.

python -m tests.hostile.readme
"""

from __future__ import annotations

from tests.hostile.properties import PROPERTIES
from tests.hostile.rows import HERE, SECTIONS, NotHere, Row, cases_of_rows, rows

README = HERE / "README.md"
MEASURED = "## What was measured"
"""What stands from there on is written by hand, and kept."""


def _cell(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "-"


def _told(row: str, said: Row | NotHere, own: list[str]) -> str:
    if isinstance(said, NotHere):
        return f"| {row} | {said.fault} | - | - | - | {said.why} |"
    files: dict[str, int] = {}
    for test in own:
        name = test.partition("::")[0].removeprefix("tests/").removeprefix("hostile/")
        files[name] = files.get(name, 0) + 1
    where = ", ".join(f"`{name}` ({count})" if count > 1 else f"`{name}`" for name, count in files.items())
    where += f". {said.note}" if said.note else ""
    put_in = [guard.puts_in for guard in said.guards if guard.puts_in]
    if put_in:
        where += f". Put in: {'; '.join(dict.fromkeys(put_in))}"
    cells = f"{_cell(said.limits)} | {_cell(said.counters)} | {len(said.guards) or '-'}"
    return f"| {row} | {said.fault} | {cells} | {where} |"


def render() -> str:
    """README.md."""
    own, said = cases_of_rows(), rows()
    told = sum(isinstance(row, Row) for row in said.values())
    text = [
        "# What is done with hostile input",
        "",
        "Made by `python -m tests.hostile.readme`; a test compares. Each row is a fault, and its tests bear its name "
        "(`pytest -k test_h3_`). Those of this folder run the whole pipeline with a stranger's good OCSP exchange "
        "beside the fault: it must be told, every frame and octet must be accounted for, and nothing may have raised. "
        "`python -m tests.hostile.guards` takes the guards of the rows out of a copy of the source, one by one, and "
        "demands that the row's tests fail. A row that holds because of what is not done has none to take out: there "
        "the mistake is put in that another program might make, and stands here.",
        "",
        f"{told} rows are tested; {len(said) - told} do not apply, for the reason given.",
    ]
    for section, title in SECTIONS.items():
        lines = [_told(row, said[row], own.get(row, [])) for row in said if row.rstrip("0123456789") == section]
        if lines:
            text += ["", f"## {title}", "", "| row | fault | limit | told by | guards | tests, and what is special |"]
            text += ["|---|---|---|---|---|---|", *lines]
    text += [
        "",
        "## What holds for every input",
        "",
        "Drawn by Hypothesis, or for all captures in turn; compiled and not.",
    ]
    text += ["", "| property | what it says | tests |", "|---|---|---|"]
    text += [f"| {name} | {says} | {_cell(tests)} |" for name, (says, tests) in PROPERTIES.items()]
    return "\n".join([*text, "", MEASURED]) + README.read_text().partition(MEASURED)[2]


if __name__ == "__main__":
    README.write_text(render())
