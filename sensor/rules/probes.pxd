# Types for the compiled form of probes.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.weird cimport FlowId

cdef dict _STATUSES
cdef Py_ssize_t _MAX_FILES

cpdef flow_raw(FlowId flow, int code)
cpdef conn_raw(Connection connection, int code)
cpdef http_raw(FlowId flow, object request, object response, int code)
cdef _mime_types(tuple files)
cpdef file_raw(FlowId flow, object file, int code)
cpdef ocsp_raw(object single, int code)
cpdef cleartext_raw(object cleartext, int code)
cpdef exchange_raw(object exchange, object issuer, object software, object audit, object on_crl, int code)
cdef _delay(object exchange)
cdef _answer_raw(object exchange, int code)
cpdef leak_raw(object leak, int code)
