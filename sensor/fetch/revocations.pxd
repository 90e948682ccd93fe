# Types for the compiled form of revocations.py; see setup.py.
cimport cython
from sensor.ocsp.structs cimport OcspExchange

@cython.final
cdef class _Mark:
    cdef public object cert_id, key, on_crl, single, audit, removed
    cdef public Py_ssize_t generation

@cython.final
cdef class Revocations:
    cdef Py_ssize_t _max_asked, _max_crls, _generation
    cdef readonly object budget
    cdef readonly Py_ssize_t forgotten_questions, forgotten_crls, forgotten_for_room, watched
    cdef public object catch_up
    cdef dict _by_record, _asked, _by_issuer
    cdef object _marks, _crls, _asked_of
    cdef Py_ssize_t _questions
    cdef tuple _news

    @cython.locals(found=list, number=Py_ssize_t, exchange=OcspExchange)
    cpdef list on_crls(self, list exchanges, object audits)
    @cython.locals(mark=_Mark)
    cpdef object ask(self, object cert_id, object single, object audit=*)
    cdef _Mark _mark(self, object cert_id)
    cdef _note_question(self, tuple issuer)
    cdef _forget_question(self)
    cdef object _find(self, _Mark mark)
    cdef _drop(self, object place)
