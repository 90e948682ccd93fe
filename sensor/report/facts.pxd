# Types for the compiled form of facts.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport BodyFile, HttpResponse, HttpTransaction
from sensor.ocsp.structs cimport OcspExchange, OcspResponse, SingleResponse
from sensor.privacy.structs cimport Leak
from sensor.weird cimport FlowId

cdef object _MANY, _CA, _UNLISTED, _REVOKED, _RESPONSE, _MISMATCH
cdef dict _grave
cdef Py_ssize_t _MAX_GRAVE
cdef dict _STATUS

@cython.locals(flow=FlowId)
cpdef tuple of_connection(Connection connection)

@cython.locals(response=HttpResponse, file=BodyFile)
cpdef tuple of_transaction(HttpTransaction transaction)

@cython.locals(flow=FlowId, single=SingleResponse, name=bytes, host=bytes)
cpdef tuple of_exchange(OcspExchange exchange)

@cython.locals(audited=Py_ssize_t, found=list)
cpdef tuple of_audits(object exchanges, object audits)

@cython.locals(known=tuple)
cdef tuple _to_be_told(tuple audit)

@cython.locals(flow=FlowId, exchange=OcspExchange, single=SingleResponse)
cpdef tuple of_leak(Leak leak)

@cython.locals(response=OcspResponse, single=SingleResponse)
cpdef object answer_of(OcspExchange exchange)
