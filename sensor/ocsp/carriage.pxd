cimport cython

from sensor.ocsp.request cimport decode_request

@cython.locals(readings=list)
cpdef object decode_get(bytes target, object limits)

@cython.locals(readings=list, plain=bytes, work=list)
cpdef list decode_get_readings(bytes target, object limits)

@cython.locals(text=bytes, bits=int)
cdef object _decode_usual(bytes target, Py_ssize_t start, object limits)
