"""The commands, one module a verb; the only package that prints."""
