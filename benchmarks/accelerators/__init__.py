"""Asks XLA's compilers what the pieces made for the CPU cost elsewhere."""
