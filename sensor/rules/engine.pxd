# Types for the compiled form of engine.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport BodyFile, HttpRequest, HttpResponse, HttpTransaction
from sensor.ocsp.structs cimport OcspExchange, OcspResponse, SingleResponse
from sensor.privacy.structs cimport Leak
from sensor.rules.correlating cimport Correlator
from sensor.rules.events cimport HttpEvent, LoggedEvent
from sensor.rules.index cimport ServiceIndex, merge
from sensor.rules.notices cimport NoticeBook
from sensor.rules.probing cimport (
    CleartextProbe, ConnProbe, ExchangeProbe, FileProbe, HttpProbe, LeakProbe, OcspProbe, Probe, WeirdProbe,
)
from sensor.rules.roster cimport ActiveRule, Roster

@cython.final
cdef class RuleEngine:
    cdef readonly NoticeBook book
    cdef readonly dict active
    cdef object _lines, _complain, _quiet, _deferred
    cdef tuple _correlators
    cdef Roster _conn, _http, _files, _ocsp, _cleartext, _exchange, _leak, _crl, _x509, _weird, _notice
    cdef dict _heard
    cdef ConnProbe _conn_probe
    cdef HttpProbe _http_probe
    cdef FileProbe _file_probe
    cdef OcspProbe _ocsp_probe
    cdef ExchangeProbe _exchange_probe
    cdef LeakProbe _leak_probe

    cpdef defer(self, object fired)
    cpdef fired(self, str rule_id, object event)
    @cython.locals(service=Roster, found=tuple, probe=ConnProbe)
    cpdef connection(self, Connection connection)
    @cython.locals(service=Roster, found=tuple, probe=HttpProbe, index=ServiceIndex,
                   request=HttpRequest, response=HttpResponse)
    cpdef transaction(self, HttpTransaction transaction)
    @cython.locals(place=Py_ssize_t, request=HttpRequest, response=HttpResponse)
    cdef _carried(self, Roster service, HttpTransaction transaction)
    @cython.locals(found=tuple, probe=FileProbe, file=BodyFile)
    cdef Py_ssize_t _files_of(self, Roster service, HttpTransaction transaction, tuple files, Py_ssize_t place) except -1
    @cython.locals(service=Roster, found=tuple, singles=tuple, repeats=bint, probe=OcspProbe, single=SingleResponse)
    cpdef reply(self, OcspExchange exchange, OcspResponse response, object fuid, object began)
    @cython.locals(service=Roster, found=tuple, probe=CleartextProbe)
    cpdef cleartext(self, object cleartext)
    @cython.locals(service=Roster, found=tuple, probe=ExchangeProbe)
    cpdef exchange(self, OcspExchange exchange, object issuer, object software, object audit, object on_crl)
    @cython.locals(service=Roster)
    cpdef crl(self, object fetched)
    @cython.locals(service=Roster)
    cpdef certificates(self, object fetched, object logged)
    @cython.locals(service=Roster, found=tuple, probe=LeakProbe)
    cpdef bint leak(self, Leak leak) except -1
    @cython.locals(service=Roster)
    cpdef leak_noticed(self, Leak leak)
    @cython.locals(service=Roster, found=tuple, probe=WeirdProbe)
    cpdef weird(self, object weird)
    @cython.locals(active=ActiveRule, instead=bint)
    cdef bint _check(self, Roster service, tuple found, LoggedEvent event) except -1
    cdef _fired(self, ActiveRule active, LoggedEvent event)
    @cython.locals(correlator=Correlator, before="long long")
    cdef _correlate(self, object rule_id, tuple correlators, LoggedEvent event)
