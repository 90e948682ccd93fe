# Types for the compiled form of buffer.py, and the two C functions it copies with; see setup.py.
cimport cython
from libc.string cimport memcpy
from sensor.logs.encode cimport encode_time
from sensor.octets cimport address_of

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char* PyBytes_AS_STRING(object octets)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    const char* PyUnicode_DATA(object text)

cdef bint _COMPILED
cdef int EPOCH
cdef bytes _TRUE, _FALSE
cdef Py_ssize_t _START, _SLACK
cdef unsigned char _QUOTE, _COMMA, _MINUS, _DOT, _ZERO, _COLON, _OPEN, _CLOSE, _BRACE, _NEWLINE

@cython.final
cdef class LineBuffer:
    cdef readonly Py_ssize_t size
    cdef list _fields, _lines
    cdef bytearray _block
    cdef unsigned char* _at
    cdef Py_ssize_t _room, _end
    cdef unsigned long long _second
    cdef str _second_text

    cpdef begin(self, str head)
    cpdef end(self)
    cpdef str take_fields(self)
    cpdef bytes take(self)
    cpdef Py_ssize_t place(self)
    cpdef object take_view(self)
    @cython.locals(size=Py_ssize_t)
    cpdef append(self, const unsigned char[::1] octets, Py_ssize_t first, Py_ssize_t last)
    cdef inline append_at(self, const unsigned char* source, Py_ssize_t size):
        """As append, of octets that the caller has seen to be there: a slice of memory costs more to pass on than to copy."""
        cdef Py_ssize_t end = self.size
        if end + size > self._room:
            self._end = end
            self._grow(size)
        memcpy(self._at + end, source, size)
        self.size = self._end = end + size
    cpdef append_text(self, str text)
    cpdef append_number(self, unsigned long long value)
    cpdef raw(self, str text)
    @cython.locals(at="unsigned char *", end=Py_ssize_t, of_name=Py_ssize_t, of_text=Py_ssize_t)
    cpdef string(self, str name, str text)
    cpdef value(self, str name, str text)
    @cython.locals(at="unsigned char *", end=Py_ssize_t, of_name=Py_ssize_t, place=Py_ssize_t, rest="unsigned long long",
                   limit="unsigned long long")
    cpdef number(self, str name, long long value)
    @cython.locals(at="unsigned char *", end=Py_ssize_t, of_name=Py_ssize_t)
    cpdef flag(self, str name, bint value)
    cpdef seconds(self, str name, long long us)
    cpdef moment(self, long long us, int form)
    cpdef open_list(self, str name)
    cpdef item(self, str text)
    cpdef close_list(self)
    @cython.locals(at="unsigned char *", end=Py_ssize_t, size=Py_ssize_t)
    cdef int _name(self, str name) except -1
    @cython.locals(at="unsigned char *", end=Py_ssize_t)
    cdef _quoted(self, str text)
    @cython.locals(source="const char *", length="Py_ssize_t[1]", size=Py_ssize_t)
    cdef _copy(self, str text)
    cdef _grow(self, Py_ssize_t size)
    @cython.locals(at="unsigned char *", end=Py_ssize_t, second="unsigned long long", rest="unsigned long long")
    cdef _micros(self, long long us)
    @cython.locals(at="unsigned char *", limit="unsigned long long", count=Py_ssize_t, place=Py_ssize_t)
    cdef _digits(self, unsigned long long value, int width)
