# Types for the compiled form of messages.py; see setup.py.
cimport cython
from sensor.flow.uid cimport file_uid
from sensor.http.content cimport text_of, whole_file
from sensor.http.grammar cimport is_known, is_ocsp_head
from sensor.http.head cimport Head, new_head
from sensor.http.pairing cimport Exchange, Pairing, new_pairing
from sensor.http.shape cimport der_size
from sensor.http.side cimport Side, new_side
from sensor.http.structs cimport HttpSettings
from sensor.weird cimport FlowId

cdef int _MANY_FIELDS, _PER_FIELD, CLOSE, FIXED, HEAD, OVER, SEARCH

@cython.final
@cython.freelist(8)
cdef class Messages:
    cdef public FlowId flow
    cdef public HttpSettings settings
    cdef public object new_tap, ledger
    cdef public list out
    cdef public bint certain, keep_alive, is_second, valued
    cdef public str service, uid
    cdef public Side orig, resp
    cdef public Pairing pairing
    cdef public int requests, tunnels, told, in_doubt

    cpdef begin(self, FlowId flow, list out, HttpSettings settings, bint certain, object new_tap)
    @cython.locals(ts="long long", version=str, exchange=Exchange, method=bytes)
    cpdef open(self, Side side, Head head)
    @cython.locals(target=bytes)
    cpdef check_request(self, Side side, Head head, long long ts)
    cpdef check_authority(self, Side side, bytes host, bytes target, long long ts)
    cpdef lead(self, list out)
    cpdef doubt(self, Side side)
    @cython.locals(length="long long", kind=bytes, exchange=Exchange, body=bytes, octets="const unsigned char *")
    cpdef Py_ssize_t begin_plain(self, Side side, Head head, bytes data, Py_ssize_t pos, long long ts)
    @cython.locals(depth=int)
    cpdef object new_body(self, Side side, Head head, long long length)
    @cython.locals(exchange=Exchange)
    cpdef end(self, Side side, bint complete, long long ts)
    @cython.locals(head=Head, target=bytes, host=bytes)
    cpdef object request(self, Side side, bint complete)
    @cython.locals(head=Head)
    cpdef object response(self, Side side, Exchange exchange, bint complete)
    cpdef lose(self, Side side)
    cpdef give_up(self, Side side)
    cpdef weird(self, long long ts, str name, bytes detail)
    cpdef weird_once(self, int bit, long long ts, str name)

cpdef Messages new_messages(FlowId flow, list out, HttpSettings settings, bint certain, object new_tap)
