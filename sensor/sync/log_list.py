"""The list of logs (v3, as the browsers' makers publish it) into logs, and which of them are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec

from sensor.online.fetching import NOT_JSON
from sensor.sync.heads import LogKey

READ_STATES: Final = ("usable", "qualified", "readonly")
"""States in which a log is read: new certificates, or old ones that are still valid, are in it."""

FRESH_STATES: Final = ("usable", "qualified")
"""States in which a log takes certificates, and its head must not grow old."""

_MAX_LOGS: Final = 4096
_URL: Final = re.compile(r"https?://[!-~]{1,500}")

Text = Annotated[str, msgspec.Meta(max_length=1024)]


class LogListError(Exception):
    """The list cannot be used, or does not have what was asked for."""


class Log(msgspec.Struct, frozen=True):
    """One log. `url` is what its API's paths are put behind, with a final slash: the monitoring prefix of a `tiled`
    log (static-ct-api), whose `submission_url` gives its name; the base address of one of RFC 6962.

    Its certificates expire at or after `expiry_from` and before `expiry_until` (s), where it says so.
    """

    name: str
    operator: str
    key: LogKey
    url: str
    submission_url: str
    tiled: bool
    state: str
    is_test: bool
    expiry_from: int | None
    expiry_until: int | None
    merge_delay_s: int  # a log that takes certificates signs a new head at least so often (RFC 6962 3.5); 0: not said

    @property
    def origin(self) -> str:
        """The origin of its checkpoints (static-ct-api, "Checkpoints")."""
        return self.submission_url.partition("://")[2].rstrip("/")


class _Interval(msgspec.Struct):
    start_inclusive: datetime
    end_exclusive: datetime


class _Log(msgspec.Struct):
    key: bytes
    log_id: bytes
    description: Text = ""
    url: Text = ""
    monitoring_url: Text = ""
    submission_url: Text = ""
    state: dict[str, msgspec.Raw] = {}
    log_type: str = "prod"
    mmd: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)] = 0
    temporal_interval: _Interval | None = None


class _Operator(msgspec.Struct):
    name: Text
    logs: list[_Log] = []
    tiled_logs: list[_Log] = []


class _List(msgspec.Struct):
    operators: list[_Operator]


def parse_log_list(text: bytes) -> list[Log]:
    """Every log of the list, whatever its state. Raises LogListError."""
    try:
        operators = msgspec.json.decode(text, type=_List).operators
    except NOT_JSON as error:
        raise LogListError(f"not a log list (v3): {error}") from None
    logs = [
        _log(each, operator.name, tiled)
        for operator in operators
        for tiled, listed in ((False, operator.logs), (True, operator.tiled_logs))
        for each in listed
    ]
    if len(logs) > _MAX_LOGS:
        raise LogListError(f"a list of more than {_MAX_LOGS:,} logs")
    if len({log.key for log in logs}) != len(logs):
        raise LogListError("two logs with one key")
    return logs


def _log(listed: _Log, operator: str, tiled: bool) -> Log:
    name = listed.description or listed.url or listed.monitoring_url
    key = LogKey(listed.key)
    if key.log_id != listed.log_id:
        raise LogListError(f"{name}: its id is not that of its key")
    url = listed.monitoring_url if tiled else _with_scheme(listed.url)
    submission = listed.submission_url if tiled else url
    for each in (url, submission):
        if not _URL.fullmatch(each):
            raise LogListError(f"{name}: no address of HTTP")
    interval = listed.temporal_interval
    return Log(
        name=name,
        operator=operator,
        key=key,
        url=url.rstrip("/") + "/",
        submission_url=submission,
        tiled=tiled,
        state=next(iter(listed.state), ""),
        is_test=listed.log_type == "test",
        expiry_from=None if interval is None else int(interval.start_inclusive.timestamp()),
        expiry_until=None if interval is None else int(interval.end_exclusive.timestamp()),
        merge_delay_s=listed.mmd,
    )


def _with_scheme(url: str) -> str:
    """Older lists leave it out."""
    return url if "://" in url or not url else f"https://{url}"


def choose_logs(logs: Iterable[Log], wanted: Sequence[str], now: int) -> list[Log]:
    """Those named by `wanted` (an address, or part of a name), whatever their state; without it, those that are to be
    read and whose certificates have not all expired at `now` (s). Raises LogListError for a name that fits none."""
    listed = list(logs)
    if not wanted:
        return [
            log
            for log in listed
            if log.state in READ_STATES and not log.is_test and (log.expiry_until is None or log.expiry_until > now)
        ]
    chosen: dict[LogKey, Log] = {}
    for text in wanted:
        fitting = [log for log in listed if _is_named(log, text)]
        if not fitting:
            raise LogListError(f"{text}: no such log in the list")
        chosen |= {log.key: log for log in fitting}
    return list(chosen.values())


def _is_named(log: Log, text: str) -> bool:
    address = text.rstrip("/") + "/"
    if "://" in text:
        return address in (log.url, log.submission_url.rstrip("/") + "/")
    return text.casefold() in log.name.casefold() or text.rstrip("/") in (log.origin, log.url.partition("://")[2][:-1])
