# Types for the compiled form of community_id.py; see setup.py.
cimport cython

@cython.locals(orig=bytes, resp=bytes, ends=bytes)
cpdef str community_id(str orig_h, int orig_p, str resp_h, int resp_p, int proto)
