"""TensorFlow reads, decodes and writes event files; it never computes."""


def hide_accelerators() -> None:
  """Keeps TensorFlow from taking the memory of JAX's devices."""
  # Takes seconds to import: what is refused before does not wait for it.
  import tensorflow as tf

  for kind in ("GPU", "TPU"):
    tf.config.set_visible_devices([], kind)
