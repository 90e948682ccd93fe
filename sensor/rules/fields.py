"""Which fields the events of a service have, and of what type: those of its log, and a few that no log carries.

The logs' records are the definition (`logs.records`); a field that they do not have is a mistake in a rule.
"""

from __future__ import annotations

import enum
from difflib import get_close_matches
from functools import cache
from typing import Final

import msgspec

from sensor.logs.records import STREAMS
from sensor.logs.schema import Record


class Kind(enum.Enum):
    """What a value of a field is in the log's JSON."""

    text = "text"
    number = "number"
    time = "time"  # a number, too: seconds since 1970
    bool = "bool"


class Field(msgspec.Struct, frozen=True):
    """`is_vector`: a list of such values, of which one that matches is enough."""

    name: str
    kind: Kind
    is_vector: bool = False


HEADER_FIELDS: Final = ("client_header_names", "server_header_names", "client_headers", "server_headers")
"""Of http events, for rules only: names in upper case (as Zeek's policy/protocols/http/header-names logs them), and
whole header fields, "NAME: value"."""

_EXTRA: Final = {"http": tuple(Field(name, Kind.text, is_vector=True) for name in HEADER_FIELDS)}

# Sigma's own names for what proxies and web servers log (sigma-appendix-taxonomy.md), as Zeek calls it.
_TAXONOMY: Final = {
    "http": {
        "c-uri": "uri",
        "c-useragent": "user_agent",
        "cs-host": "host",
        "cs-method": "method",
        "cs-referrer": "referrer",
        "cs-version": "version",
        "r-dns": "host",
        "sc-status": "status_code",
    }
}
_FLOW_TAXONOMY: Final = {
    "src_ip": "id.orig_h",
    "src_port": "id.orig_p",
    "dst_ip": "id.resp_h",
    "dst_port": "id.resp_p",
}

# Logs that Zeek writes and this sensor does not: rules for them are read, and never fire.
_OTHER_NAMES: Final = """
    analyzer broker capture_loss cluster config dce_rpc dhcp dnp3 dns dpd ftp intel irc kerberos
    known_certs known_hosts known_services ldap ldap_search loaded_scripts modbus mqtt_connect
    mqtt_publish mqtt_subscribe mysql netcontrol ntlm ntp openflow packet_filter pe postgresql quic
    radius rdp redis reporter rfb signatures sip smb_cmd smb_files smb_mapping smtp snmp socks software
    ssh ssl stats syslog telemetry traceroute tunnel websocket x509 crl
"""
_OTHERS: Final = frozenset(_OTHER_NAMES.split())


_NOT_SHOWN: Final = frozenset({"stats", "capture_loss", "ocspwatch_stats"})
"""What the sensor says of itself: rules are not shown it."""


def services() -> tuple[str, ...]:
    """Those whose events rules can see."""
    return tuple(name for name in STREAMS if name not in _NOT_SHOWN)


def is_elsewhere(service: str) -> bool:
    """Whether Zeek has such a log and this sensor has not, or does not show to rules."""
    return service in _NOT_SHOWN or (service in _OTHERS and service not in STREAMS)


def near_service(service: str) -> str:
    """ ", did you mean ...?", or the services that there are."""
    near = get_close_matches(service, [*services(), *_OTHERS], 1)
    return f", did you mean {near[0]}?" if near else f" ({', '.join(services())})"


@cache
def fields_of(service: str) -> dict[str, Field]:
    """By name; other names for the same, of Sigma's taxonomy, among them."""
    found = {field.encode_name: _field(field) for field in _record_fields(STREAMS[service])}
    found = {name: field for name, field in found.items() if not name.startswith("_")}
    for extra in _EXTRA.get(service, ()):
        found[extra.name] = extra
    for alias, name in (_FLOW_TAXONOMY | _TAXONOMY.get(service, {})).items():
        if alias not in found and name in found:
            found[alias] = found[name]
    return found


def near_field(service: str, name: str) -> str:
    """What may have been meant, as the end of a message."""
    near = get_close_matches(name, list(fields_of(service)), 1)
    return f", did you mean {near[0]}?" if near else ""


def _record_fields(record: type[Record]) -> tuple[msgspec.inspect.Field, ...]:
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101  (a record is a struct)
    return info.fields


def _field(field: msgspec.inspect.Field) -> Field:
    kind = field.type
    title = None
    while isinstance(kind, msgspec.inspect.Metadata):
        title = (kind.extra_json_schema or {}).get("title", title)
        kind = kind.type
    is_vector = isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.SetType)
    if isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.SetType):
        kind = kind.item_type
    if isinstance(kind, msgspec.inspect.BoolType):
        return Field(field.encode_name, Kind.bool, is_vector)
    if isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return Field(field.encode_name, Kind.time if title == "time" else Kind.number, is_vector)
    return Field(field.encode_name, Kind.text, is_vector)
