# Types for the compiled form of probing.py; see setup.py.
cimport cython

cdef unsigned int _MIN_BUCKET, _A_RECORD, _MIN_IDENT
cdef Py_ssize_t _AT_ONCE

@cython.final
cdef class Probe:
    cdef object _map
    cdef const unsigned char[::1] _octets
    cdef const unsigned long long[::1] _begins
    cdef unsigned long long _lowest, _fan_out
    cdef int _shift

    @cython.locals(begin=cython.ulonglong)
    cpdef bytes find(self, unsigned long long hashed, bytes ident)
    @cython.locals(place=cython.ulonglong, begin=cython.ulonglong, end=cython.ulonglong)
    cdef unsigned long long bucket(self, unsigned long long hashed) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(count=cython.ulonglong)
    cdef unsigned long long count(self, unsigned long long begin, unsigned long long hashed) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(keys=cython.ulonglong, ends=cython.ulonglong, last=cython.uchar, at=cython.ulonglong, row=bytes)
    cdef bytes find_in(self, unsigned long long begin, unsigned long long count, unsigned long long hashed,
                       bytes ident)
    cdef unsigned long long _end(self, unsigned long long hashed) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(begin=cython.ulonglong, end=cython.ulonglong)
    cdef bytes _row(self, unsigned long long ends, unsigned long long place, unsigned long long records,
                    unsigned long long limit, bytes ident)

@cython.final
cdef class Probes:
    cdef list _probes
    cdef unsigned long long[::1] _begins, _counts

    @cython.locals(first=Py_ssize_t, row=bytes)
    cpdef bytes find(self, unsigned long long hashed, bytes ident)
    @cython.locals(begins="unsigned long long[::1]", counts="unsigned long long[::1]", index=Py_ssize_t, probe=Probe,
                   row=bytes)
    cdef bytes _find_among(self, Py_ssize_t first, Py_ssize_t among, unsigned long long hashed, bytes ident)

cdef unsigned int _u32(const unsigned char[::1] octets, unsigned long long at) except? 0xFFFFFFFF

@cython.locals(found=cython.ulonglong, index=int)
cdef unsigned long long _key(const unsigned char[::1] octets, unsigned long long at) except? 0xFFFFFFFFFFFFFFFF
