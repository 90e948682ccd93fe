cimport cython

from sensor.pki.der cimport DerReader

@cython.locals(data=bytes, seen=set, inner=Py_ssize_t, oid=bytes, start=Py_ssize_t, stop=Py_ssize_t)
cpdef object decode_extensions(DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(data=bytes, tag=int, octets=bytes)
cpdef _alt_name(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

cdef _keep(object found, dict kept, object text)

cpdef _basic_constraints(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(bits=bytes)
cpdef _key_usage(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

cpdef _key_id(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

cpdef _authority(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(inner=Py_ssize_t, start=Py_ssize_t, method=bytes)
cpdef _access(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(inner=Py_ssize_t, names_end=Py_ssize_t)
cpdef _distribution(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

cdef _url(dict urls, DerReader reader, Py_ssize_t pos, Py_ssize_t end)

@cython.locals(start=Py_ssize_t)
cpdef _tls_feature(object found, DerReader reader, Py_ssize_t pos, Py_ssize_t end)
