"""SwAV: swapped predictions of assignments to prototypes, without labels."""
