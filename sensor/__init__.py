"""ocspwatch: which client told the network, by OCSP in plaintext, which site it visits."""

__version__ = "0.1.0"
