# Types for the compiled form of index.py; see setup.py.
cimport cython
from sensor.http.structs cimport Header
from sensor.kept cimport Kept
from sensor.logs.encode cimport log_text
from sensor.rules.literals cimport Literals

cdef tuple _NONE
cdef Py_ssize_t _MAX_REMEMBERED, _MAX_REMEMBERED_BYTES

@cython.final
cdef class FieldIndex:
    cdef readonly int code
    cdef object _shape, _any_regex
    cdef bint _is_number, _is_member, _is_octets, _is_text, _is_plain, _only_numbers
    cdef double _below, _above, _least, _most
    cdef Py_ssize_t _limit
    cdef readonly tuple absent
    cdef tuple _all, _there, _of_any
    cdef dict _equal, _numbers, _known
    cdef Kept _records
    cdef object _last
    cdef tuple _of_last
    cdef list _tested, _regexes
    cdef Literals _literals

    cdef _add_text(self, object test, object number, list literals)
    @cython.locals(found=tuple)
    cpdef tuple candidates(self, object raw)
    @cython.locals(kept=tuple)
    cdef tuple _of_record(self, object raw)
    @cython.locals(known=tuple)
    cdef tuple _of_value(self, object raw)
    cdef bint _passes_none(self, double number) noexcept
    @cython.locals(found=tuple, rules=tuple)
    cdef tuple _learn_record(self, object raw)
    @cython.locals(found=tuple)
    cdef tuple _learn(self, object raw)
    cdef tuple _of_number(self, object raw)
    @cython.locals(low=str, found=list, equal=list, octets=bytes)
    cpdef tuple of_text(self, str text)

@cython.final
cdef class HeaderIndex:
    cdef FieldIndex _names, _lines
    cdef Kept _known

    @cython.locals(known=Kept, rules=tuple, found=tuple)
    cpdef tuple candidates(self, tuple headers)
    @cython.locals(found=tuple)
    cdef tuple _learn(self, Header header)

@cython.final
cdef class ServiceIndex:
    cdef readonly tuple always
    cdef readonly list fields, guards
    cdef readonly HeaderIndex client, server

cpdef tuple merge(tuple one, tuple other)
