cimport cython

from sensor.ocsp.elements cimport count_elements, read_cert_id, read_extensions
from sensor.pki.der cimport DerReader, decode_integer, decode_oid, decode_time

cpdef object decode_response(bytes data, object limits)

@cython.locals(reader=DerReader, pos=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t, oid=bytes, used=Py_ssize_t)
cdef object _read_response(bytes data, object limits, Py_ssize_t trailing, bint ber)

@cython.locals(
    data=bytes, tbs_start=Py_ssize_t, tbs_end=Py_ssize_t, algorithm=Py_ssize_t, after=Py_ssize_t,
    signature_start=Py_ssize_t, start=Py_ssize_t,
    signature_oid=bytes, signature=bytes, certs=tuple, bad_times=list, responses=list, total=Py_ssize_t,
    extended_revoke=bint, extensions=tuple, found=list,
)
cdef object _read_basic(
    DerReader reader, Py_ssize_t pos, Py_ssize_t end, object limits, str response_type, Py_ssize_t trailing, bint ber
)

@cython.locals(start=Py_ssize_t, certs=list)
cdef tuple _certs(DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(tag=int, start=Py_ssize_t, stop=Py_ssize_t, name=bytes)
cdef str _responder_id(DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(tag=int)
cdef object _read_time(DerReader reader, Py_ssize_t pos, Py_ssize_t end, str what, list bad)

@cython.locals(max_responses=Py_ssize_t, max_serial_octets=Py_ssize_t, start=Py_ssize_t)
cdef Py_ssize_t _read_list(
    DerReader reader, Py_ssize_t pos, Py_ssize_t end, object limits, list responses
) except -1

@cython.locals(bad_times=list, tag=int, start=Py_ssize_t, found=list, values=dict)
cdef object _read_single(DerReader reader, Py_ssize_t pos, Py_ssize_t end, Py_ssize_t max_serial_octets)
