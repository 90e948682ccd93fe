# Types for the compiled form of correlating.py; see setup.py.
cimport cython
from sensor.rules.events cimport LoggedEvent
from sensor.rules.windows cimport Window, make_window

cdef Py_ssize_t _MAX_KEY

@cython.final
cdef class Correlator:
    cdef readonly object rule
    cdef public long long hits, forgotten, crowded_out, late, dropped
    cdef Py_ssize_t _max_groups, _max_group_events, _max_events, _events
    cdef dict _places, _group_by
    cdef bint _slides
    cdef object _field, _windows, _open, _least
    cdef object _clock

    @cython.locals(group=dict, key=tuple)
    cpdef list feed(self, str rule_id, LoggedEvent event)
    @cython.locals(before=Py_ssize_t, late=Py_ssize_t, dropped=Py_ssize_t, window=Window, oldest=Window)
    cdef list _slide(self, tuple key, dict group, LoggedEvent event, Py_ssize_t place, object value)
    @cython.locals(found=list, before=Py_ssize_t)
    cdef list _tumble(self, tuple key, dict group, LoggedEvent event, object place, object value)
    cdef list _close(self, object key)

cdef object _key(object value)
