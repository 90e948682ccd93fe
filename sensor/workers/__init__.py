"""Several processes that read the same captures and share the flows; what they make becomes the logs of one."""
