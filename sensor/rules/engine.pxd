# Types for the compiled form of engine.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.weird cimport FlowId
from sensor.rules.index cimport FieldIndex, HeaderIndex, ServiceIndex, merge
from sensor.rules.roster cimport Roster
from sensor.rules.probes cimport (
    cleartext_raw, conn_raw, exchange_raw, file_raw, flow_raw, http_raw, leak_raw, ocsp_raw,
)

@cython.final
cdef class RuleEngine:
    cdef readonly object book
    cdef readonly dict active
    cdef object _lines, _complain, _quiet, _deferred
    cdef tuple _correlators
    cdef Roster _conn, _http, _files, _ocsp, _cleartext, _exchange, _leak, _crl, _x509, _weird, _notice
    cdef dict _heard

    cpdef defer(self, object fired)
    cpdef fired(self, str rule_id, object event)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple)
    cpdef connection(self, Connection connection)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple, index=ServiceIndex, flow=FlowId)
    cpdef transaction(self, object transaction)
    @cython.locals(field=FieldIndex, found=tuple, rules=tuple, flow=FlowId, place=Py_ssize_t)
    cdef _carried(self, Roster service, object transaction)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple, singles=tuple, repeats=bint)
    cpdef reply(self, object exchange, object response, object fuid, object began)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple)
    cpdef cleartext(self, object cleartext)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple)
    cpdef exchange(self, object exchange, object issuer, object software, object audit, object on_crl)
    @cython.locals(service=Roster)
    cpdef crl(self, object fetched)
    @cython.locals(service=Roster)
    cpdef certificates(self, object fetched, object logged)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple)
    cpdef leak(self, object leak, bint noticed)
    @cython.locals(service=Roster, field=FieldIndex, found=tuple, rules=tuple)
    cpdef weird(self, object weird)
    cdef _check(self, Roster service, tuple found, object event)
    cdef _fired(self, object active, object event)

cpdef _weird_raw(object weird, int code)
