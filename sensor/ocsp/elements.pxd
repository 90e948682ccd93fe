cimport cython

from sensor.pki.der cimport DerReader, decode_oid

cdef dict HASH_NAMES
cdef object CertId

@cython.locals(data=bytes, start=Py_ssize_t, oid=bytes, name_hash=bytes, key_hash=bytes)
cpdef object read_cert_id(DerReader reader, Py_ssize_t pos, Py_ssize_t end, Py_ssize_t max_serial_octets)

@cython.locals(octets=bytes, size=Py_ssize_t, shown=Py_ssize_t, text=str)
cdef str _serial(DerReader reader, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t max_octets)

cdef bint _padded(int first, int second) except -1

cpdef bint has_null_parameters(DerReader reader, Py_ssize_t pos, Py_ssize_t end) except -1

@cython.locals(found=list, start=Py_ssize_t, oid=bytes)
cpdef list read_extensions(DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(left=Py_ssize_t, count=Py_ssize_t)
cpdef Py_ssize_t count_elements(DerReader reader, Py_ssize_t pos, Py_ssize_t end) except -1
