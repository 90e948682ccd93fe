# Types for the compiled form of literals.py; see setup.py.
cimport cython

cdef int _ANYWHERE, _AT_START

@cython.final
cdef class Literals:
    cdef unsigned char[::1] _classes, _finds
    cdef int[::1] _table
    cdef Py_ssize_t _width
    cdef list _outputs

    cdef _build(self, list children)
    @cython.locals(at=Py_ssize_t, size=Py_ssize_t, width=Py_ssize_t, state=Py_ssize_t, length=Py_ssize_t, place=int,
                   classes="unsigned char[::1]", finds="unsigned char[::1]", table="int[::1]", found=list)
    cpdef list find(self, bytes octets)
