"""OCSP requests and replies out of HTTP transactions, joined into exchanges (RFC 6960, RFC 9919)."""
