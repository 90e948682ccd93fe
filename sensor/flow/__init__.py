"""Frames in; TCP flows, their bytes in order, and what conn.log says of them out. Compiled where it can be."""
