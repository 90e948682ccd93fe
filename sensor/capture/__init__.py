"""Capture files and interfaces in, batches of frames out."""
