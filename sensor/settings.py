"""Every knob, once: a frozen tree of typed settings with its defaults; each stage is given its own branch.

A string under a field is its documentation: `ocspwatch config` prints it, and a test demands it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

Size = Annotated[int, Meta(ge=1, le=1 << 50)]
Count = Annotated[int, Meta(ge=0, le=1 << 50)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class CaptureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_record_bytes: Size = 262144
    """A capture record that claims to be longer is damage (libpcap's maximum)."""
    max_expanded_bytes: Size = 1 << 40
    """A compressed capture may expand to this many bytes, then it counts as a bomb."""
    max_expansion_ratio: Size = 1000
    """... and, beyond 64 MiB of output, to this many times its size."""
    window_bytes: Size = 1 << 19
    """Bytes of a capture handed to the packet path at a time; half a MiB leaves the flow table room in the cache."""
    max_decoder_bytes: Size = 128 << 20
    """Memory a capture's decompression may take (zstd --long=27, xz -9 take 128 and 65 MiB)."""
    max_resync_bytes: Size = 16 << 20
    """Bytes searched behind a damaged record for the next believable one; then the rest of the file is given up."""
    max_damage_reports: Count = 64
    """Weirds for one capture file; what is skipped beyond is counted only."""


class FlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_flows: Size = 131072
    """Flows in the table; beyond it closed, then half-open, then the longest idle are logged and dropped."""
    max_half_open: Size = 32768
    """Of these, flows whose handshake is not complete."""
    attempt_timeout_s: Seconds = 5.0
    """A connection attempt without an answer is logged after this (Zeek tcp_attempt_delay)."""
    close_linger_s: Seconds = 5.0
    """A closed connection is kept for late packets (Zeek tcp_close_delay, tcp_reset_delay)."""
    partial_close_s: Seconds = 3.0
    """A connection closed by one side, the other never seen (Zeek tcp_partial_close_delay)."""
    idle_timeout_s: Seconds = 300.0
    """Zeek tcp_inactivity_timeout."""
    max_ooo_bytes: Size = 262144
    """Bytes held above a hole, for each direction."""
    max_ooo_segments: Size = 512
    """Segments held above a hole, for each direction."""
    max_reassembly_bytes: Size = 64 << 20
    """Bytes held above holes over all flows."""
    hole_wait_bytes: Size = 65536
    """A hole that the peer has not acknowledged is given up when this many bytes are held above it."""
    hole_wait_s: Seconds = 10.0
    """... or when it is this old."""
    reorder_wait_s: Seconds = 1.0
    """Bytes acknowledged before they are seen may come this much later (a SPAN port reorders)."""
    max_fragment_datagrams: Size = 1024
    """IP datagrams being put together."""
    max_fragments: Size = 64
    """Fragments of one datagram."""
    max_fragment_bytes: Size = 4 << 20
    """Bytes of fragments held."""
    fragment_timeout_s: Seconds = 30.0
    """Packet time after which an incomplete datagram is dropped."""
    max_tunnel_depth: Count = 4
    """Encapsulations opened, one inside the other."""
    max_ip6_extensions: Count = 8
    """IPv6 extension headers skipped."""
    use_vlan: bool = False
    """Whether VLAN tags are part of what makes a flow."""
    local_nets: tuple[str, ...] = (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/24",
        "239.0.0.0/8",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
    )
    """Networks that count as local in local_orig and local_resp; by default those that nobody routes, as in Zeek 8."""
    http_ports: tuple[Port, ...] = (80,)
    """Ports always read as HTTP; on others the first bytes decide."""


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_line_bytes: Size = 8192
    """A header line; a longer one is cut for the log, its framing kept."""
    max_target_bytes: Size = 65536
    """A request line."""
    max_header_bytes: Size = 65536
    """A header block."""
    max_headers: Size = 100
    """Header fields kept."""
    max_pending: Size = 100
    """Requests without a reply in one flow (Zeek max_pending_requests)."""
    max_informational: Count = 10
    """1xx replies logged for one request."""
    max_request_body_bytes: Size = 65536
    """An OCSP request kept for decoding."""
    max_response_body_bytes: Size = 262144
    """An OCSP reply, or a certificate, kept for decoding."""
    max_inflated_bytes: Size = 1 << 20
    """What a compressed body may expand to while it is kept."""
    max_counted_inflated_bytes: Size = 64 << 20
    """What one may expand to that is only counted, as response_body_len is."""
    max_inflate_ratio: Size = 100
    """... and, beyond 64 KiB, how many times its size."""
    max_codings: Size = 2
    """Content codings, one over the other."""
    max_chunk_extension_bytes: Size = 4096
    """A chunk-size line."""
    max_trailer_bytes: Size = 16384
    """A trailer section."""
    max_parts: Size = 64
    """Parts of a multipart body logged as files."""
    hash_bodies: Literal["pki", "all", "none"] = "pki"
    """Which bodies get md5, sha1 and sha256 in files.log: pki (OCSP, CRL, certificate), all, none."""


class OcspSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: Size = 262144
    """A message larger than this is not decoded."""
    max_depth: Size = 16
    """Nested ASN.1 elements."""
    max_elements: Size = 4096
    """ASN.1 elements of one message."""
    max_cert_ids: Size = 64
    """CertIDs, or SingleResponses, of one message that are logged; all are counted."""
    max_serial_octets: Size = 64
    """Octets of a serial number that are logged."""
    max_get_bytes: Size = 4096
    """A request target longer than this is not tried as an OCSP GET."""


class CtSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str | None = None
    """The look-up cache; by default ocspwatch/ct.sqlite in the user's data folder (XDG_DATA_HOME)."""
    busy_timeout_ms: Count = 50
    """How long a look-up waits for a locked cache before it answers Unavailable."""
    memory_entries: Size = 65536
    """Answers kept in memory."""
    max_names: Size = 250
    """Names kept of one certificate; all are counted."""
    max_certificate_bytes: Size = 1 << 20
    """A certificate to be imported, or seen in traffic, that is larger is refused."""
    max_document_bytes: Size = 64 << 20
    """A PKCS#7 or JSON file to be imported that is larger is refused."""


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_names_logged: Count = 10
    """Names of a certificate written to leak.log; names_total has the count."""
    max_tracked: Size = 262144
    """(client, certificate) pairs counted for times_seen; the longest unseen is forgotten beyond it."""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timestamps: Literal["epoch", "iso8601", "millis"] = "epoch"
    """epoch (seconds with microseconds), iso8601 or millis; for every time field."""
    stream: bool = False
    """Adds _path and _write_ts to every line (Corelight's json-streaming form)."""
    community_id: bool = False
    """Adds community_id to conn.log, as Zeek's policy script does."""
    suppress_for_s: Seconds = 3600.0
    """A notice about the same client and certificate is not repeated within this time."""
    max_field_bytes: Size = 1024
    """Text taken off the wire is cut here in our own logs' fields and in weirds."""
    weird_burst: Count = 25
    """Lines a weird name gets for one flow before it is sampled (Zeek Weird::sampling_threshold)."""
    weird_rate: Size = 1000
    """After that one in so many is logged (Zeek Weird::sampling_rate)."""
    weird_window_s: Seconds = 600.0
    """Sampling starts afresh after this (Zeek Weird::sampling_duration)."""
    weird_repeats: bool = False
    """Whether a flow's repeats of a weird are sampled too; Zeek drops them for weird_window_s."""
    max_suppressed: Size = 65536
    """(client, certificate) pairs remembered for suppress_for_s; the oldest is forgotten beyond it."""
    durable: bool = False
    """Whether the end of a run waits until the disk has all log files."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    capture: CaptureSettings = CaptureSettings()
    flow: FlowSettings = FlowSettings()
    http: HttpSettings = HttpSettings()
    ocsp: OcspSettings = OcspSettings()
    ct: CtSettings = CtSettings()
    privacy: PrivacySettings = PrivacySettings()
    logs: LogSettings = LogSettings()


_MAX_FILE_BYTES = 65536
_MAX_DEPTH = 4  # of YAML nodes: the file, a section, a list, its item


class SettingsError(Exception):
    """The caller's settings cannot be used: `lines` says of every mistake where it is and what, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def default_path() -> Path:
    """Where settings are looked for if no file is named: ocspwatch/ocspwatch.yaml in XDG_CONFIG_HOME or ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if home.startswith("/") else Path(os.environ.get("HOME") or "/") / ".config"
    return folder / "ocspwatch" / "ocspwatch.yaml"


def load_settings(path: str | Path | None = None) -> Settings:
    """The defaults with what the file says on top; without a path, that of `default_path` if it is there.

    Raises SettingsError with all mistakes that the file has.
    """
    return load_origins(path)[0]


def load_origins(path: str | Path | None = None) -> tuple[Settings, dict[str, str]]:
    """As `load_settings`; with it, for each key that the file sets (`section.key`), where: `file:line`."""
    if path is None:
        path = default_path()
        if not os.access(path, os.F_OK):
            return Settings(), {}
    found: dict[str, tuple[Any, str]] = {}
    mistakes: list[str] = []
    for key, value, line in _read_yaml(Path(path), mistakes):
        if key in found:
            mistakes.append(f"{path}:{line}: {key} is set again")
        found[key] = (value, f"{path}:{line}")
    return _apply(Settings(), found, mistakes), {key: where for key, (_, where) in found.items()}


def override(settings: Settings, values: Mapping[str, object]) -> Settings:
    """`settings` with some keys (`section.key`) replaced, by values of their type or by text that says one.

    Raises SettingsError.
    """
    return _apply(settings, {key: (value, "command line") for key, value in values.items()}, [], from_text=True)


def _apply(
    settings: Settings, values: Mapping[str, tuple[Any, str]], mistakes: list[str], from_text: bool = False
) -> Settings:
    """`settings` with `values`, each with where it comes from. Raises SettingsError if there is any mistake."""
    sections: dict[str, dict[str, object]] = {}
    for key, (value, where) in values.items():
        section, _, name = key.partition(".")
        known = section in settings.__struct_fields__
        fields = {f.name: f.type for f in msgspec.structs.fields(getattr(settings, section))} if known else {}
        if name not in fields:
            mistakes.append(f"{where}: unknown key {key}{_near(key)}")
            continue
        try:
            sections.setdefault(section, {})[name] = _convert(key, value, fields[name], from_text)
        except ValueError as error:
            mistakes.append(f"{where}: {key}: {_expected(error, fields[name])}")
    if mistakes:
        raise SettingsError(sorted(mistakes, key=_line))
    changed = {
        section: msgspec.structs.replace(getattr(settings, section), **fields) for section, fields in sections.items()
    }
    return msgspec.structs.replace(settings, **changed)


def _convert(key: str, value: object, kind: Any, from_text: bool) -> object:
    """`value` as the type of the field `key`. Raises ValueError saying what is expected."""
    if value is None and key != "ct.path":
        raise ValueError("no value")
    if from_text and isinstance(value, str):
        listed = isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.VarTupleType)
        converted = msgspec.convert(value.split(",") if listed else value, kind, strict=False)
    else:
        converted = msgspec.convert(value, kind)
    if key == "flow.local_nets":
        from ipaddress import ip_network

        for net in converted:
            ip_network(net, strict=False)
    return converted


def _line(mistake: str) -> int:
    """For sorting: the line in `file:line: ...`, 0 without one."""
    found = re.search(r":(\d+): ", mistake)
    return int(found[1]) if found else 0


def _expected(error: ValueError, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"expected one of {', '.join(get_args(kind))}"
    text = str(error).replace("`", "")
    return text[:1].lower() + text[1:]


def _near(key: str) -> str:
    from difflib import get_close_matches

    keys = [f"{s}.{f}" for s in Settings.__struct_fields__ for f in getattr(Settings(), s).__struct_fields__]
    near = get_close_matches(key, keys, 1)
    return f", did you mean {near[0]}?" if near else ""


def _read_yaml(path: Path, mistakes: list[str]) -> list[tuple[str, Any, int]]:
    """Key (`section.key`), value and line of what a file sets; adds to `mistakes` what is wrong with it as a whole.

    Plain YAML only: no tags but the standard ones, no anchors and aliases (a few lines of which can fill the memory),
    no deep nesting. Raises SettingsError if the file cannot be read at all.
    """
    import yaml

    class PlainLoader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it out
            if event.anchor is not None:
                raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
            if self.depth >= _MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=event.start_mark)
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    name = str(path)
    found: list[tuple[str, Any, int]] = []
    try:
        loader = PlainLoader(_read_text(path, name))
        for section, fields in _pairs(loader.get_single_node(), name, mistakes, "sections"):
            for key, node in _pairs(fields, name, mistakes, f"keys of {section}"):
                line = node.start_mark.line + 1
                try:
                    found.append((f"{section}.{key}", loader.construct_object(node, deep=True), line))
                except (yaml.YAMLError, ValueError) as error:  # a tag; a date that is none
                    mistakes.append(f"{name}:{line}: {getattr(error, 'problem', error)}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.append(f"{name}:{mark.line + 1 if mark is not None else 1}: {error.problem}")
    except yaml.YAMLError as error:  # a character that YAML does not allow
        mistakes.append(f"{name}: {' '.join(str(error).split())}")
    return found


def _pairs(node: Any, name: str, mistakes: list[str], what: str) -> list[tuple[str, Any]]:
    """Keys and value nodes of a mapping; nothing for an empty value."""
    if node is None or (node.id == "scalar" and node.tag == "tag:yaml.org,2002:null"):
        return []
    if node.id != "mapping" or node.tag != "tag:yaml.org,2002:map":
        mistakes.append(f"{name}:{node.start_mark.line + 1}: expected {what}, each with a colon behind it")
        return []
    return [(key.value if key.id == "scalar" else "?", value) for key, value in node.value]


def _read_text(path: Path, name: str) -> str:
    """Raises SettingsError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError([f"{name}: {error.strerror}"]) from None
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise SettingsError([f"{name}: everybody may write to it (chmod o-w)"])
    if len(data) > _MAX_FILE_BYTES:
        raise SettingsError([f"{name}: larger than {_MAX_FILE_BYTES} bytes"])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError([f"{name}:{line}: not UTF-8"]) from None
