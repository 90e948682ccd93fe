# C types for table.py; what may be None is a Flow that is looked at first.
cimport cython
from sensor.flow.state cimport Flow

cdef Py_ssize_t _FIRST_ROOM, _MANY

@cython.final
cdef class FlowTable:
    cdef size_t _used, _last
    cdef unsigned long long[::1] _keys
    cdef list _flows

    cpdef size_t size(self) noexcept
    @cython.locals(at=size_t, known="unsigned long long")
    cpdef Flow find(self, unsigned long long key)
    cpdef add(self, Flow flow)
    @cython.locals(key="unsigned long long", last=size_t, free=size_t, at=size_t, way=size_t, known="unsigned long long")
    cpdef remove(self, Flow flow)
    cpdef list values(self)
    @cython.locals(at=size_t)
    cdef _enter(self, Flow flow)
    @cython.locals(flow=Flow, room=size_t)
    cdef _grow(self)

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
