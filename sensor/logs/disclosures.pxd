# Types for the compiled form of disclosures.py; see setup.py.
cimport cython
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.parts cimport Parts

cdef dict _STATUSES

@cython.final
cdef class DisclosureLines:
    cdef Parts _parts
    cdef long long _suppress_us

    @cython.locals(parts=Parts, us="long long", singles=tuple, first=dict)
    cpdef Py_ssize_t ocsp(self, LineBuffer out, object response, str fuid, long long ts) except -1
    @cython.locals(parts=Parts, ts="long long", us="long long", end="long long")
    cpdef exchange(self, LineBuffer out, object exchange, str issuer, str software)
    @cython.locals(parts=Parts, ts="long long", us="long long", names=tuple)
    cpdef leak(self, LineBuffer out, tuple leak)
    @cython.locals(parts=Parts, ts="long long", us="long long", orig_h=str, resp_h=str, serial=str, issuer=str, site=str,
                   kind=str, issued=str, what=str, grade_text=str)
    cpdef notice(self, LineBuffer out, tuple leak)
    cdef _question(self, LineBuffer out, object request)
    @cython.locals(parts=Parts)
    cdef _reply(self, LineBuffer out, object request, object response, object single)
    @cython.locals(parts=Parts, host=str, uri=str)
    cdef str _url(self, object exchange, str resp_h, object resp_p)
