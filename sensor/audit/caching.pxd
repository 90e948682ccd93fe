# Types for the compiled form of caching.py; see setup.py.
cimport cython
from sensor.http.structs cimport Header

cdef object NO_DIRECTIVES
cdef dict _CODES, _parsed
cdef int _CONTROL, _AGE, _EXPIRES_AT, _DATE, _TAG, _MODIFIED

@cython.locals(header=Header)
cpdef object check_caching(
    tuple headers, object files, object now, object this_update, object next_update, object skew, bint may_be_cached
)
cdef object _check_max_age(object control, object said, object date, object now, object next_update, object skew)
cdef object _check_etag(bytes etag, object files)
