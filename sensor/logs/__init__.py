"""Observations to log records in Zeek's form, and log records to files."""
