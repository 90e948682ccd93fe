# Types for the compiled form of shape.py; see setup.py.
cimport cython

cdef int _tag(bytes data, Py_ssize_t at)
cdef (Py_ssize_t, Py_ssize_t) _span(bytes data, Py_ssize_t at, Py_ssize_t limit)
cdef bint _first_inside(bytes data, Py_ssize_t at, Py_ssize_t limit, int tag)
cpdef str der_type(bytes data)
@cython.locals(have=Py_ssize_t, octets=Py_ssize_t, place=Py_ssize_t, inside=Py_ssize_t, size="long long", length="long long")
cpdef long long der_size(bytes data, Py_ssize_t at)
cdef bint _is_response(bytes data, Py_ssize_t start, Py_ssize_t end)
cdef bint _is_bundle(bytes data, Py_ssize_t start, Py_ssize_t end)
cdef str _signed_type(bytes data, Py_ssize_t at, Py_ssize_t limit)
cdef bint _is_request_list(bytes data, Py_ssize_t at, Py_ssize_t limit)
cdef str _certificate_or_list(bytes data, Py_ssize_t at, Py_ssize_t end, bint explicit_version)
