# Types for the compiled form of disclosures.py; see setup.py.
cimport cython
from sensor.kept cimport Kept
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.parts cimport Parts
from sensor.ocsp.structs cimport CertId, OcspExchange, OcspRequest, OcspResponse, SingleResponse
from sensor.privacy.structs cimport Leak
from sensor.weird cimport FlowId

cdef dict _STATUSES, _NOTES
cdef Py_ssize_t _MAX_REMEMBERED_BYTES, _MAX_HASH_BYTES, _TIMES_NAME

@cython.final
cdef class DisclosureLines:
    cdef Parts _parts
    cdef long long _suppress_us
    cdef str _suppress_for
    cdef readonly Kept _cert_ids, _answers, _replies, _audits
    cdef LineBuffer _scratch
    cdef readonly Py_ssize_t times_at, times_end, audit_at, audit_end

    @cython.locals(parts=Parts, us="long long", singles=tuple, first=dict, known=str, text=str, is_small=bint, cuts="long long",
                   each=SingleResponse, single=SingleResponse)
    cpdef Py_ssize_t ocsp(self, LineBuffer out, OcspResponse response, str fuid, long long ts) except -1
    @cython.locals(parts=Parts, ts="long long", us="long long", end="long long", known=str, cert_id=CertId,
                   request=OcspRequest, response=OcspResponse)
    cpdef exchange(self, LineBuffer out, OcspExchange exchange, str issuer, str software, object audit, object on_crl=*)
    @cython.locals(parts=Parts, ts="long long", us="long long", asked=OcspExchange)
    cpdef leak(self, LineBuffer out, Leak leak)
    cdef _doubts(self, LineBuffer out, OcspExchange exchange)
    @cython.locals(parts=Parts, ts="long long", us="long long", flow=FlowId, orig_h=str, resp_h=str, issued=str, which=str,
                   asked=OcspExchange, kind=str)
    cpdef notice(self, LineBuffer out, Leak leak)
    @cython.locals(parts=Parts, ts="long long", end="long long", suppress_us="long long", note=str, msg=str, sub=str,
                   rule_id=str, level=str, fuid=str, mime_type=str, desc=str)
    cpdef raised(self, LineBuffer out, object notice)
    cdef _question(self, LineBuffer out, OcspRequest request)
    @cython.locals(parts=Parts, cert_id=CertId)
    cdef _answer(self, LineBuffer out, SingleResponse single)
    cdef str _audit(self, tuple audit)
    @cython.locals(parts=Parts, algorithm=str, name_hash=bytes, key_hash=bytes, cuts="long long")
    cdef str _cert_id(self, CertId cert_id)
    @cython.locals(known=tuple, text=str, cuts="long long")
    cdef _reply(self, LineBuffer out, OcspResponse response, SingleResponse single)
    @cython.locals(parts=Parts)
    cdef _reply_fields(self, LineBuffer out, OcspResponse response, SingleResponse single)
    @cython.locals(parts=Parts)
    cdef _url(self, LineBuffer out, bytes host, bytes uri, FlowId flow)
    cdef _carried(self, LineBuffer out, str fuid, str kind, bytes host, bytes uri, FlowId flow)
