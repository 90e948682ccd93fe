# Types for the compiled form of side.py; see setup.py.
cimport cython
from sensor.http.head cimport Head
from sensor.http.pairing cimport Exchange

@cython.final
@cython.freelist(8)
cdef class Side:
    cdef public bint is_orig, spoke, unseen, first_chunk, junk, interim
    cdef public int state, status, turned, known
    cdef public long long line_ts, need, asked, searched, length, total, passed
    cdef public Py_ssize_t head_at
    cdef public list turns
    cdef public bytearray tail, ahead
    cdef public str last_version, version
    cdef public Head head
    cdef public object body
    cdef public tuple files
    cdef public Exchange exchange
    cdef public bytes method, target, reason, left

    cpdef begin(self, bint is_orig)
    cpdef Py_ssize_t keep(self, bytes data, Py_ssize_t pos)

cpdef Side new_side(bint is_orig)
