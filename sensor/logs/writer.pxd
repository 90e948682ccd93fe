# Types for the compiled form of writer.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport HttpTransaction
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.disclosures cimport DisclosureLines
from sensor.logs.parts cimport Parts
from sensor.logs.render cimport TrafficLines
from sensor.logs.repeats cimport NoticeMemory
from sensor.logs.script cimport Script
from sensor.ocsp.structs cimport CertId, OcspExchange, OcspResponse
from sensor.privacy.structs cimport Leak

cdef Py_ssize_t _BATCH

@cython.final
cdef class LogWriter:
    cdef Parts _parts
    cdef long long _cuts
    cdef public object on_weird
    cdef TrafficLines _traffic
    cdef DisclosureLines _disclosures
    cdef NoticeMemory _notices
    cdef object _cleartext, _fetches, _weirds, _sink, _health, _observer
    cdef bint _merged
    cdef list _out
    cdef long long[::1] _counts
    cdef readonly Py_ssize_t _logs
    cdef Script _script
    cdef object _audit, _audit_bits
    cdef unsigned int _touched
    cdef long long[::1] _sizes
    cdef long long _total
    cdef Py_ssize_t _enough
    cdef object _on_enough

    cpdef connection(self, Connection connection)
    @cython.locals(files=Py_ssize_t)
    cpdef transaction(self, HttpTransaction transaction)
    @cython.locals(place=Py_ssize_t, number=Py_ssize_t, began="long long", exchange=OcspExchange, leak=Leak,
                   response=OcspResponse, seen=OcspExchange)
    cpdef exchanges(self, object exchanges, object leaks=*, object describe=*, object audits=*, object on_crls=*)
    cpdef cleartext(self, object cleartext)
    cpdef crl(self, object fetched)
    @cython.locals(begin=Py_ssize_t)
    cpdef certificates(self, object fetched)
    cdef _tell_cut(self, Py_ssize_t stream, object ts, object flow)
    cdef _tell_of(self, object name, Py_ssize_t stream, object ts, object flow)
    @cython.locals(leak=Leak, lines=DisclosureLines, begin=Py_ssize_t, end=Py_ssize_t, is_told=bint)
    cpdef leaks(self, object leaks)
    @cython.locals(script=Script, lines=DisclosureLines, log=Py_ssize_t, asked=tuple)
    cdef _leave_audit(self, OcspExchange exchange, object audit)
    cpdef notice(self, object notice)
    cpdef weird(self, object weird)
    cdef _tell(self, object weird)
    @cython.locals(log=Py_ssize_t)
    cpdef health(self, object measures)
    cpdef rule_fired(self, tuple fired)
    @cython.locals(script=Script, touched="unsigned int", log=Py_ssize_t, size=Py_ssize_t)
    cpdef cut(self, long long key, long long number)
    @cython.locals(log=Py_ssize_t, out=LineBuffer)
    cpdef list take(self)
    cpdef tell_at(self, Py_ssize_t octets, object on_enough)
    cpdef list buffers(self)
    cpdef bint is_new_number(self, Py_ssize_t number, long long ts) except -1
    cpdef bint is_new_certificate(self, Py_ssize_t number, long long ts) except -1
    @cython.locals(log=Py_ssize_t)
    cpdef hand_over(self)
    @cython.locals(stream=Py_ssize_t)
    cpdef flush(self)
    cpdef close(self)
    cdef LineBuffer _buffer(self, Py_ssize_t stream)
    cdef Py_ssize_t _log(self, Py_ssize_t stream)
    cdef _wrote(self, Py_ssize_t stream, Py_ssize_t lines)
    @cython.locals(out=LineBuffer)
    cdef _hand_over(self, Py_ssize_t stream)
