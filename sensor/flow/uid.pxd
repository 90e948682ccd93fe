cimport cython

cdef bytes _DIGITS
cdef bytearray _SCRATCH
cdef unsigned long long _MASK, _MIX1, _MIX2, _GOLDEN

@cython.locals(text=bytearray, size=Py_ssize_t, word="unsigned long long", rest="unsigned long long")
cpdef str render_words(str prefix, unsigned long long high, unsigned long long low)
cpdef unsigned long long mix(unsigned long long state, unsigned long long word) noexcept
cpdef str render_uid(str prefix, bytes seed)
