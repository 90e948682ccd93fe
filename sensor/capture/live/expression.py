"""An operator's filter, in the language of pcap-filter(7), into a program, by libpcap, which is loaded only for this.

As in tcpdump, the interface itself is opened for a moment: only then does libpcap know that the kernel has taken off
the outer VLAN tag, and write programs whose `vlan` finds it.
"""

from __future__ import annotations

import ctypes
from typing import Final

from sensor.capture.live.bpf import Instruction
from sensor.capture.source import CaptureError

_NAMES: Final = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so")
_LINKS: Final = (1, 12, 105, 127)  # DLT_EN10MB, DLT_RAW, 802.11, radiotap: where libpcap's packet begins as ours does
_ERROR_BYTES: Final = 256  # PCAP_ERRBUF_SIZE
_NO_NETMASK: Final = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("yes", ctypes.c_ubyte),
        ("no", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


def compile_expression(expression: str, interfaces: list[str]) -> list[Instruction]:
    """The same program for all of these interfaces. Raises CaptureError: the expression's mistake, or no libpcap."""
    library = _load()
    programs = [_compile(library, expression, name) for name in interfaces]
    if any(program != programs[0] for program in programs):
        raise CaptureError(
            f"--filter: {' and '.join(interfaces)} are of different kinds; it would mean different things"
        )
    return programs[0]


def _load() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_create.restype = ctypes.c_void_p
        library.pcap_create.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_compile.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(_Program),
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint32,
        ]  # fmt: skip  (one signature)
        for one in (library.pcap_activate, library.pcap_datalink, library.pcap_geterr, library.pcap_close):
            one.argtypes = [ctypes.c_void_p]
        library.pcap_freecode.argtypes = [ctypes.POINTER(_Program)]
        return library
    raise CaptureError("--filter needs libpcap (Debian's package libpcap0.8)")


def _compile(library: ctypes.CDLL, expression: str, interface: str) -> list[Instruction]:
    if "\0" in expression:
        raise CaptureError("--filter: a NUL in it")
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    handle = library.pcap_create(interface.encode(), error)
    if not handle:
        raise CaptureError(f"--filter: {interface}: {_text(error.value)}")
    program = _Program()
    try:
        if library.pcap_activate(handle) < 0:
            raise CaptureError(f"--filter: {interface}: {_text(library.pcap_geterr(handle))}")
        if library.pcap_datalink(handle) not in _LINKS:
            raise CaptureError(f"--filter: {interface} is of a kind for which it cannot be used")
        if library.pcap_compile(handle, program, expression.encode(), 1, _NO_NETMASK) < 0:
            raise CaptureError(f"--filter {expression!r}: {_text(library.pcap_geterr(handle))}")
        try:
            found = [program.instructions[place] for place in range(program.length)]
            return [(one.code, one.yes, one.no, one.k) for one in found]
        finally:
            library.pcap_freecode(program)
    finally:
        library.pcap_close(handle)


def _text(message: bytes) -> str:
    return message.decode(errors="replace")
