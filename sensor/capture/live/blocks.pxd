# C types for blocks.py; the .py alone has the meaning.
cimport cython

cdef unsigned int _TAG_VALID, _TPID_VALID
cdef int _ETHERNET, _COOKED
cdef Py_ssize_t _SLL2, _HEADER

@cython.locals(count=Py_ssize_t, full=Py_ssize_t, word=Py_ssize_t, half=Py_ssize_t, captured="long long", status=cython.uint,
               body=Py_ssize_t, wire="long long", kind=cython.uint, link=int, pair=Py_ssize_t, network=Py_ssize_t,
               skipped=Py_ssize_t, seconds="long long", tci=cython.uint, tpid=cython.uint)
cpdef tuple scan_block(
    unsigned char[::1] ring, const unsigned int[::1] words, const unsigned short[::1] halves,
    Py_ssize_t start, Py_ssize_t end, Py_ssize_t at, Py_ssize_t left, const unsigned short[::1] link_of,
    long long[::1] ts, unsigned long long[::1] offset, unsigned int[::1] caplen, unsigned int[::1] wirelen,
    unsigned short[::1] links)

@cython.locals(i=Py_ssize_t)
cdef Py_ssize_t _put_tag(unsigned char[::1] ring, Py_ssize_t body, Py_ssize_t before, unsigned int tpid, unsigned int tci) except -1

@cython.locals(i=Py_ssize_t, high="unsigned char", low="unsigned char")
cdef Py_ssize_t _put_cooked_tag(unsigned char[::1] ring, Py_ssize_t body, unsigned int tpid, unsigned int tci) except -1

@cython.locals(i=Py_ssize_t)
cdef int _cook(unsigned char[::1] ring, Py_ssize_t address, Py_ssize_t body) except -1
