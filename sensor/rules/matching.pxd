# Types for the compiled form of matching.py; see setup.py.
cimport cython

cdef class Matcher:
    cpdef bint test(self, object event)

cdef class _All(Matcher):
    cdef tuple _items

    @cython.locals(item=Matcher)
    cpdef bint test(self, object event)

cdef class _Any(Matcher):
    cdef tuple _items

    @cython.locals(item=Matcher)
    cpdef bint test(self, object event)

cdef class _Not(Matcher):
    cdef Matcher _item

    cpdef bint test(self, object event)

cdef class _Exists(Matcher):
    cdef str _name
    cdef bint _wanted

    cpdef bint test(self, object event)

cdef class _Says(Matcher):
    cdef object _says

    cpdef bint test(self, object event)

cdef class _Field(Matcher):
    cdef str _name
    cdef set _equal, _numbers
    cdef list _parts, _others
    cdef bint _lowers

    cdef _add(self, object test)
    cpdef bint test(self, object event)
    @cython.locals(text=str, low=str, part=str, start=bint, end=bint)
    cdef bint _passes(self, object value) except -1
