"""Times the input: views per core, opening a stream, waiting for images."""
