cimport cython

from sensor.ocsp.elements cimport count_elements, has_null_parameters, read_cert_id, read_extensions
from sensor.pki.der cimport DerReader, decode_integer, decode_oid

cpdef object decode_request(bytes data, object limits)

@cython.locals(
    reader=DerReader, pos=Py_ssize_t, end=Py_ssize_t, tbs_end=Py_ssize_t, start=Py_ssize_t, signed=bint,
    explicit_version=bint, found=list, null_parameters=bint, cert_ids=tuple, total=Py_ssize_t,
)
cdef object _read_request(bytes data, object limits, Py_ssize_t trailing, bint ber)

cdef Py_ssize_t _cert_id_at(DerReader reader, Py_ssize_t pos, Py_ssize_t end) except -1

@cython.locals(max_cert_ids=Py_ssize_t, max_serial_octets=Py_ssize_t, cert_ids=list, start=Py_ssize_t)
cdef tuple _read_list(DerReader reader, Py_ssize_t pos, Py_ssize_t end, object limits, list found)
