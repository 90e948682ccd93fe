# Types for the compiled form of pairing.py; see setup.py.
cimport cython

cdef tuple AMBIGUITIES
cdef int TCP

@cython.final
@cython.freelist(8)
cdef class Exchange:
    cdef public int depth, informational, doubts
    cdef public long long ts
    cdef public object request, response, info, info_code, info_msg
    cdef public bint request_open, reply_open, doubtful, head_only, connect

    cpdef begin(self, int depth, long long ts)

cpdef Exchange new_exchange(int depth, long long ts)

@cython.final
@cython.freelist(8)
cdef class Pairing:
    cdef public object flow, early, ledger
    cdef public list out, pending
    cdef public Py_ssize_t max_pending
    cdef public int depth, owed
    cdef public Exchange unasked
    cdef public bint orig_lost, resp_lost, pipelined, alone, orig_closed, resp_closed

    cpdef begin(self, object flow, list out, Py_ssize_t max_pending)
    @cython.locals(exchange=Exchange, unasked=Exchange)
    cpdef Exchange begin_request(self, long long ts)
    cpdef bint is_even(self) except -1
    cpdef end_request(self, Exchange exchange, object request)
    @cython.locals(exchange=Exchange)
    cpdef Exchange begin_reply(self, long long ts)
    cpdef end_reply(self, Exchange exchange, object response)
    cpdef lose(self, bint is_orig)
    cpdef close(self, bint is_orig)
    cpdef release_early(self)
    @cython.locals(begun=list, exchange=Exchange)
    cpdef take_over(self, list requests)
    cpdef flush(self)
    cdef _flush(self)
    cdef _before_request(self, long long ts)
    cdef Exchange _join_early(self, long long ts)
    cdef _charge(self)
    cdef _say_early(self, long long ts)
    cdef _release_early(self, long long ts)
    cdef _release_all(self)
    cdef _give_up(self, Exchange exchange)
    cdef _emit(self, Exchange exchange)

cpdef Pairing new_pairing(object flow, list out, Py_ssize_t max_pending)
