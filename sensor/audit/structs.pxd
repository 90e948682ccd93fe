# Where the fields of what audit remembers of signatures lie; see http/structs.pxd.

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *bits, *final, *not_after, *not_before; } SignatureVerdictStruct;
    """

    ctypedef class sensor.audit.signature.Verdict [object SignatureVerdictStruct, check_size error]:
        cdef object bits, final, not_after, not_before
