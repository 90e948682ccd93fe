# Types for the compiled form of probing.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport BodyFile, HttpRequest, HttpResponse, HttpTransaction
from sensor.ocsp.structs cimport OcspExchange, SingleResponse
from sensor.privacy.structs cimport Leak
from sensor.weird cimport FlowId
from sensor.rules.probes cimport (
    cleartext_raw, conn_raw, exchange_raw, file_raw, flow_raw, http_raw, leak_raw, ocsp_raw,
)

cdef class Probe:
    cpdef object raw(self, int code)

cdef class ConnProbe(Probe):
    cdef Connection _connection

    cpdef look_at(self, Connection connection)
    cpdef object raw(self, int code)

cdef class HttpProbe(Probe):
    cdef FlowId _flow
    cdef HttpRequest _request
    cdef HttpResponse _response

    cpdef look_at(self, HttpTransaction transaction)
    cpdef object raw(self, int code)

cdef class FileProbe(Probe):
    cdef FlowId _flow
    cdef BodyFile _file

    cpdef look_at(self, FlowId flow, BodyFile file)
    cpdef object raw(self, int code)

cdef class OcspProbe(Probe):
    cdef SingleResponse _single

    cpdef look_at(self, SingleResponse single)
    cpdef object raw(self, int code)

cdef class CleartextProbe(Probe):
    cdef object _cleartext

    cpdef object raw(self, int code)

cdef class ExchangeProbe(Probe):
    cdef OcspExchange _exchange
    cdef object _issuer, _software, _audit, _on_crl

    cpdef look_at(self, OcspExchange exchange, object issuer, object software, object audit, object on_crl)
    cpdef object raw(self, int code)

cdef class LeakProbe(Probe):
    cdef Leak _leak

    cpdef look_at(self, Leak leak)
    cpdef object raw(self, int code)

cdef class WeirdProbe(Probe):
    cdef object _weird

    cpdef object raw(self, int code)

cdef _weird_raw(object weird, int code)
