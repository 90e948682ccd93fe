cdef str _DIGITS
cdef list _PAIRS

cpdef str _base62(unsigned long long value)
cpdef str render_uid(str prefix, bytes seed)
