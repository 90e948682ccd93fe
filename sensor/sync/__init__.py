"""Certificate Transparency logs, read and verified: RFC 6962 and static-ct-api, from a log list into a BulkSink."""
