# Types for the compiled form of software.py; see setup.py.
cimport cython
from sensor.ocsp.structs cimport OcspExchange, OcspRequest, RequestTraits

cdef Py_ssize_t _MAX_REMEMBERED, _MAX_AGENT_BYTES

@cython.final
cdef class SoftwareGuesser:
    cdef readonly dict _known

    @cython.locals(key=tuple, agent=bytes, nonce=bytes, host=bytes, request=OcspRequest, traits=RequestTraits)
    cpdef str guess(self, OcspExchange exchange)
