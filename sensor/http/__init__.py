"""In-order bytes of one flow in, HTTP transactions out. Passive: it logs what it cannot accept."""
