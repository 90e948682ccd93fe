"""Where finished log lines go: one contract, one file for each place."""
