cimport cython

cdef extern from *:
    """
    static CYTHON_INLINE PyObject *ascii_text(const unsigned char *at, Py_ssize_t size) {
        PyObject *text = PyUnicode_New(size, 127);
        if (text && size) memcpy(PyUnicode_DATA(text), at, (size_t)size);
        return text;
    }
    """
    str ascii_text(const unsigned char* at, Py_ssize_t size)  # of octets that are known to be ASCII: nothing looks again

cdef bint _COMPILED
cdef bytes _DIGITS
cdef bytearray _SCRATCH
cdef unsigned long long _MASK, _MIX1, _MIX2, _GOLDEN, _FNV

@cython.locals(text="unsigned char *", digits="const unsigned char *", size=Py_ssize_t, rest="unsigned long long")
cpdef str render_words(str prefix, unsigned long long high, unsigned long long low)
cpdef unsigned long long mix(unsigned long long state, unsigned long long word) noexcept
cpdef str render_uid(str prefix, bytes seed)
@cython.locals(word="unsigned long long", low="unsigned long long", letter="Py_UCS4")
cpdef str file_uid(str uid, bint is_orig, unsigned long long trans_depth, unsigned long long part)
