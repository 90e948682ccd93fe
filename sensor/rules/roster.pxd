# Types for the compiled form of roster.py; see setup.py.
cimport cython
from sensor.rules.index cimport FieldIndex, ServiceIndex, merge
from sensor.rules.probes cimport exchange_raw

cdef Py_ssize_t _MAX_REMEMBERED

@cython.final
cdef class Roster:
    cdef readonly list rules, fields
    cdef readonly ServiceIndex index
    cdef readonly tuple always
    cdef readonly list of_cert_id, of_answer
    cdef dict cert_ids, answers

    @cython.locals(kept=tuple, found=tuple)
    cpdef tuple from_cert_id(self, object exchange)
    @cython.locals(kept=tuple, found=tuple)
    cpdef tuple from_answer(self, object exchange)

@cython.locals(field=FieldIndex, found=tuple, rules=tuple)
cdef tuple _of_exchange(list fields, object exchange)
