# Types for the compiled form of cleartext.py, which has something to say of few transactions; see setup.py.
cimport cython

@cython.locals(target=bytes)
cpdef object read_cleartext(object transaction, bint is_ocsp, object settings)
