# Types for the compiled form of template.py; see setup.py.
cimport cython

@cython.final
cdef class Template:
    cdef readonly tuple parts

    @cython.locals(parts=tuple, found=list, place=Py_ssize_t)
    cpdef str fill(self, object values, Py_ssize_t most)

cdef str _shown(object value)
