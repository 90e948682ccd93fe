# Types for the compiled form of parts.py; see setup.py.
cimport cython
from sensor.kept cimport Kept
from sensor.logs.buffer cimport LineBuffer
from sensor.logs.community_id cimport community_id
from sensor.logs.encode cimport cut_text, encode_str, encode_text, encode_time, is_longer
from sensor.logs.local_nets cimport LocalNets, pack_address
from sensor.weird cimport FlowId

cdef Py_ssize_t _MAX_REMEMBERED, _MAX_REMEMBERED_BYTES

@cython.final
cdef class Parts:
    cdef readonly int form
    cdef readonly bint with_write_ts, orig_local, resp_local
    cdef readonly str flow_text
    cdef LocalNets _local_nets
    cdef Py_ssize_t _max_bytes
    cdef readonly long long cuts
    cdef list _heads
    cdef FlowId _flow
    cdef object _target
    cdef str _community, _target_text
    cdef bytes _target_plain
    cdef dict _texts, _strs, _hexes, _times
    cdef Kept _words, _same_texts, _same_strs, _same_dates

    cpdef begin(self, LineBuffer out, Py_ssize_t stream, long long us, long long end)
    cpdef str use_flow(self, FlowId flow)
    cpdef write_flow(self, LineBuffer out, FlowId flow)
    cpdef str community_id(self, FlowId flow)
    cpdef str uri(self, bytes target)
    @cython.locals(text=str)
    cpdef str short_uri(self, bytes target)
    @cython.locals(same=str)
    cpdef str text(self, bytes raw)
    cpdef str short_text(self, bytes raw)
    cpdef str long_str(self, str text, Py_ssize_t limit)
    @cython.locals(same=str)
    cpdef str short_str(self, str text)
    @cython.locals(known=str)
    cpdef str word(self, object member)
    cpdef str hex(self, bytes octets)
    @cython.locals(known=str)
    cpdef time(self, LineBuffer out, str name, object ns)
    @cython.locals(known=str)
    cpdef date(self, LineBuffer out, str name, object second)
