# Types for the compiled form of grammar.py; see setup.py.
cimport cython

cpdef bint is_token(bytes text)
@cython.locals(number=object)
cpdef object parse_number(bytes text)
@cython.locals(method=bytes, target=bytes, blank=Py_ssize_t)
cpdef tuple parse_request_line(bytes line)
@cython.locals(known=tuple)
cpdef tuple parse_status_line(bytes line)
cdef dict _statuses
cpdef tuple parse_field(bytes line)
