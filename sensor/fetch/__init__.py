"""What clients fetch beside OCSP to check a certificate: CRLs and issuers' certificates, over HTTP in clear."""
