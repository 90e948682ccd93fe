# Types for the compiled form of script.py; see setup.py.
cimport cython

cdef int EVENT, COPY, TIMES, NOTICE, AUDIT, WEIRD, NOTES, CERTIFICATE, FETCHED, FIRED, SAID, WEIRD_OF
cdef Py_ssize_t _START, _LONGEST

@cython.final
cdef class Script:
    cdef public list weirds, notes, asked, fired, answers
    cdef readonly long long last_key, last_number
    cdef readonly bint with_names
    cdef object _numbers
    cdef long long[::1] _at, _done
    cdef Py_ssize_t _room, _begin, _end, _told, _logs

    @cython.locals(size="long long", at=Py_ssize_t)
    cpdef copy(self, Py_ssize_t log, long long upto)
    @cython.locals(at=Py_ssize_t)
    cpdef times(self, Py_ssize_t log, long long first, long long last, long long key)
    cpdef fetched(self, Py_ssize_t log, long long first, long long last, long long key)
    @cython.locals(at=Py_ssize_t)
    cpdef notice(self, Py_ssize_t log, long long first, long long last, long long key, long long ts)
    cpdef certificate(self, Py_ssize_t log, long long first, long long last, long long key, long long ts)
    @cython.locals(at=Py_ssize_t)
    cpdef audit(self, Py_ssize_t log, long long first, long long last, object bits, tuple asked)
    @cython.locals(at=Py_ssize_t)
    cpdef bint said(self, Py_ssize_t log, long long first, long long last, object bits, tuple asked) except -1
    @cython.locals(at=Py_ssize_t)
    cpdef rule(self, Py_ssize_t log, long long place, tuple fired)
    @cython.locals(at=Py_ssize_t)
    cpdef weird(self, Py_ssize_t log, long long place, object weird)
    cpdef weird_of(self, Py_ssize_t log, long long place, object weird)
    @cython.locals(notes=Py_ssize_t, at=Py_ssize_t)
    cpdef cut(self, long long key, long long number)
    @cython.locals(log=Py_ssize_t)
    cpdef tuple take(self)
    cdef Py_ssize_t _reserve(self) except -1
