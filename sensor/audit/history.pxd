# Types for the compiled form of history.py; see setup.py.
cimport cython
from sensor.kept cimport Kept
from sensor.ocsp.structs cimport CertId, OcspResponse, SingleResponse

cdef Kept _STATUSES

@cython.final
cdef class History:
    cdef object _max, _said
    cdef list _deferred
    cdef readonly long long forgotten

    cpdef defer(self, list asked)
    cpdef object check(self, OcspResponse response, SingleResponse single, CertId cert_id, bint is_credible)
    @cython.locals(before=tuple)
    cpdef object check_number(self, object number, object this_update, object produced_at, object said)
