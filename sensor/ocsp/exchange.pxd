cimport cython

from sensor.http.structs cimport BodyFile, HttpRequest, HttpResponse, HttpTransaction
from sensor.ocsp.carriage cimport decode_get_readings
from sensor.ocsp.oddities cimport reply_oddities, request_oddities
from sensor.ocsp.request cimport decode_request
from sensor.ocsp.response cimport decode_response
from sensor.ocsp.structs cimport CertId, OcspRequest, OcspResponse, SingleResponse

@cython.final
cdef class OcspDecoder:
    cdef object _limits
    cdef readonly dict _requests, _targets, _replies

    @cython.locals(found=_Found, body=_Found, request=HttpRequest, response=HttpResponse, file=BodyFile)
    cpdef list feed(self, HttpTransaction transaction)
    @cython.locals(known=tuple)
    cdef object _decode_request(self, _Found found, bytes content)
    @cython.locals(known=tuple, readings=list)
    cdef object _read_target(self, _Found found, bytes target)
    @cython.locals(known=tuple)
    cdef tuple _decode_response(self, bytes content)
    @cython.locals(label=str, claimed=bint, octets=bytes)
    cdef object _read_request_body(self, _Found found, BodyFile file)
    @cython.locals(label=str, claimed=bint, octets=bytes)
    cdef object _read_response_body(self, _Found found, BodyFile file, HttpResponse response)

@cython.final
cdef class _Found:
    cdef object flow
    cdef list events
    cdef OcspRequest asked
    cdef _Found other
    cdef list readings
    cdef object traits
    cdef OcspResponse reply
    cdef tuple asked_oddities
    cdef tuple reply_oddities
    cdef object orig_fuid
    cdef object resp_fuid
    cdef object ts
    cdef object response_ts
    cdef bint garbled
    cdef bint labelled

    cdef object weird(self, object ts, str name, object addl)

@cython.locals(claimed=str)
cdef str _label(BodyFile file)

cdef object _EMPTY, _TOO_LARGE, _UNWANTED, _BOTH, _REQUEST, _RESPONSE, _MISMATCH

cdef bint _is_same(CertId one, CertId other) except -1

cdef object _read_odd_target(_Found found, HttpRequest request, object limits)

@cython.locals(asked=OcspRequest)
cdef HttpTransaction _join_body(_Found found, _Found body, HttpTransaction transaction)

@cython.locals(asked=OcspRequest, other=_Found, reply=OcspResponse, cert_ids=tuple, answers=tuple, weirds=list, events=list,
               answer=SingleResponse)
cdef list _exchanges(_Found found, HttpTransaction transaction)

@cython.locals(request=HttpRequest, response=HttpResponse)
cdef object _exchange(_Found found, HttpTransaction transaction, object cert_id, object single, object evidence)
