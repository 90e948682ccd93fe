"""Log lines being put together: JSON objects, one a line, field by field.

Where a compiler is found (buffer.pxd) fields are copied straight into one block of memory, which is three times as fast
as putting strings together; else they are strings, put together. Both give the same bytes.
"""

from __future__ import annotations

from sensor.logs.encode import EPOCH, encode_micros, encode_time

_COMPILED = not __file__.endswith(".py")
_START = 1 << 16
_SLACK = 64  # octets that are free behind every text copied: more than punctuation and one number take
_QUOTE, _COMMA, _MINUS, _DOT, _ZERO, _COLON, _OPEN, _CLOSE = b'",-.0:[]'
_BRACE, _NEWLINE = b"}\n"
_TRUE, _FALSE = b"true,", b"false,"


class LineBuffer:
    """Holds whole lines, and at most one that is begun.

    Texts are the insides of JSON strings, escaped already (`logs.encode`), and names are plain ASCII. A line that was
    begun and not ended is forgotten when the next one begins, so that no failure leaves half a line.
    """

    def __init__(self) -> None:
        self.size = 0
        """Octets of the whole lines."""
        self._fields: list[str] = []
        self._lines: list[bytes] = []
        self._block = bytearray(_START if _COMPILED else 0)
        self._at = self._block  # compiled: where the block lies
        self._room = len(self._block) - _SLACK
        self._end = 0
        self._second = 0
        self._second_text = ""

    def begin(self, head: str) -> None:
        """`head` is all up to and with the comma behind the first fields."""
        if not _COMPILED:
            self._fields.clear()
        self._end = self.size
        self.raw(head)

    def end(self) -> None:
        """Closes the object: its last comma becomes its brace."""
        if not _COMPILED:
            line = ("".join(self._fields)[:-1] + "}\n").encode()
            self._fields.clear()
            self._lines.append(line)
            self.size += len(line)
            return
        self._at[self._end - 1] = _BRACE
        self._at[self._end] = _NEWLINE
        self._end += 1
        self.size = self._end

    def take_fields(self) -> str:
        """The fields of the line that was begun, which is forgotten: for `raw`, in another line."""
        if not _COMPILED:
            text = "".join(self._fields)
            self._fields.clear()
        else:
            text = bytes(memoryview(self._block)[self.size : self._end]).decode()
        self._end = self.size
        return text

    def take(self) -> bytes:
        """All whole lines; they are gone from here then."""
        if not _COMPILED:
            data = b"".join(self._lines)
            self._lines.clear()
        else:
            data = bytes(memoryview(self._block)[: self.size])
        self.size = self._end = 0
        return data

    def take_view(self) -> memoryview:
        """As `take`, without a copy: nothing may be begun here while somebody holds it."""
        if not _COMPILED:
            return memoryview(self.take())
        view = memoryview(self._block)[: self.size]
        self.size = self._end = 0
        return view

    def place(self) -> int:
        """Octets of the whole lines and of what there is of the one begun: where its next field begins."""
        if not _COMPILED:
            return self.size + sum([len(field.encode()) for field in self._fields])
        return self._end

    def append(self, octets: memoryview, first: int, last: int) -> None:
        """Octets `first` to `last` - 1 of lines made elsewhere; one line may come in several pieces.

        Raises ValueError if `octets` has not so many.
        """
        size = last - first
        if first < 0 or size < 0 or last > len(octets):
            raise ValueError("pieces of lines lie outside of what there is")
        if not size:
            return
        if not _COMPILED:
            self._lines.append(bytes(octets[first:last]))
            self.size += size
            return
        self.append_at(address_of(octets) + first, size)  # type: ignore  # noqa: F821  (C's, by way of buffer.pxd)

    def append_text(self, text: str) -> None:
        """As `append`, of a text."""
        if not _COMPILED:
            octets = text.encode()
            self._lines.append(octets)
            self.size += len(octets)
            return
        self._end = self.size
        self._copy(text)
        self.size = self._end

    def append_number(self, value: int) -> None:
        """As `append`, of a number that is not negative."""
        if not _COMPILED:
            self.append_text(str(value))
            return
        self._end = self.size
        if self._end > self._room:
            self._grow(0)
        self._digits(value, 1)
        self.size = self._end

    def raw(self, text: str) -> None:
        """Whole fields as JSON text, with the comma behind them."""
        if not _COMPILED:
            self._fields.append(text)
            return
        self._copy(text)

    def string(self, name: str, text: str) -> None:
        if not _COMPILED:
            self._fields.append(f'"{name}":"{text}",')
            return
        if not PyUnicode_IS_COMPACT_ASCII(text):  # type: ignore  # noqa: F821  (C's, by way of buffer.pxd)
            self._name(name)
            self._quoted(text)
            return
        end, of_name, of_text = self._end, len(name), len(text)
        if end + of_name + of_text > self._room:
            self._grow(of_name + of_text)
        at = self._at
        at[end] = _QUOTE
        memcpy(at + end + 1, PyUnicode_DATA(name), of_name)  # type: ignore  # noqa: F821  (C's)
        end += of_name + 1
        at[end] = _QUOTE
        at[end + 1] = _COLON
        at[end + 2] = _QUOTE
        memcpy(at + end + 3, PyUnicode_DATA(text), of_text)  # type: ignore  # noqa: F821  (C's)
        end += of_text + 3
        at[end] = _QUOTE
        at[end + 1] = _COMMA
        self._end = end + 2

    def value(self, name: str, text: str) -> None:
        """A field whose value is JSON text."""
        if not _COMPILED:
            self._fields.append(f'"{name}":{text},')
            return
        self._name(name)
        self._copy(text)
        self._at[self._end] = _COMMA
        self._end += 1

    def number(self, name: str, value: int) -> None:
        """`value` within 64 bits."""
        if not _COMPILED:
            self._fields.append(f'"{name}":{value},')
            return
        if value < 0:
            self._name(name)
            self._at[self._end] = _MINUS
            self._end += 1
            self._digits(-value, 1)
            self._at[self._end] = _COMMA
            self._end += 1
            return
        # Written out, not by `_name` and `_digits`: most fields are numbers, and the calls are a third of the time.
        end, of_name = self._end, len(name)
        if end + of_name > self._room:
            self._grow(of_name)
        at = self._at
        at[end] = _QUOTE
        memcpy(at + end + 1, PyUnicode_DATA(name), of_name)  # type: ignore  # noqa: F821  (C's)
        end += of_name + 1
        at[end] = _QUOTE
        at[end + 1] = _COLON
        end += 3
        rest = value
        if value >= 10:
            end += 1
            limit = value
            while limit >= 100:
                limit //= 10
                end += 1
        place = end - 1
        at[end] = _COMMA
        self._end = end + 1
        while rest >= 10:
            at[place] = _ZERO + rest % 10
            rest //= 10
            place -= 1
        at[place] = _ZERO + rest

    def flag(self, name: str, value: bool) -> None:
        if not _COMPILED:
            self._fields.append(f'"{name}":true,' if value else f'"{name}":false,')
            return
        end, of_name = self._end, len(name)
        if end + of_name > self._room:
            self._grow(of_name)
        at = self._at
        at[end] = _QUOTE
        memcpy(at + end + 1, PyUnicode_DATA(name), of_name)  # type: ignore  # noqa: F821  (C's)
        end += of_name + 1
        at[end] = _QUOTE
        at[end + 1] = _COLON
        end += 2
        if value:
            memcpy(at + end, PyBytes_AS_STRING(_TRUE), 5)  # type: ignore  # noqa: F821  (C's)
            self._end = end + 5
        else:
            memcpy(at + end, PyBytes_AS_STRING(_FALSE), 6)  # type: ignore  # noqa: F821  (C's)
            self._end = end + 6

    def seconds(self, name: str, us: int) -> None:
        """An interval in microseconds, as seconds."""
        if not _COMPILED:
            self._fields.append(f'"{name}":{encode_micros(us)},')
            return
        self._name(name)
        self._micros(us)

    def moment(self, us: int, form: int) -> None:
        """Only the value of a time, in microseconds since 1970, and the comma behind it."""
        if not _COMPILED:
            self._fields.append(f"{encode_time(us, form)},")
        elif form == EPOCH:
            self._micros(us)
        else:
            self._copy(encode_time(us, form))
            self._at[self._end] = _COMMA
            self._end += 1

    def open_list(self, name: str) -> None:
        if not _COMPILED:
            self._fields.append(f'"{name}":[')
            return
        self._name(name)
        self._at[self._end] = _OPEN
        self._end += 1

    def item(self, text: str) -> None:
        if not _COMPILED:
            self._fields.append(f'"{text}",')
            return
        self._quoted(text)

    def close_list(self) -> None:
        if not _COMPILED:
            last = self._fields[-1]
            self._fields[-1] = last[:-1] + "]," if last[-1] == "," else last + "],"
            return
        if self._at[self._end - 1] == _COMMA:
            self._end -= 1
        self._at[self._end] = _CLOSE
        self._at[self._end + 1] = _COMMA
        self._end += 2

    # What follows is reached only where compiled. Octets are stored by way of locals: the compiler has to take it that
    # a store changes the object itself.

    def _name(self, name: str) -> None:
        end = self._end
        size = PyUnicode_GET_LENGTH(name)  # type: ignore  # noqa: F821  (C's, by way of buffer.pxd; names are ASCII)
        if end + size > self._room:
            self._grow(size)
        at = self._at
        at[end] = _QUOTE
        memcpy(at + end + 1, PyUnicode_DATA(name), size)  # type: ignore  # noqa: F821  (C's)
        end += size + 1
        at[end] = _QUOTE
        at[end + 1] = _COLON
        self._end = end + 2

    def _quoted(self, text: str) -> None:
        self._at[self._end] = _QUOTE
        self._end += 1
        self._copy(text)
        at, end = self._at, self._end
        at[end] = _QUOTE
        at[end + 1] = _COMMA
        self._end = end + 2

    def _copy(self, text: str) -> None:
        """Copies the UTF-8 of `text` and keeps the slack free: the only place that writes more than a few octets."""
        if PyUnicode_IS_COMPACT_ASCII(text):  # type: ignore  # noqa: F821  (C's, by way of buffer.pxd)
            source = PyUnicode_DATA(text)  # type: ignore  # noqa: F821
            size = len(text)
        else:
            length = [0]
            source = PyUnicode_AsUTF8AndSize(text, length)  # type: ignore  # noqa: F821
            size = length[0]
        if self._end + size > self._room:
            self._grow(size)
        memcpy(self._at + self._end, source, size)  # type: ignore  # noqa: F821  (C's, by way of buffer.pxd)
        self._end += size

    def _grow(self, size: int) -> None:
        self._block.extend(bytes(max(size, self._room)))
        self._at = self._block
        self._room = len(self._block) - _SLACK

    def _micros(self, us: int) -> None:
        if us < 0:
            self._at[self._end] = _MINUS
            self._end += 1
            us = -us
        second = us // 1000000
        rest = us - second * 1000000
        if second < 1000:  # an interval
            self._digits(second, 1)
            self._at[self._end] = _DOT
            self._end += 1
        else:
            if second != self._second:  # most are the one of the line before
                self._second = second
                self._second_text = f"{second}."
            self._copy(self._second_text)
        if rest == 0:
            self._at[self._end] = _ZERO
            self._end += 1
        else:
            self._digits(rest, 6)
        at, end = self._at, self._end
        while at[end - 1] == _ZERO and at[end - 2] != _DOT:
            end -= 1
        at[end] = _COMMA
        self._end = end + 1

    def _digits(self, value: int, width: int) -> None:
        if value < 10 and width == 1:
            self._at[self._end] = _ZERO + value
            self._end += 1
            return
        count, limit = width, 10
        if width == 1:
            while value >= limit and count < 19:
                limit *= 10
                count += 1
        at, place = self._at, self._end + count
        self._end = place
        while count:
            place -= 1
            at[place] = _ZERO + value % 10
            value //= 10
            count -= 1
