# Types for the compiled form of weight.py; see setup.py.
cimport cython
from sensor.http.messages cimport Messages
from sensor.http.pairing cimport Exchange, Pairing
from sensor.http.side cimport Side

@cython.locals(kept="long long", window="long long", octets="long long", charged="long long", side=Side, pairing=Pairing, waiting=list, exchange=Exchange)
cpdef tuple weigh_reader(Messages messages)
@cython.locals(target=bytes)
cpdef long long weigh_message(object half) except -1
cdef long long _of_fields(object fields) except -1
cdef long long _of_files(tuple files) except -1
