"""Whether OCSP replies are sound: one closed set of findings, and the checks behind it."""
