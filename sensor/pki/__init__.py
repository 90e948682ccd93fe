"""Certificates, names, serials and issuers; and the bounded DER walker that reads them and OCSP."""
