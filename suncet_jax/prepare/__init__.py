"""The command that prepares TFDS data sets for random access."""
