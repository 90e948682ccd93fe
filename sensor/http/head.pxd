# Types for the compiled form of head.py; see setup.py.
cimport cython
from sensor.http.grammar cimport is_token, line_end, parse_field, parse_number

cdef int _HOST, _USER_AGENT, _CONTENT_LENGTH, _TRANSFER_ENCODING, _CONTENT_ENCODING, _CONTENT_TYPE
cdef int _CONTENT_DISPOSITION, _CONNECTION, _UPGRADE, _CONTENT_RANGE, _NOTABLE, _ALSO_NOTABLE
cdef int FRAMING, HOST

cdef extern from *:
    """
    static CYTHON_INLINE size_t hash_octets(const unsigned char *at, Py_ssize_t size) {
        unsigned long long hash = (unsigned long long)size, word;
        const unsigned char *end = at + size;
        for (; end - at > 8; at += 8) {
            memcpy(&word, at, 8);
            hash = (hash ^ word) * 0xFF51AFD7ED558CCDULL;  /* as in uid.py */
            hash ^= hash >> 32;
        }
        if (size >= 8) {
            memcpy(&word, end - 8, 8);
        } else {
            for (word = 0; at < end; at++) word = word << 8 | *at;
        }
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDULL;
        return (size_t)(hash >> 52);  /* the bits that all octets reach; as many as _LAST has */
    }
    static CYTHON_INLINE int is_same(const unsigned char *one, Py_ssize_t size, const unsigned char *other, Py_ssize_t length) {
        return size == length && !memcmp(one, other, (size_t)size);
    }
    """
    size_t hash_octets(const unsigned char* at, Py_ssize_t size)
    bint is_same(const unsigned char* one, Py_ssize_t size, const unsigned char* other, Py_ssize_t length)

cdef bint _COMPILED
cdef Py_ssize_t _MEMO_LINES, _LAST, _MEMO_BYTES
cdef list _memo
cdef dict _CODES

@cython.final
@cython.freelist(8)
cdef class Head:
    cdef public list fields, oddities
    cdef public int count, chunked, doubts
    cdef public long long length
    cdef public bytes host, user_agent, content_type, disposition, content_range
    cdef public tuple codings, lengths
    cdef public bint coded, bad_length, upgrade, connection_upgrade, close, keep_alive, notable

    cpdef begin(self)
    cpdef odd(self, str name, bytes detail=*)

cpdef Py_ssize_t find_end(object data, Py_ssize_t start, Py_ssize_t scan)
cpdef Head new_head()
@cython.locals(fields=list, count=int, code=int, end=Py_ssize_t, entry=tuple)
cpdef Py_ssize_t read_fields(Head head, bytes data, Py_ssize_t at, Py_ssize_t max_fields, Py_ssize_t max_line)
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, place=Py_ssize_t, known=tuple, entry=tuple, line=bytes)
cdef tuple _entry_of(bytes data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t max_line)
cdef tuple _entry(bytes line)
cdef int _code(bytes name, bytes value) except -1
cdef bint _is_marked(bytes name) except -1
cdef _take(Head head, int code, bytes value)
@cython.locals(number="long long")
cdef _take_length(Head head, bytes value)
cdef _take_connection(Head head, bytes value)
cdef _take_transfer_encoding(Head head, bytes value)
