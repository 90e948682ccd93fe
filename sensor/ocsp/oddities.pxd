# Types for the compiled form of oddities.py; see setup.py.
cimport cython
from sensor.ocsp.structs cimport CertId, OcspRequest, OcspResponse, SingleResponse

cdef Py_ssize_t _MAX_SERIAL_DIGITS

@cython.locals(cert_id=CertId)
cpdef tuple request_oddities(OcspRequest asked)
@cython.locals(single=SingleResponse, cert_id=CertId)
cpdef tuple reply_oddities(OcspResponse reply)
cdef bint _is_odd_serial(str serial) except -1
