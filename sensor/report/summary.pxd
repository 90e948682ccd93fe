# Types for the compiled form of summary.py; see setup.py.
cimport cython
from sensor.privacy.structs cimport Leak
from sensor.report.facts cimport of_audits, of_connection, of_exchange, of_leak, of_transaction
from sensor.report.tally cimport Sample, Tally

cdef dict _GRADES

@cython.final
cdef class Responder:
    cdef readonly long long asked
    cdef readonly Tally answers
    cdef readonly Sample validity, delay

    cpdef merge(self, Responder other)
    cpdef merge_counts(self, long long asked, object answers, long long other)

@cython.final
cdef class Told:
    cdef public object grade
    cdef public str label
    cdef public long long sites_total, times, certificates
    cdef public bint asked, revoked, is_crl

@cython.final
cdef class Unsound:
    cdef readonly bytes host
    cdef readonly str serial_number
    cdef public long long times

@cython.final
cdef class Distinct:
    cdef set _seen
    cdef readonly bint is_full

    cpdef bytes numbers(self, Py_ssize_t at_most=*)
    cpdef merge(self, bytes numbers, bint is_full)
    cpdef add(self, object value)

cdef class Summary:
    cdef public list files, damage
    cdef public long long connections, gapped_connections, missed_bytes, audited, told_besides, leaks
    cdef public long long damage_besides, lookups_failed
    cdef public Tally ports, mime_types, ambiguous, unlisted, weirds, raised
    cdef public dict responders, unsound, told, weird_examples, other_frames, limits, discarded, _takers, _unsound
    cdef public Responder other_responders
    cdef public Distinct clients_total, sites_total, certificates_total

    cpdef connection(self, object connection)
    cpdef transaction(self, object transaction)
    cpdef exchange(self, object exchange)
    cpdef audits(self, object exchanges, object audits)
    cpdef leak(self, object leak)
    cpdef count_connection(self, int port, object service, long long missed_bytes)
    cpdef count_transaction(self, str mime_type)
    @cython.locals(responder=Responder)
    cpdef count_exchange(self, bytes host, str answer, object validity, object delay, object ambiguous)
    @cython.locals(known=Unsound)
    cpdef count_audited(self, long long audited, object unsound)
    @cython.locals(told=Told)
    cpdef count_leak(
        self, long long times_seen, str client, str software, str grade, str label, object kind, object issuer,
        object serial, long long sites_total, bint asked, bint revoked)
    cpdef Responder new_responder(self, bytes host)
    cpdef Told new_told(self, tuple key, str grade)
    cdef _merge_responders(self)
    cdef _forget_told(self)
