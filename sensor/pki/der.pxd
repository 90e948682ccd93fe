cimport cython

cdef long long _INVALID

@cython.final
cdef class DerReader:
    cdef readonly bytes data
    cdef public Py_ssize_t left
    cdef public bint loose
    cdef public bint cut
    cdef readonly Py_ssize_t start
    cdef readonly Py_ssize_t stop

    @cython.locals(data=bytes, tag=int, length=Py_ssize_t, first=Py_ssize_t, i=Py_ssize_t)
    cpdef int read(self, Py_ssize_t pos, Py_ssize_t end) except -1

    @cython.locals(found=int)
    cpdef Py_ssize_t enter(self, int tag, Py_ssize_t pos, Py_ssize_t end, str what) except -1

    cpdef object leave(self, Py_ssize_t end, str what)

cpdef object decode_integer(bytes data, Py_ssize_t start, Py_ssize_t stop)

cpdef str decode_oid(bytes content)

@cython.locals(stamp="long long", digit=int, i=Py_ssize_t, seconds="long long")
cpdef object decode_time(bytes data, int tag, Py_ssize_t start, Py_ssize_t stop)

@cython.locals(second=int, minute=int, hour=int, day=int, month=int, year="long long", days="long long")
cdef long long _seconds(long long stamp) except? -1
