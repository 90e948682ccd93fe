# Types for the compiled form of events.py; see setup.py.
cimport cython
from sensor.rules.probing cimport Probe

cdef bint _COMPILED
cdef object _TEXT, _PLAIN, _MEMBER, _NUMBER, _BOOL
cdef Py_ssize_t _NEVER_CUT

cdef class LoggedEvent:
    cdef readonly str service
    cdef readonly object ts, end, flow
    cdef object _make
    cdef Probe _probe
    cdef dict _probed, _values, _line

    cpdef object get(self, str name)
    @cython.locals(probed=tuple)
    cdef object _find(self, str name)
    cpdef dict line(self)

cdef class HttpEvent(LoggedEvent):
    cdef object _transaction

    cpdef object get(self, str name)

@cython.locals(found=list)
cdef object _value(object raw, object shape)

@cython.locals(character=Py_UCS4)
cdef bint _is_plain(str text) except -1
