# Where the fields of the records of sensor.privacy.leak lie, so that compiled code need not look them up by name.
# A Struct without garbage collection is its fields in alphabetical order. tests/project/test_structs.py holds this to
# the records; modules compiled for another size of one refuse to start. All fields are `object`: what is made of one
# is checked where it is put into a typed name.

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *channel, *evidence, *exchange, *flow, *foreign_responder,
        *found_in, *grade, *issuer, *names, *names_total, *not_after, *not_before, *serial_number, *site,
        *sites_total, *software, *times_seen, *ts; } LeakStruct;
    typedef struct { PyObject_HEAD PyObject *found_in, *grade, *issuer, *names, *names_total, *not_after,
        *not_before, *responders, *site, *sites_total; } VerdictStruct;
    """

    ctypedef class sensor.privacy.leak.Leak [object LeakStruct, check_size error]:
        cdef object channel, evidence, exchange, flow, foreign_responder, found_in, grade, issuer, names, names_total
        cdef object not_after, not_before, serial_number, site, sites_total, software, times_seen, ts

    ctypedef class sensor.privacy.leak.Verdict [object VerdictStruct, check_size error]:
        cdef object found_in, grade, issuer, names, names_total, not_after, not_before, responders, site, sites_total
