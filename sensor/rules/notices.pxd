# Types for the compiled form of notices.py; see setup.py.
cimport cython
from sensor.kept cimport Kept
from sensor.rules.events cimport LoggedEvent
from sensor.rules.template cimport Template

cdef Py_ssize_t _MAX_TEXT, _MAX_KEY

@cython.final
cdef class _Form:
    cdef object rule_id, level, note, window_us
    cdef Template msg, sub
    cdef tuple identifier

@cython.final
cdef class NoticeBook:
    cdef long long _default_us
    cdef Py_ssize_t _max
    cdef object _tell
    cdef object _told
    cdef Kept _forms
    cdef readonly long long told, held_back, forgotten

    @cython.locals(form=_Form, msg=Template, sub=Template)
    cpdef event(self, object head, LoggedEvent event)
    @cython.locals(form=_Form, msg=Template, sub=Template)
    cpdef correlation(self, object head, LoggedEvent event, dict group, object count)
    @cython.locals(kept=_Form)
    cdef _Form _form(self, object head)
    @cython.locals(found=list)
    cdef tuple _identity(self, object rule_id, tuple names, LoggedEvent event)
    cdef _out(self, object notice)
    cdef bint _is_new(self, tuple key, object ts, long long window_us) except -1

cdef object _key(object value)
cdef tuple _file_of(LoggedEvent event)
