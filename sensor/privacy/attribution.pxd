# Types for the compiled form of attribution.py; see setup.py.
cimport cython
from sensor.privacy.leak cimport LeakCounter
from sensor.privacy.software cimport SoftwareGuesser

cdef Py_ssize_t _MAX_VERDICTS

cpdef object asked_about(object exchange)

@cython.final
cdef class LeakStage:
    cdef Py_ssize_t _max_names
    cdef object _lookup
    cdef readonly object _sites
    cdef object _held
    cdef LeakCounter _counter
    cdef SoftwareGuesser _software
    cdef dict _verdicts
    cdef public long long found, not_found, unavailable

    cpdef defer(self)
    @cython.locals(asked=list, ids=list, answers=list)
    cpdef list feed(self, object exchanges)
    @cython.locals(leaks=list, told=set, certificate=tuple)
    cdef list _leaks(self, list asked, list ids, list answers)
    cdef object _leak(self, object exchange, object answer, tuple certificate)
    @cython.locals(key=tuple, known=tuple)
    cdef object _verdict(self, object answer)

cdef tuple _certificate_key(object cert_id, object answer)

cdef object _issuer_of(object answer)

cdef bint _is_foreign(object host, frozenset responders) except -1
