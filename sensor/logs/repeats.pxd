# Types for the compiled form of repeats.py; see setup.py.
cimport cython
from sensor.recent cimport Recent
from sensor.ocsp.structs cimport CertId, OcspExchange
from sensor.privacy.structs cimport Leak
from sensor.weird cimport FlowId

@cython.final
cdef class NoticeMemory:
    cdef long long _window
    cdef Recent _told
    cdef bint _deferred
    cdef readonly Py_ssize_t asked
    cdef readonly long long forgotten

    cpdef defer(self)
    @cython.locals(asked=OcspExchange, cert_id=CertId, flow=FlowId)
    cpdef bint is_new(self, Leak leak) except -1
    @cython.locals(told="long long", place=int)
    cpdef bint is_new_number(self, Py_ssize_t number, long long ts) except -1
