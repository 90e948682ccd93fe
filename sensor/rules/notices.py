"""What fired into what is told: the words filled in, and repeats held back in packet time.

At most `max_suppressed` are remembered; beyond it the oldest is forgotten. Compiled where a compiler is found
(notices.pxd).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sensor.kept import Kept
from sensor.logs.observer import Notice
from sensor.rules.events import LoggedEvent
from sensor.rules.rule import Head

_MAX_TEXT = 4096  # characters of a msg; the log cuts it again
_MAX_KEY = 256  # characters of one value in an identifier


class _Form:
    """What a rule's head says of its notices, at hand."""

    def __init__(self, head: Head, default_us: int) -> None:
        form = head.notice
        self.rule_id = head.id
        self.level = None if head.level is None else head.level.value
        self.note = form.note
        self.msg = form.msg
        self.sub = form.sub
        self.identifier = form.identifier
        self.window_us = default_us if form.suppress_for_us is None else form.suppress_for_us


class NoticeBook:
    """`tell` is given every notice that is told."""

    def __init__(self, suppress_for_s: float, max_suppressed: int, tell: Callable[[Notice], None]) -> None:
        self._default_us = int(suppress_for_s * 1_000_000)
        self._max = max_suppressed
        self._tell = tell
        self._forms = Kept()
        self._told: OrderedDict[tuple[object, ...], int] = OrderedDict()  # a dict's first key is slow to find
        self.told = 0
        self.held_back = 0
        self.forgotten = 0

    def event(self, head: Head, event: LoggedEvent) -> Notice | None:
        """A rule fired on an event. Returns the notice if it is told."""
        form = self._form(head)
        key = self._identity(form.rule_id, form.identifier, event)
        if not self._is_new(key, event.ts, form.window_us):
            return None
        fuid, mime_type = _file_of(event)
        msg, sub = form.msg, form.sub
        return self._out(
            Notice(
                event.ts,
                event.end,
                event.flow,
                form.note,
                msg.fill(event, _MAX_TEXT),
                None if sub is None else sub.fill(event, _MAX_TEXT),
                form.window_us,
                form.rule_id,
                form.level,
                fuid=fuid,
                file_mime_type=mime_type,
                file_desc=None if fuid is None else event.url(),
            )
        )

    def correlation(self, head: Head, event: LoggedEvent, group: dict[str, Any], count: float) -> Notice | None:
        """A correlation fired; `event` completed it, `group` and `count` are what its words may speak of."""
        form = self._form(head)
        values = {**group, "count": int(count) if count == int(count) else count}
        key = (form.rule_id, *[_key(values.get(name)) for name in form.identifier])
        if not self._is_new(key, event.ts, form.window_us):
            return None
        msg, sub = form.msg, form.sub
        return self._out(
            Notice(
                event.ts,
                event.end,
                event.flow,
                form.note,
                msg.fill(values, _MAX_TEXT),
                None if sub is None else sub.fill(values, _MAX_TEXT),
                form.window_us,
                form.rule_id,
                form.level,
                n=max(0, int(count)),
            )
        )

    def _form(self, head: Head) -> _Form:
        kept: _Form | None = self._forms.get(head)
        if kept is None:
            kept = _Form(head, self._default_us)
            self._forms.put(head, kept)
        return kept

    def _identity(self, rule_id: str, names: tuple[str, ...], event: LoggedEvent) -> tuple[object, ...]:
        found: list[object] = [rule_id]
        for name in names:
            found.append(_key(event.get(name)))
        return tuple(found)

    def _out(self, notice: Notice) -> Notice:
        self.told += 1
        self._tell(notice)
        return notice

    def _is_new(self, key: tuple[object, ...], ts: int, window_us: int) -> bool:
        """Whether nothing of this key was told within the window before; then it is told now."""
        if window_us == 0:
            return True
        told = self._told.get(key)
        if told is not None:
            if 0 <= ts - told < window_us * 1000:
                self.held_back += 1
                return False
            del self._told[key]  # so that it goes to the end
        elif len(self._told) >= self._max:
            self._told.popitem(last=False)
            self.forgotten += 1
        self._told[key] = ts
        return True


def _key(value: Any) -> object:
    if isinstance(value, str):
        return value[:_MAX_KEY]
    return tuple([str(each)[:_MAX_KEY] for each in value]) if isinstance(value, list) else value


def _file_of(event: LoggedEvent) -> tuple[str | None, str | None]:
    """The body that an event is about: of a file itself, of an exchange the request's, else the reply's."""
    if event.service == "files":
        return event.get("fuid"), event.get("mime_type")
    if event.service == "ocsp_exchange":
        fuid = event.get("orig_fuid")
        if fuid is not None:
            return fuid, "application/ocsp-request"
        fuid = event.get("resp_fuid")
        return fuid, None if fuid is None else "application/ocsp-response"
    return None, None
