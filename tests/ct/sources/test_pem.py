"""sensor.ct.sources.pem: blocks among whatever text, in pieces of any size."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import DerItem, Item, Refusal, pem
from tests.ct.pki import Ca, make_root
from tests.ct.pki import pem as as_pem

ROOT = make_root("Root One")
LEAVES = [ROOT.issue(f"{n}.example") for n in range(5)]
LIMIT = 1 << 20


class Dripping(io.BytesIO):
    """Gives at most so many bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self.size, size if size is not None and size >= 0 else self.size))


def read(data: bytes, limit: int = LIMIT, size: int = 1 << 20) -> list[Item]:
    return list(pem.read_pem(Dripping(data, size), limit))


def ders(items: list[Item]) -> list[bytes]:
    assert all(isinstance(item, DerItem) for item in items), items
    return [item.der for item in items if isinstance(item, DerItem)]


def block(label: str, der: bytes, width: int = 64) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


TEXT = b"Certificate:\n    Data:\n        Version: 3 (0x2)\n -----BEGINNING\n----- BEGIN -----\n"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000, 1 << 20])
def test_a_bundle_in_pieces_of_any_size(size: int) -> None:
    data = TEXT + b"".join(as_pem(der) + b"# comment\r\n" for der in LEAVES) + b"the end"
    assert ders(read(data, size=size)) == LEAVES
    lines = [data[: data.index(as_pem(der))].count(b"\n") + 1 for der in LEAVES]
    assert [item.place for item in read(data, size=size)] == [
        f"certificate {number}, line {line}" for number, line in enumerate(lines, 1)
    ]


@pytest.mark.parametrize("width", [1, 63, 76, 100_000])
def test_lines_of_any_length(width: int) -> None:
    assert ders(read(block("CERTIFICATE", LEAVES[0], width))) == LEAVES[:1]


def test_line_ends_of_any_kind() -> None:
    for end in (b"\r\n", b"\r", b" \n", b"\n\n"):
        assert ders(read(as_pem(LEAVES[0]).replace(b"\n", end))) == LEAVES[:1]


def test_labels() -> None:
    others = ("PRIVATE KEY", "X509 CRL", "CERTIFICATE REQUEST", "EC PARAMETERS", "", "NEW CERTIFICATE REQUEST")
    data = b"".join(block(label, LEAVES[0]) for label in others)
    assert read(data) == []
    assert (
        ders(read(data + block("X509 CERTIFICATE", LEAVES[1]) + data + block("CERTIFICATE", LEAVES[2]))) == LEAVES[1:3]
    )


def test_openssl_s_trust_settings_behind_a_certificate() -> None:
    trusted = block("TRUSTED CERTIFICATE", LEAVES[0] + bytes.fromhex("300c300a06082b06010505070301"))
    assert ders(read(trusted)) == LEAVES[:1]


def test_damaged_blocks_do_not_cost_the_others() -> None:
    good = as_pem(LEAVES[0])
    cut = good[:200] + b"\n"
    items = read(cut + good + b"-----BEGIN CERTIFICATE" + good + cut)
    assert [type(item) for item in items] == [Refusal, DerItem, Refusal, DerItem, Refusal]
    assert ders([items[1], items[3]]) == LEAVES[:1] * 2
    assert {item.reason for item in items if isinstance(item, Refusal)} == {"PEM block without its end, or too long"}


def test_base64_that_is_none() -> None:
    (item,) = read(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n")
    assert item == Refusal("PEM block that is not base64", "certificate 1, line 1")


def test_limits() -> None:
    big = block("CERTIFICATE", b"\x30\x84\x00\x10\x00\x00" + b"x" * 0x100000)
    (item,) = read(big + b"", limit=1000)
    assert isinstance(item, Refusal)
    assert ders(read(as_pem(LEAVES[0]), limit=len(LEAVES[0]))) == LEAVES[:1]
    assert read(as_pem(LEAVES[0]), limit=len(LEAVES[0]) - 1) == [Refusal("too long", "certificate 1, line 1")]


def test_memory_stays_within_a_block_and_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pem, "_CHUNK", 4096)
    endless = b"-----BEGIN CERTIFICATE-----\n" + b"A" * 200_000
    taken: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            taken.append(self.tell())
            return super().read(size)

    items = pem.read_pem(Counting(endless), 1000)
    assert next(items) == Refusal("PEM block without its end, or too long", "certificate 1, line 1")
    assert max(taken) < 20_000


@given(st.lists(st.sampled_from([b"-----BEGIN ", b"-----END ", b"CERTIFICATE", b"-----", b"\n", b"MIIB", b"AAAA"])))
def test_any_mixture_is_read_in_any_pieces(parts: list[bytes]) -> None:
    data = b"".join(parts)
    whole = read(data)
    assert read(data, size=1) == whole
    assert all(isinstance(item, Refusal | DerItem) for item in whole)


def test_time_grows_with_the_data(root: Ca) -> None:
    begins = b"-----BEGIN CERTIFICATE-----\n" * 20_000
    assert len(read(begins)) == 20_000
    assert read(b"-----BEGIN " * 50_000) == []
