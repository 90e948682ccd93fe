# Types for the compiled form of pipeline.py; see setup.py.
cimport cython
from sensor.audit.stage cimport AuditStage
from sensor.fetch.revocations cimport Revocations
from sensor.flow.conn cimport Connection
from sensor.flow.tracker cimport FlowTracker, Mark
from sensor.http.cleartext cimport read_cleartext
from sensor.http.structs cimport BodyFile, HttpRequest, HttpResponse, HttpTransaction
from sensor.logs.writer cimport LogWriter
from sensor.ocsp.exchange cimport OcspDecoder
from sensor.ocsp.structs cimport OcspExchange, OcspResponse
from sensor.privacy.attribution cimport LeakStage
from sensor.privacy.structs cimport Leak

@cython.final
cdef class Pipeline:
    cdef object _sink_error
    cdef list _out
    cdef public FlowTracker tracker
    cdef public Revocations revocations
    cdef OcspDecoder _ocsp
    cdef AuditStage _audit
    cdef LeakStage _leaks
    cdef LogWriter _writer
    cdef object _fetches, _fetch_leaks, _lookup, _deferred, _summary, _on_error
    cdef object _meter, _http, _describe
    cdef bint _by_packets, _with_cleartext
    cdef public object clock, limits_beside
    cdef public dict leak_counts
    cdef public long long packets_ns, messages_ns, transactions, exchanges, leaks
    cdef long long _errors, _form_limit, _unread

    @cython.locals(writer=LogWriter, mark=Mark)
    cdef _drain(self)
    @cython.locals(began="long long", between="long long")
    cdef _feed_timed(self, object batch, object clock)
    cdef _idle(self, object batch)
    cdef _feed_measured(self, object batch)
    @cython.locals(writer=LogWriter, events=list, exchanges=list, fetched=bint, request=HttpRequest, response=HttpResponse,
                   file=BodyFile, first=OcspExchange, reply=OcspResponse)
    cdef _transaction(self, HttpTransaction transaction)
    cdef _fetched(self, object transaction)
    @cython.locals(leak=Leak)
    cdef _tell(self, list leaks)
    cdef _weird(self, object weird)
