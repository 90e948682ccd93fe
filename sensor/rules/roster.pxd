# Types for the compiled form of roster.py; see setup.py.
cimport cython
from sensor.kept cimport Kept
from sensor.ocsp.structs cimport OcspExchange
from sensor.rules.index cimport FieldIndex, ServiceIndex, merge
from sensor.rules.matching cimport Matcher
from sensor.rules.probes cimport exchange_raw
from sensor.rules.probing cimport Probe

@cython.final
cdef class ActiveRule:
    cdef readonly object rule, head
    cdef readonly Matcher matcher
    cdef readonly bint is_quiet, is_instead
    cdef readonly tuple correlators
    cdef public long long hits

@cython.final
cdef class Roster:
    cdef readonly list rules, fields
    cdef readonly ServiceIndex index
    cdef readonly tuple always
    cdef readonly list of_cert_id, of_answer
    cdef tuple no_cert_id, no_answer
    cdef Kept cert_ids, answers
    cdef list _guards

    @cython.locals(field=FieldIndex, found=tuple, rules=tuple)
    cpdef tuple candidates(self, Probe probe)

    @cython.locals(kept=list, guards=tuple)
    cpdef tuple guarded(self, tuple found, Probe probe)
    @cython.locals(found=tuple)
    cpdef tuple from_cert_id(self, OcspExchange exchange)
    @cython.locals(kept=tuple, found=tuple)
    cpdef tuple from_answer(self, OcspExchange exchange)

@cython.locals(field=FieldIndex)
cdef bint _passes(tuple guards, Probe probe) except -1
@cython.locals(field=FieldIndex, found=tuple, rules=tuple)
cdef tuple _of_exchange(list fields, OcspExchange exchange)
