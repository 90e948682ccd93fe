# Types for the compiled form of attribution.py; see setup.py.
cimport cython
from sensor.ct.structs cimport Found, Issuer
from sensor.kept cimport Kept
from sensor.ocsp.structs cimport CertId, OcspExchange, OcspRequest
from sensor.privacy.leak cimport LeakCounter
from sensor.privacy.software cimport SoftwareGuesser
from sensor.privacy.structs cimport Verdict
from sensor.weird cimport FlowId

cdef Py_ssize_t _MAX_VERDICTS

@cython.locals(request=OcspRequest)
cpdef object asked_about(OcspExchange exchange)

@cython.final
cdef class LeakStage:
    cdef Py_ssize_t _max_names
    cdef object _lookup, _prompt
    cdef readonly object _sites
    cdef object _held
    cdef LeakCounter _counter
    cdef SoftwareGuesser _software
    cdef dict _verdicts
    cdef Kept _same
    cdef public long long found, not_found, unavailable

    cpdef defer(self)
    @cython.locals(asked=list, ids=list, answers=list)
    cpdef list feed(self, object exchanges)
    @cython.locals(leaks=list, told=set, certificate=tuple)
    cdef list _leaks(self, list asked, list ids, list answers)
    @cython.locals(flow=FlowId, verdict=Verdict)
    cdef object _leak(self, OcspExchange exchange, object answer, tuple certificate)
    @cython.locals(verdict=Verdict)
    cdef Verdict _verdict(self, object answer)
    @cython.locals(key=tuple, known=tuple)
    cdef Verdict _find_verdict(self, object answer)

@cython.locals(found=Found, issuer=Issuer)
cdef tuple _certificate_key(CertId cert_id, object answer)

cdef bint _is_foreign(object host, frozenset responders) except -1
