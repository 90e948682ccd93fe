# C types for table.py; what may be None is a Flow that is looked at first.
cimport cython
from sensor.flow.state cimport Flow

cdef Py_ssize_t _FIRST_ROOM, _MANY
cdef int _PLACE_BITS
cdef unsigned long long _PLACE, _MARK

@cython.final
cdef class FlowTable:
    cdef size_t _used, _last, _taken, _free
    cdef unsigned long long[::1] _words
    cdef unsigned int[::1] _places
    cdef list _flows

    cpdef size_t size(self) noexcept
    @cython.locals(at=size_t, word="unsigned long long", mark="unsigned long long", flow=Flow)
    cpdef Flow find(self, unsigned long long key)
    @cython.locals(known=Flow)
    cpdef add(self, Flow flow)
    @cython.locals(key="unsigned long long", mark="unsigned long long", last=size_t, free=size_t, at=size_t, way=size_t, word="unsigned long long", place=size_t, known=Flow)
    cpdef remove(self, Flow flow)
    cpdef list values(self)
    @cython.locals(at=size_t, place=size_t)
    cdef _enter(self, Flow flow)
    cdef _make_room(self, size_t room)

@cython.final
cdef class FlowQueue:
    cdef list _flows
    cdef Py_ssize_t _first

    cpdef append(self, Flow flow)
    @cython.locals(flow=Flow)
    cpdef Flow popleft(self)
    @cython.locals(flow=Flow)
    cpdef tidy(self)
    cpdef list values(self)
    cpdef keep(self, list flows)
