"""The public captures' OCSP messages through tshark: what the truth file says of each, and no OCSP anywhere else."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from sensor.ocsp.carriage import decode_get, resembles_get
from sensor.ocsp.model import OcspError
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp.corpus import ABSENT, CORPUS, GETS, TRUTH, Message, messages

pytestmark = pytest.mark.skipif(not TRUTH.exists(), reason=ABSENT)
LIMITS = OcspSettings()
MESSAGES = messages()
CAPTURES = sorted({message.capture for message in MESSAGES})


def test_every_get_of_the_truth_file() -> None:
    assert GETS
    for message in GETS:
        found = decode_get((message.uri or "").encode(), LIMITS)
        assert found is not None, message.uri
        (cert_id,) = found[0].cert_ids
        assert cert_id.serial_number == message.serial
        assert cert_id.issuer_name_hash.hex().upper() == message.name_hash
        assert cert_id.issuer_key_hash.hex().upper() == message.key_hash


def bodies(capture: str) -> dict[int, bytes]:
    """Frame number to the OCSP body that tshark, putting segments and chunks together, found to end in it."""
    path = CORPUS / "captures" / capture
    command = ["tshark", "-r", path, "-Y", "http && ocsp", "-T", "json", "-x", "-J", "frame ocsp"]
    done = subprocess.run(command, capture_output=True, check=False)
    layers = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    return {int(layer["frame"]["frame.number"]): bytes.fromhex(layer["ocsp_raw"][0]) for layer in layers}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark")
@pytest.mark.parametrize("capture", CAPTURES)
def test_every_body_of_the_truth_file(capture: str) -> None:
    expected = [message for message in MESSAGES if message.capture == capture and message.kind != "ocsp-get"]
    found = bodies(capture)
    assert {message.frame for message in expected} <= set(found)
    for message in expected:
        check(message, found[message.frame])


def check(message: Message, data: bytes) -> None:
    row = message.fields
    if message.kind == "ocsp-request":
        asked = decode_request(data, LIMITS)
        assert asked.cert_ids[0].serial_number == message.serial
        return
    reply = decode_response(data, LIMITS)
    assert reply.status == int(str(row["response_status"]))
    if reply.status == 0:
        (answer,) = reply.responses
        assert answer.cert_id.serial_number == message.serial
        assert answer.cert_id.issuer_key_hash.hex().upper() == message.key_hash
        assert [None, "good", "revoked", "unknown"].index(answer.cert_status.value) - 1 == int(str(row["cert_status"]))


def test_no_other_target_of_the_corpus_is_ocsp() -> None:
    """Over the uris that Zeek logged for all captures; it logs them unescaped, which is one of the spellings."""
    truth = {message.capture for message in GETS} | {"zeek/tls/ocsp-http-get.pcap"}  # which the truth file leaves out
    seen = found = resembling = 0
    for log in sorted(CORPUS.glob("zeek/**/http.log")):
        capture = str(log.parent.relative_to(CORPUS / "zeek"))
        for line in log.read_text(errors="replace").splitlines():
            uri = json.loads(line).get("uri")
            if uri is None:
                continue
            seen += 1
            target = uri.encode()
            reading = decode_get(target, LIMITS)
            found += reading is not None
            assert reading is None or capture in truth, (capture, uri)
            resembling += reading is None and resembles_get(target, LIMITS, False)
    assert seen > 800
    assert found == len(GETS) + 1
    assert resembling == 0


def test_no_other_file_is_ocsp() -> None:
    """Any content at all, for want of HTTP bodies: the captures' own bytes, from many places in them."""
    looked = 0
    for path in sorted(CORPUS.glob("captures/**/*.pcap"))[::5]:
        data = path.read_bytes()[:20_000]
        for start in range(0, len(data), 97):
            if data[start] == 0x30:
                looked += 1
                for decode in (decode_request, decode_response):
                    with pytest.raises(OcspError):
                        decode(data[start : start + 4000], LIMITS)
    assert looked
