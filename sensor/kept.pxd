# Types for the compiled form of kept.py; see setup.py.
cimport cython

cdef inline unsigned long long place_of(object key) noexcept:
    return <unsigned long long><size_t><void *>key

cdef bint _COMPILED
cdef int _SHIFT
cdef Py_ssize_t _ROOM, _LAST, _MOST
cdef unsigned long long _SPREAD, _MASK

@cython.final
cdef class Kept:
    cdef list _keys, _values
    cdef Py_ssize_t _used

    @cython.locals(at=Py_ssize_t)
    cpdef object get(self, object key)
    @cython.locals(at=Py_ssize_t)
    cpdef put(self, object key, object value)
    cpdef clear(self)
    @cython.locals(number="unsigned long long", spread="unsigned long long", at=Py_ssize_t)
    cdef Py_ssize_t _find(self, object key) except -1
