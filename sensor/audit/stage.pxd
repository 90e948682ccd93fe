# Types for the compiled form of stage.py; see setup.py.
cimport cython

from sensor.audit.caching cimport check_caching
from sensor.audit.history cimport History
from sensor.audit.structs cimport Verdict
from sensor.http.structs cimport HttpResponse, HttpTransaction
from sensor.kept cimport Kept
from sensor.ocsp.structs cimport CertId, OcspExchange, OcspRequest, OcspResponse, SingleResponse

cdef Py_ssize_t _MAX_STANDING_BYTES, _MAX_SETS

@cython.final
cdef class _Reply:
    cdef readonly OcspResponse response
    cdef readonly object this_update, next_update
    cdef readonly dict repeats

@cython.final
cdef class _Standing:
    cdef readonly _Reply reply
    cdef readonly OcspResponse response
    cdef readonly SingleResponse single
    cdef CertId cert_id
    cdef readonly Verdict verdict
    cdef readonly object bits
    cdef long long calm_from, calm_until
    cdef bint basic

@cython.final
cdef class AuditStage:
    cdef object _settings, _skew, _lookup, _identity
    cdef readonly History history
    cdef readonly object signatures
    cdef readonly Kept _standing
    cdef readonly dict _sets
    cdef _Reply _reply

    @cython.locals(audits=list, standing=_Standing, now="long long", exchange=OcspExchange, request=OcspRequest,
                   response=OcspResponse, previous=OcspResponse, single=SingleResponse, cert_id=CertId)
    cpdef list feed(self, object exchanges, HttpTransaction transaction)
    cdef tuple _set_of(self, object bits)
    @cython.locals(known=_Standing, made=_Standing, reply=_Reply)
    cdef _Standing _standing_of(self, OcspResponse response, SingleResponse single)
    cdef object _look_at_times(self, _Standing made)
    cdef object _check_signature(self, _Standing standing, object now)
    @cython.locals(response=OcspResponse, single=SingleResponse, verdict=Verdict)
    cdef object _check_times(self, _Standing standing, object now)
    @cython.locals(reply=_Reply, response=OcspResponse, request=OcspRequest, http=HttpResponse)
    cdef object _check_transaction(self, _Standing standing, OcspExchange exchange, HttpTransaction transaction, object now)

cdef object _check_nonces(OcspRequest request, OcspResponse response)

@cython.locals(cert_id=CertId, single=SingleResponse, response=OcspResponse)
cdef object _check_cert_id(OcspExchange exchange, OcspRequest request, _Reply reply)
