# Where the fields of the records of sensor.ocsp.model lie, so that compiled code need not look them up by name.
# A Struct without garbage collection is its fields in alphabetical order. tests/project/test_structs.py holds this to
# the records; modules compiled for another size of one refuse to start. All fields are `object`: what is made of one
# is checked where it is put into a typed name.

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *hash_algorithm, *issuer_key_hash, *issuer_name_hash,
        *serial_number; } CertIdStruct;
    typedef struct { PyObject_HEAD PyObject *ber, *cut, *explicit_version, *nonminimal, *null_parameters,
        *trailing_bytes; } RequestTraitsStruct;
    typedef struct { PyObject_HEAD PyObject *cert_ids, *cert_ids_total, *extensions, *nonce, *requestor_name,
        *signed_, *traits, *version; } OcspRequestStruct;
    typedef struct { PyObject_HEAD PyObject *archive_cutoff, *bad_times, *cert_id, *cert_status, *crl_url,
        *extensions, *next_update, *revocation_reason, *revocation_time, *sct_count, *this_update; }
        SingleResponseStruct;
    typedef struct { PyObject_HEAD PyObject *bad_times, *ber, *certs, *cut, *extended_revoke, *extensions,
        *nonce, *nonminimal, *produced_at, *responder_id, *response_type, *responses, *responses_total,
        *signature, *signature_algorithm, *signature_algorithm_der, *signature_oid, *status, *tbs_der,
        *trailing_bytes, *version; } OcspResponseStruct;
    typedef struct { PyObject_HEAD PyObject *ambiguous, *cert_id, *evidence, *flow, *host, *http_status,
        *http_version, *method, *orig_fuid, *request, *resp_fuid, *response, *response_ts, *single, *traits, *ts, *uri,
        *user_agent; } OcspExchangeStruct;
    """

    ctypedef class sensor.ocsp.model.CertId [object CertIdStruct, check_size error]:
        cdef object hash_algorithm, issuer_key_hash, issuer_name_hash, serial_number

    ctypedef class sensor.ocsp.model.RequestTraits [object RequestTraitsStruct, check_size error]:
        cdef object ber, cut, explicit_version, nonminimal, null_parameters, trailing_bytes

    ctypedef class sensor.ocsp.model.OcspRequest [object OcspRequestStruct, check_size error]:
        cdef object cert_ids, cert_ids_total, extensions, nonce, requestor_name, signed "signed_", traits, version

    ctypedef class sensor.ocsp.model.SingleResponse [object SingleResponseStruct, check_size error]:
        cdef object archive_cutoff, bad_times, cert_id, cert_status, crl_url, extensions, next_update
        cdef object revocation_reason, revocation_time, sct_count, this_update

    ctypedef class sensor.ocsp.model.OcspResponse [object OcspResponseStruct, check_size error]:
        cdef object bad_times, ber, certs, cut, extended_revoke, extensions, nonce, nonminimal, produced_at
        cdef object responder_id, response_type, responses, responses_total, signature, signature_algorithm
        cdef object signature_algorithm_der, signature_oid, status, tbs_der, trailing_bytes, version

    ctypedef class sensor.ocsp.model.OcspExchange [object OcspExchangeStruct, check_size error]:
        cdef object ambiguous, cert_id, evidence, flow, host, http_status, http_version, method, orig_fuid, request
        cdef object resp_fuid, response, response_ts, single, traits, ts, uri, user_agent
