# Types for the compiled form of reader.py; see setup.py.
cimport cython
from sensor.http.grammar cimport is_keyword, line_end, parse_request_line, parse_status_line
from sensor.http.head cimport Head, find_end, new_head, read_fields
from sensor.http.messages cimport Messages, new_messages
from sensor.http.pairing cimport Exchange
from sensor.http.side cimport Side
from sensor.http.structs cimport HttpSettings
from sensor.weird cimport FlowId

cdef int CHUNK_DATA, CHUNK_END, CHUNK_SIZE, CLOSE, FIXED, HEAD, MORE, OVER, TRAILER, UNSIZED, BEYOND, NOT_CHUNKED, IGNORE, MAX_METHOD
cdef long long UNTIL_CLOSE

@cython.freelist(8)
cdef class HttpReader:
    cdef HttpSettings _settings
    cdef Messages _messages
    cdef object _turned

    cpdef begin(self, FlowId flow, list out, HttpSettings settings, bint probation, object new_tap)
    cpdef Messages messages(self)
    @cython.locals(messages=Messages, side=Side, want="long long")
    cpdef long long data(self, bint is_orig, bytes chunk, long long ts)
    @cython.locals(tail=bytearray, known=Py_ssize_t)
    cdef long long _read(self, Side side, bytes chunk, long long ts)
    @cython.locals(want="long long", part=bytes, rest=bytes)
    cdef long long _read_to_turns(self, Side side, bytes data, long long ts)
    @cython.locals(messages=Messages)
    cdef long long _follow(self, Side side, bytes rest, long long want, long long ts)
    @cython.locals(messages=Messages, side=Side, state=int, want="long long")
    cpdef long long gap(self, bint is_orig, long long length, long long ts, long long unskipped)
    @cython.locals(messages=Messages, side=Side, state=int)
    cpdef bint unfinished(self, bint is_orig) except -1
    @cython.locals(messages=Messages, side=Side)
    cpdef bint in_message(self) except -1
    @cython.locals(messages=Messages, side=Side)
    cpdef reopened(self, bint is_orig, long long ts)
    @cython.locals(messages=Messages, side=Side, state=int)
    cpdef closed(self, bint is_orig, int how, long long ts, long long last_data_ts, long long unskipped)
    @cython.locals(size=Py_ssize_t, pos=Py_ssize_t, state=int)
    cdef long long _run(self, Side side, bytes data, long long ts)
    @cython.locals(take="long long")
    cdef Py_ssize_t _feed(self, Side side, bytes data, Py_ssize_t pos, long long ts)
    cdef long long _demand(self, Side side, long long count)
    cdef _count_skip(self, Side side, long long count, long long ts)
    cdef bint _is_head_decided(self, Side side, bytearray tail, Py_ssize_t known, bytes chunk)
    @cython.locals(first=int, stop=Py_ssize_t, end=Py_ssize_t, octets="const unsigned char *", line=bytes, head=Head,
                   settings=HttpSettings)
    cdef Py_ssize_t _read_head(self, Side side, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(line_end=Py_ssize_t, end=Py_ssize_t, head=Head, line=bytes)
    cdef Py_ssize_t _read_odd_head(self, Side side, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(certain=bint, version=str, size=Py_ssize_t, in_capitals=bint)
    cdef bint _read_start(self, Side side, bytes line, long long ts)
    @cython.locals(messages=Messages, after=Py_ssize_t, told_twice=bint, count=int)
    cdef Py_ssize_t _begin(self, Side side, Head head, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(messages=Messages, status=int, exchange=Exchange)
    cdef Py_ssize_t _begin_bare(self, Side side, Head head, bytes data, Py_ssize_t pos, long long ts)
    cdef Py_ssize_t _end_http(self, int status, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(found=Py_ssize_t, keep=Py_ssize_t)
    cdef Py_ssize_t _search(self, Side side, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(line=bytes, head=Head)
    cdef _break_off(self, Side side, long long ts)

cdef bint _may_begin_request(int octet) except -1
cdef bint _is_1(str version) except -1
