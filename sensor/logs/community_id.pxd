# Types for the compiled form of community_id.py; see setup.py.
cimport cython

cdef bint _COMPILED
cdef bytearray _BLOCK
cdef bytes _BASE64
cdef unsigned int _MASK, _A, _B, _C, _D, _E, _K0, _K20, _K40, _K60

@cython.locals(block="unsigned char *", size=Py_ssize_t, octet="unsigned char")
cpdef str community_id(bytes orig, int orig_p, bytes resp, int resp_p, int proto)
@cython.locals(w="unsigned int[80]", t=int, place=Py_ssize_t, a="unsigned int", b="unsigned int", c="unsigned int",
               d="unsigned int", e="unsigned int", f="unsigned int", x="unsigned int")
cdef str _digest(unsigned char *block, Py_ssize_t size)
