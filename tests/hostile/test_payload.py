"""Row P4 once more: a secret in each kind of odd input that came to mind, and where it comes out.

Nowhere, but for what is `TOLD`: those are fields that a log has for it, named in docs/privacy.md. In pseudonyms it is
nowhere.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from sensor.cli.main import main
from tests.capture.files import block, enhanced, interface, option, section
from tests.hostile.planted import TOLD, marked, planted
from tests.hostile.rows import REPOSITORY
from tests.workers.test_reading import write_pcap

pytestmark = pytest.mark.usefixtures("own_process_state")
SECRET = marked(999).decode()


def outputs(capture: Path, out: Path, capfd: pytest.CaptureFixture[str], *more: str) -> dict[str, str]:
    """All that is said and written, by where; logs by field."""
    found = {}
    for way, form in (("summary", ("-o", str(out))), ("json", ("--json",))):
        assert main(["replay", str(capture), *form, "--rules", "shipped", *more]) in {0, 3}
        said = capfd.readouterr()
        found[way], found[f"{way}, errors"] = said.out, said.err
    assert "disclos" in found["summary"] and found["json"].count("\n") > 1
    for path in out.iterdir():
        for line in path.read_text().splitlines():
            for key, value in json.loads(line).items():
                place = f"{path.stem}.{key}"
                found[place] = f"{found.get(place, '')}{json.dumps(value)}\n"
    return found


def where(found: dict[str, str], secret: str) -> set[str]:
    """In which of them it is, in clear, in hexadecimal or in base64."""
    spelled = re.compile(f"{secret}|{secret.encode().hex()}|{b64encode(secret.encode()).decode()}", re.IGNORECASE)
    return {place for place, text in found.items() if spelled.search(text)}


def test_p4_a_secret_comes_out_where_a_field_is_for_it_and_nowhere_else(
    tmp_path: Path, key: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames, secrets = planted()
    capture = tmp_path / "capture"
    write_pcap(capture, [(frame.ts, frame.data) for frame in frames])
    found = outputs(capture, tmp_path / "clear", capfd)
    told = {name: where(found, secret) - {"summary", "json"} for name, secret in secrets.items()}
    wanted = {f"told: {name}": set(places.split()) for name, (places, _) in TOLD.items()}
    assert {name: places for name, places in told.items() if places} == wanted
    found = outputs(capture, tmp_path / "logs", capfd, "--pseudonymize", str(key))
    assert {name: places for name, secret in secrets.items() if (places := where(found, secret))} == {}


def test_p4_the_fields_that_have_it_are_documented() -> None:
    document = (REPOSITORY / "docs" / "privacy.md").read_text().partition("## What is never written")[2]
    named = set(re.findall(r"`([a-z0-9_.]+)`", document))
    assert {place for places, _ in TOLD.values() for place in places.split()} <= named


def test_p4_nor_what_a_capture_has_beside_its_frames(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frames, _ = planted()
    secret = SECRET.encode()
    told = option(1, secret)
    blocks = [section(), interface(tsresol=9, options=option(2, secret) + option(3, secret) + told)]
    blocks += [block(4, secret * 3), block(0x0BAD, secret * 9)]
    blocks += [enhanced(frame.ts, frame.data, options=told) for frame in frames[:400]]
    blocks += [secret * 40, enhanced(frames[400].ts, frames[400].data), block(6, secret * 4), secret]
    capture = tmp_path / "capture"
    capture.write_bytes(b"".join(blocks))
    found = outputs(capture, tmp_path / "logs", capfd)
    assert "CAPTURE" in found["weird.source"]
    assert where(found, SECRET) == set()


def test_p4_nor_what_a_bug_of_ours_had_in_hand(tmp_path: Path) -> None:
    """The installed command: an exception that nothing catches, with payload in its text."""
    broken = f"""
import sensor.cli.replay
from sensor.cli.main import start
def read(*_):
    int({SECRET!r}[:13].lower())
sensor.cli.replay.read_alone = read
start()
"""
    capture = REPOSITORY / "pcaps" / "office" / "morning.pcapng"
    words = [sys.executable, "-c", broken, "replay", str(capture), "-o", str(tmp_path / "logs")]
    ended = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "ValueError" in ended.stderr and "read_alone" in ended.stderr
    assert "invalid literal" not in ended.stderr
