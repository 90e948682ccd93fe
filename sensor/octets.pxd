# C for what compiled modules do with memory by address: where octets lie, and whole numbers of them. No module of its
# own: uncompiled, nothing is done by address. Whoever uses these has seen that the octets are there.

cdef extern from *:
    """
    /* The 64 bits at p, which need not be aligned, in network order: written so that it becomes one instruction. */
    static CYTHON_INLINE unsigned PY_LONG_LONG ow_word(const unsigned char* p) {
        typedef unsigned PY_LONG_LONG word;
        return (word)p[0] << 56 | (word)p[1] << 48 | (word)p[2] << 40 | (word)p[3] << 32
            | (word)p[4] << 24 | (word)p[5] << 16 | (word)p[6] << 8 | (word)p[7];
    }
    /* The 32 bits at p, as above, the lowest first. */
    static CYTHON_INLINE unsigned int ow_quad(const unsigned char* p) {
        return p[0] | (unsigned int)p[1] << 8 | (unsigned int)p[2] << 16 | (unsigned int)p[3] << 24;
    }
    """
    unsigned long long word_at "ow_word"(const unsigned char* at) noexcept
    unsigned int quad_at "ow_quad"(const unsigned char* at) noexcept

cdef inline const unsigned char* address_of(const unsigned char[::1] octets) noexcept:
    return &octets[0] if octets.shape[0] else NULL
