# Types for the compiled form of render.py; see setup.py.
cimport cython
from sensor.flow.conn cimport Connection
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.encode cimport encode_str
from sensor.logs.parts cimport Parts
from sensor.weird cimport FlowId

cdef Py_ssize_t _MAX_FILES, _MAX_FILENAME_BYTES, _NO_LIMIT, _FUID, _FIRST_TS, _MIME_TYPE, _FILENAME
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
    @cython.locals(parts=Parts, ts="long long", us="long long", flow_text=str, sent=list, received=list, noted=tuple,
                   headers=tuple, bodies=tuple)
    cpdef Py_ssize_t transaction(self, LineBuffer http, LineBuffer files, object transaction) except -1
    @cython.locals(parts=Parts, us="long long")
    cpdef weird(self, LineBuffer out, object weird)
    @cython.locals(parts=Parts, fields=tuple, first_ts="long long", last_ts="long long", us="long long", end="long long",
                   is_orig=bint)
    cdef tuple _file(self, LineBuffer out, object file)
    cdef tuple _noted(self, tuple headers)
    cdef _header(self, LineBuffer out, str name, tuple headers, bytes wanted)
    @cython.locals(parts=Parts, proxied=dict, name=bytes, value=bytes)
    cdef _who(self, LineBuffer out, tuple headers)
    @cython.locals(file=tuple, named=int, typed=int)
    cdef _carried(self, LineBuffer out, list files, str fuids, str names, str types)
