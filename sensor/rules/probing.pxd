# Types for the compiled form of probing.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.weird cimport FlowId
from sensor.rules.probes cimport (
    cleartext_raw, conn_raw, exchange_raw, file_raw, flow_raw, http_raw, leak_raw, ocsp_raw,
)

cdef class Probe:
    cpdef object raw(self, int code)

cdef class ConnProbe(Probe):
    cdef Connection _connection

    cpdef object raw(self, int code)

cdef class HttpProbe(Probe):
    cdef FlowId _flow
    cdef object _request, _response

    cpdef object raw(self, int code)

cdef class FileProbe(Probe):
    cdef FlowId _flow
    cdef object _file

    cpdef object raw(self, int code)

cdef class OcspProbe(Probe):
    cdef object _single

    cpdef object raw(self, int code)

cdef class CleartextProbe(Probe):
    cdef object _cleartext

    cpdef object raw(self, int code)

cdef class ExchangeProbe(Probe):
    cdef object _exchange, _issuer, _software, _audit, _on_crl

    cpdef object raw(self, int code)

cdef class LeakProbe(Probe):
    cdef object _leak

    cpdef object raw(self, int code)

cdef class WeirdProbe(Probe):
    cdef object _weird

    cpdef object raw(self, int code)

cdef _weird_raw(object weird, int code)
