# Types for the compiled form of disclosures.py; see setup.py.
cimport cython
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.parts cimport Parts

cdef dict _STATUSES, _NOTES
cdef Py_ssize_t _MAX_REMEMBERED, _MAX_REMEMBERED_BYTES, _MAX_HASH_BYTES, _TIMES_NAME

@cython.final
cdef class DisclosureLines:
    cdef Parts _parts
    cdef long long _suppress_us
    cdef readonly dict _cert_ids, _answers, _replies, _audits
    cdef LineBuffer _scratch
    cdef readonly Py_ssize_t times_at, times_end, audit_at, audit_end

    @cython.locals(parts=Parts, us="long long", singles=tuple, first=dict, known=tuple, text=str, is_small=bint)
    cpdef Py_ssize_t ocsp(self, LineBuffer out, object response, str fuid, long long ts) except -1
    @cython.locals(parts=Parts, ts="long long", us="long long", end="long long", known=tuple, found=tuple)
    cpdef exchange(self, LineBuffer out, object exchange, str issuer, str software, object audit, object on_crl=*)
    @cython.locals(parts=Parts, ts="long long", us="long long", names=tuple)
    cpdef leak(self, LineBuffer out, tuple leak)
    @cython.locals(parts=Parts, ts="long long", us="long long", orig_h=str, resp_h=str, serial=str, issuer=str, site=str,
                   channel=str, which=str, note=str, kind=str, issued=str, what=str, names=tuple, grade_text=str)
    cpdef notice(self, LineBuffer out, tuple leak)
    @cython.locals(parts=Parts, ts="long long", end="long long", suppress_us="long long", note=str, msg=str, sub=str,
                   rule_id=str, level=str, fuid=str, mime_type=str, desc=str)
    cpdef raised(self, LineBuffer out, object notice)
    cdef _question(self, LineBuffer out, object request)
    @cython.locals(parts=Parts)
    cdef _answer(self, LineBuffer out, object single)
    cdef str _audit(self, tuple audit)
    @cython.locals(parts=Parts, algorithm=str, name_hash=bytes, key_hash=bytes, serial=str)
    cdef str _cert_id(self, object cert_id)
    @cython.locals(known=tuple, text=str)
    cdef _reply(self, LineBuffer out, object response, object single)
    @cython.locals(parts=Parts)
    cdef _reply_fields(self, LineBuffer out, object response, object single)
    @cython.locals(parts=Parts, host=str, uri=str)
    cdef str _url(self, object exchange, str resp_h, object resp_p)
