# Types for the compiled form of cleartext.py, which has something to say of few transactions; see setup.py.
cimport cython
from sensor.http.structs cimport Header, HttpRequest, HttpResponse, HttpTransaction

@cython.locals(target=bytes, request=HttpRequest, response=HttpResponse, header=Header)
cpdef object read_cleartext(HttpTransaction transaction, bint is_ocsp, object settings)
