# Types for the compiled form of recent.py; see setup.py.
cimport cython

cdef Py_ssize_t _FIRST_ROOM, _MOST
cdef int _NONE
cdef unsigned long long _SPREAD, _MASK

@cython.final
cdef class Recent:
    cdef Py_ssize_t _limit, _used, _room
    cdef int _oldest, _newest, _shift
    cdef size_t _last
    cdef long long[::1] _numbers, _values
    cdef int[::1] _before, _after, _index

    @cython.locals(at=size_t, place=int)
    cpdef int find(self, long long number) except -2
    cpdef Py_ssize_t value(self, int place) except? -1
    cpdef put(self, int place, long long value)
    @cython.locals(is_full=bint, place=int)
    cpdef bint add(self, long long number, long long value) except -1
    @cython.locals(spread="unsigned long long")
    cdef size_t _home(self, long long number) noexcept
    cdef _link(self, int place)
    @cython.locals(before=int, after=int)
    cdef _unlink(self, int place)
    @cython.locals(at=size_t)
    cdef _enter(self, int place)
    @cython.locals(free=size_t, at=size_t, way=size_t, entry=int)
    cdef _remove(self, long long number)
    @cython.locals(
        room=Py_ssize_t, used=Py_ssize_t, place=int, bits=int, numbers="long long[::1]", values="long long[::1]",
        before="int[::1]", after="int[::1]")
    cdef _grow(self)
