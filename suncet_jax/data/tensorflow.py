"""TensorFlow reads, decodes and writes event files; it never computes."""

import tensorflow as tf


def hide_accelerators() -> None:
  """Keeps TensorFlow from taking the memory of JAX's devices."""
  for kind in ("GPU", "TPU"):
    tf.config.set_visible_devices([], kind)
