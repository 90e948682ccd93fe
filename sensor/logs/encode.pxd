# Types for the compiled form of encode.py; see setup.py.
cimport cython

cdef bint _COMPILED
cdef object _BAD
cdef dict _ESCAPED

@cython.locals(text=str)
cpdef str encode_text(bytes raw)

@cython.locals(octet="unsigned char")
cdef bint _is_plain(bytes raw) except -1

@cython.locals(text=str)
cpdef str log_text(bytes raw)

cpdef str encode_str(str text, Py_ssize_t limit)

@cython.locals(size=Py_ssize_t)
cpdef bint is_longer(str text, Py_ssize_t limit) except -1

cdef bytes _octets_of(str text)

@cython.locals(end=Py_ssize_t)
cpdef bytes cut_text(bytes raw, Py_ssize_t limit)

@cython.locals(seconds="long long", rest="long long")
cpdef str encode_micros(long long us)

@cython.locals(seconds="long long", clock="long long", day="long long", hour="long long", minute="long long",
               second="long long", rest="long long")
cpdef str encode_time(long long us, int form)

@cython.locals(era="long long", of_era="long long", year="long long", of_year="long long", month="long long",
               of_month="long long")
cdef str _civil(long long day)
