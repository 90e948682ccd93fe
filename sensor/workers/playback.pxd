# Types for the compiled form of playback.py; see setup.py.
cimport cython
from sensor.audit.history cimport History
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.writer cimport LogWriter
from sensor.octets cimport address_of
from sensor.privacy.leak cimport LeakCounter

cdef int _EVENT, _COPY, _TIMES, _NOTICE, _AUDIT, _WEIRD, _NOTES, _CERTIFICATE, _FETCHED, _FIRED, _SAID, _WEIRD_OF, _HANDED_OVER
cdef long long _END
cdef bint _COMPILED

@cython.final
cdef class Reel:
    cdef const long long[::1] rows
    cdef long long[::1] places
    cdef const unsigned char[::1] octets
    cdef const unsigned char* source
    cdef Py_ssize_t length
    cdef list weirds, notes, asked, fired
    cdef Py_ssize_t at, size, weird_at, note_at, asked_at, fired_at
    cdef readonly long long key, number
    cdef tuple upto
    cdef public bint is_last
    cdef bint is_over

    cpdef load(self, object chunk)
    cpdef look(self)

@cython.final
cdef class Playback:
    cdef LogWriter _writer
    cdef list _logs
    cdef LeakCounter _counter, _fetches
    cdef History _history
    cdef object _on_weird, _on_note, _on_finding, _engine
    cdef list _times
    cdef int _events
    cdef long long _last_times
    cdef bint _stayed

    @cython.locals(first=Reel, reel=Reel, key="long long", number="long long")
    cpdef object play(self, list reels)
    @cython.locals(counter=LeakCounter, out=LineBuffer, rows="const long long[::1]", at=Py_ssize_t, operation="long long", log=Py_ssize_t, times="long long", more=object)
    cdef _event(self, Reel reel)
    @cython.locals(place="long long", end="long long", out=LineBuffer)
    cdef _copy(self, Reel reel, Py_ssize_t log, long long size)
    cdef _copy_or_drop(self, Reel reel, Py_ssize_t log, long long size)
    cdef _found(self, Reel reel, Py_ssize_t log, long long size, object bits)
    cdef _audit(self, Reel reel, Py_ssize_t log, long long size)
    cdef _rule(self, Reel reel)
    cdef _weird(self, Reel reel)
    cdef _notes(self, Reel reel, Py_ssize_t count)
