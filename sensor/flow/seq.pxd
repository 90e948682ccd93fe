cdef long long _HALF, _MASK

cpdef long long seq_delta(long long a, long long b) noexcept
