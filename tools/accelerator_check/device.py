"""What JAX tells of a device's memory."""

import jax


def peak_bytes(device: jax.Device) -> int | None:
  """Returns the most bytes that were in use; None where it is not counted.

  Args:
    device: Device of this process.
  """
  return (device.memory_stats() or {}).get("peak_bytes_in_use")


def is_out_of_memory(error: jax.errors.JaxRuntimeError) -> bool:
  """Returns whether memory was short.

  Args:
    error: Error of a compilation or a program.
  """
  return "RESOURCE_EXHAUSTED" in str(error)
