# Types for the compiled form of content.py; see setup.py.
cimport cython

from sensor.http.structs cimport HttpSettings
from sensor.kept cimport Kept

cdef int _COUNT, _TAP, _KEEP, _READ
cdef Py_ssize_t _MEMO_FILES, _MEMO_BYTES, _MAX_TEXT_BYTES
cdef dict _BY_TYPE, _BY_CLAIM
cdef Kept _texts

@cython.final
cdef class Content:
    cdef public HttpSettings settings
    cdef public object content_type, filename, mime_type, hashes, new_tap, tap
    cdef public bint is_orig, judged, too_large, partial, headless, tapping
    cdef public int use
    cdef public long long limit, size, total, seen, missing, first_ts, last_ts, held_bytes
    cdef public list held

    cpdef bint idle(self)
    cpdef feed(self, bytes data, long long ts)
    cpdef skipped(self, long long count, long long ts)
    cpdef lost(self, long long count)
    @cython.locals(start=bytes, size="long long", form_limit="long long")
    cpdef judge(self)
    cdef _let_go(self)
    cpdef finish(self, str fuid, object why_not)

cdef dict _memo
@cython.locals(use=int, claim=bytes)
cpdef int use_of(object mime_type, bytes content_type, bytes start, long long size, long long limit, long long form_limit)
@cython.locals(limit="long long", size="long long", known=tuple, use=int)
cpdef object whole_file(HttpSettings settings, bint is_orig, bytes content_type, object filename, str fuid, bytes data, long long ts, object new_tap=*)
cpdef object digests_of(bytes content)
@cython.locals(length=int, octets=int)
cdef bint _is_der_of(bytes data, long long size)
@cython.locals(known=str)
cpdef str text_of(bytes raw)
