"""Data: sources, splits, order of images, augmentation, input stream."""

from suncet_jax.data.arrays import from_arrays
from suncet_jax.data.source import Dataset

__all__ = ["Dataset", "from_arrays"]
