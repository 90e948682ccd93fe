# Where the fields of the records of sensor.http.transaction, and the settings of http, lie, so that compiled code need not look them up by name.
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
    typedef struct { PyObject_HEAD PyObject *hash_bodies, *max_chunk_extension_bytes, *max_cleartext_items,
        *max_codings, *max_counted_inflated_bytes, *max_form_bytes, *max_header_bytes, *max_headers,
        *max_inflate_ratio, *max_inflated_bytes, *max_informational, *max_line_bytes, *max_parts, *max_pending,
        *max_request_body_bytes, *max_response_body_bytes, *max_search_bytes, *max_second_reading_bytes,
        *max_second_readings, *max_target_bytes, *max_trailer_bytes, *max_tunnels; } HttpSettingsStruct;
    typedef struct { PyObject_HEAD PyObject *body_len, *complete, *files, *headers, *host, *method, *notable,
        *target, *ts, *user_agent, *version; } HttpRequestStruct;
    typedef struct { PyObject_HEAD PyObject *body_len, *complete, *files, *headers, *info_code, *info_msg,
        *notable, *status_code, *status_msg, *ts, *version; } HttpResponseStruct;
    typedef struct { PyObject_HEAD PyObject *ambiguous, *flow, *repeated, *request, *response,
        *trans_depth, *ts; } HttpTransactionStruct;
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
        cdef object ambiguous, flow, repeated, request, response, trans_depth, ts

    ctypedef class sensor.settings.HttpSettings [object HttpSettingsStruct, check_size error]:
        cdef object hash_bodies, max_chunk_extension_bytes, max_cleartext_items, max_codings
        cdef object max_counted_inflated_bytes, max_form_bytes, max_header_bytes, max_headers, max_inflate_ratio
        cdef object max_inflated_bytes, max_informational, max_line_bytes, max_parts, max_pending
        cdef object max_request_body_bytes, max_response_body_bytes, max_search_bytes, max_second_reading_bytes
        cdef object max_second_readings, max_target_bytes, max_trailer_bytes, max_tunnels
