"""Frames from network interfaces, behind the same seam as capture files; nothing here sends a packet."""
