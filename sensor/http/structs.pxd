# Where the fields of the records of sensor.http.transaction lie, so that compiled code need not look them up by name.
# A Struct without garbage collection is its fields in alphabetical order. tests/project/test_structs.py holds this to
# the records; modules compiled for another size of one refuse to start. All fields are `object`: what is made of one
# is checked where it is put into a typed name.

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *md5, *sha1, *sha256; } DigestsStruct;
    typedef struct { PyObject_HEAD PyObject *content, *content_type, *depth, *digests, *filename, *first_ts,
        *fuid, *is_orig, *last_ts, *mime_type, *missing_bytes, *overflow_bytes, *parent_fuid, *reading,
        *seen_bytes, *timedout, *total_bytes; } BodyFileStruct;
    typedef struct { PyObject_HEAD PyObject *name, *value; } HeaderStruct;
    typedef struct { PyObject_HEAD PyObject *body_len, *complete, *files, *headers, *host, *method, *notable,
        *target, *ts, *user_agent, *version; } HttpRequestStruct;
    typedef struct { PyObject_HEAD PyObject *body_len, *complete, *files, *headers, *info_code, *info_msg,
        *notable, *status_code, *status_msg, *ts, *version; } HttpResponseStruct;
    typedef struct { PyObject_HEAD PyObject *ambiguous, *flow, *request, *response, *trans_depth,
        *ts; } HttpTransactionStruct;
    """

    ctypedef class sensor.http.transaction.Digests [object DigestsStruct, check_size error]:
        cdef object md5, sha1, sha256

    ctypedef class sensor.http.transaction.BodyFile [object BodyFileStruct, check_size error]:
        cdef object content, content_type, depth, digests, filename, first_ts, fuid, is_orig, last_ts, mime_type
        cdef object missing_bytes, overflow_bytes, parent_fuid, reading, seen_bytes, timedout, total_bytes

    ctypedef class sensor.http.transaction.Header [object HeaderStruct, check_size error]:
        cdef object name, value

    ctypedef class sensor.http.transaction.HttpRequest [object HttpRequestStruct, check_size error]:
        cdef object body_len, complete, files, headers, host, method, notable, target, ts, user_agent, version

    ctypedef class sensor.http.transaction.HttpResponse [object HttpResponseStruct, check_size error]:
        cdef object body_len, complete, files, headers, info_code, info_msg, notable, status_code, status_msg, ts
        cdef object version

    ctypedef class sensor.http.transaction.HttpTransaction [object HttpTransactionStruct, check_size error]:
        cdef object ambiguous, flow, request, response, trans_depth, ts
