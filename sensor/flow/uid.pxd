cdef str _DIGITS
cdef list _PAIRS
cdef unsigned long long _MASK, _MIX1, _MIX2, _GOLDEN

cpdef str base62(unsigned long long value)
cpdef unsigned long long mix(unsigned long long state, unsigned long long word) noexcept
cpdef str render_uid(str prefix, bytes seed)
