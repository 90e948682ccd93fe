# Types for the compiled form of community_id.py; see setup.py.
cimport cython

@cython.locals(ends=bytes, text=bytes)
cpdef str community_id(bytes orig, int orig_p, bytes resp, int resp_p, int proto)
