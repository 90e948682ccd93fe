"""From CertIDs to what is known of the certificates: the Certificate Transparency look-up cache."""
