# Types for the compiled form of render.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.http.structs cimport BodyFile, Digests, Header, HttpRequest, HttpResponse, HttpTransaction
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.encode cimport encode_str
from sensor.logs.parts cimport Parts
from sensor.weird cimport FlowId

cdef Py_ssize_t _MAX_FILES, _MAX_FILENAME_BYTES, _NO_LIMIT
cdef dict _PROTOCOLS
cdef frozenset _NOTED

@cython.final
cdef class TrafficLines:
    cdef Parts _parts
    cdef bint _with_community_id
    cdef readonly object reply_fuid
    cdef readonly long long reply_ts

    @cython.locals(parts=Parts, ts="long long", us="long long", took="long long", end="long long", flow=FlowId)
    cpdef conn(self, LineBuffer out, Connection connection)
    @cython.locals(parts=Parts, ts="long long", us="long long", flow_text=str, sent=tuple, received=tuple, noted=tuple, file=BodyFile,
                   request=HttpRequest, response=HttpResponse)
    cpdef Py_ssize_t transaction(self, LineBuffer http, LineBuffer files, HttpTransaction transaction) except -1
    @cython.locals(parts=Parts)
    cdef _status(self, LineBuffer out, HttpResponse response)
    @cython.locals(parts=Parts, us="long long")
    cpdef weird(self, LineBuffer out, object weird)
    @cython.locals(parts=Parts, first="long long", last="long long", us="long long", end="long long", is_orig=bint, digests=Digests)
    cdef _file(self, LineBuffer out, BodyFile file)
    @cython.locals(header=Header, each=Header)
    cdef tuple _noted(self, tuple headers)
    @cython.locals(header=Header)
    cdef _header(self, LineBuffer out, str name, tuple headers, bytes wanted)
    @cython.locals(parts=Parts, proxied=dict, name=bytes, value=bytes, header=Header)
    cdef _who(self, LineBuffer out, tuple headers)
    @cython.locals(file=BodyFile, named=bint, typed=bint)
    cdef _carried(self, LineBuffer out, tuple files, str fuids, str names, str types)
