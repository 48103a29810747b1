"""Data: sources, splits, sampling, augmentation and the input stream."""
