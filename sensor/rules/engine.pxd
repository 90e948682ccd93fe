# Types for the compiled form of engine.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.weird cimport FlowId
from sensor.rules.index cimport FieldIndex, HeaderIndex, ServiceIndex, merge
from sensor.rules.probes cimport (
    cleartext_raw, conn_raw, exchange_raw, file_raw, flow_raw, http_raw, leak_raw, ocsp_raw,
)

@cython.final
cdef class _Service:
    cdef list rules, fields
    cdef ServiceIndex index
    cdef tuple always
    cdef list of_cert_id, of_answer
    cdef dict cert_ids, answers

@cython.final
cdef class RuleEngine:
    cdef readonly object book
    cdef readonly dict active
    cdef object _lines, _complain, _quiet, _deferred
    cdef tuple _correlators
    cdef _Service _conn, _http, _files, _ocsp, _cleartext, _exchange, _leak, _crl, _x509, _weird, _notice
    cdef dict _heard

    cpdef defer(self, object fired)
    cpdef fired(self, str rule_id, object event)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple)
    cpdef connection(self, Connection connection)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple, index=ServiceIndex, flow=FlowId)
    cpdef transaction(self, object transaction)
    @cython.locals(field=FieldIndex, found=tuple, rules=tuple, flow=FlowId, place=Py_ssize_t)
    cdef _carried(self, _Service service, object transaction)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple, singles=tuple, repeats=bint)
    cpdef reply(self, object exchange, object response, object fuid, object began)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple)
    cpdef cleartext(self, object cleartext)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple)
    cpdef exchange(self, object exchange, object issuer, object software, object audit, object on_crl)
    @cython.locals(kept=tuple, found=tuple)
    cdef tuple _of_cert_id(self, _Service service, object exchange)
    @cython.locals(kept=tuple, found=tuple)
    cdef tuple _of_answer(self, _Service service, object exchange)
    @cython.locals(service=_Service)
    cpdef crl(self, object fetched)
    @cython.locals(service=_Service)
    cpdef certificates(self, object fetched, object logged)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple)
    cpdef leak(self, object leak, bint noticed)
    @cython.locals(service=_Service, field=FieldIndex, found=tuple, rules=tuple)
    cpdef weird(self, object weird)
    cdef _check(self, _Service service, tuple found, object event)
    cdef _fired(self, object active, object event)

@cython.locals(field=FieldIndex, found=tuple, rules=tuple)
cdef tuple _of_exchange(list fields, object exchange)

cpdef _weird_raw(object weird, int code)
