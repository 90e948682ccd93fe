# Types for the compiled form of probes.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport BodyFile, Digests, HttpRequest, HttpResponse
from sensor.ocsp.structs cimport CertId, OcspExchange, OcspRequest, OcspResponse, SingleResponse
from sensor.privacy.structs cimport Leak
from sensor.weird cimport FlowId

cdef dict _STATUSES
cdef Py_ssize_t _MAX_FILES

cpdef flow_raw(FlowId flow, int code)
cpdef conn_raw(Connection connection, int code)
cpdef http_raw(FlowId flow, HttpRequest request, HttpResponse response, int code)
@cython.locals(only=BodyFile)
cdef _mime_types(tuple files)
@cython.locals(digests=Digests)
cpdef file_raw(FlowId flow, BodyFile file, int code)
@cython.locals(cert_id=CertId)
cpdef ocsp_raw(SingleResponse single, int code)
cpdef cleartext_raw(object cleartext, int code)
@cython.locals(cert_id=CertId, request=OcspRequest, response=OcspResponse)
cpdef exchange_raw(OcspExchange exchange, object issuer, object software, object audit, object on_crl, int code)
cdef _delay(OcspExchange exchange)
@cython.locals(response=OcspResponse, single=SingleResponse, request=OcspRequest)
cdef _answer_raw(OcspExchange exchange, int code)
cpdef leak_raw(Leak leak, int code)
