# Where the fields of the records of sensor.ct.lookup lie; see http/structs.pxd.

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *common_name, *name, *number; } IssuerStruct;
    typedef struct { PyObject_HEAD PyObject *certificate, *issuer, *learned_at, *source; } FoundStruct;
    """

    ctypedef class sensor.ct.lookup.Issuer [object IssuerStruct, check_size error]:
        cdef object common_name, name, number

    ctypedef class sensor.ct.lookup.Found [object FoundStruct, check_size error]:
        cdef object certificate, issuer, learned_at, source
