cpdef long long seq_delta(long long a, long long b) noexcept
