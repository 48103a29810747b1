"""What process 0 knows, on all processes: everybody must call these."""

import json
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def is_first() -> bool:
  """Whether this is process 0, which alone writes a run's files."""
  return jax.process_index() == 0


def value_from_first(value: Any) -> Any:
  """Returns process 0's value, of JSON, on all processes.

  Args:
    value: What process 0 wants to tell; that of the others is not looked at.

  Returns:
    Process 0's value; with one process the very same.
  """
  if jax.process_count() == 1:
    return value
  text = json.dumps(value if is_first() else None).encode()
  size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
  padded = np.frombuffer(text.ljust(size)[:size], np.uint8)
  told = multihost_utils.broadcast_one_to_all(padded)
  return json.loads(np.asarray(told).tobytes())


def arrays_from_first(tree: Any) -> Any:
  """Returns process 0's pytree of NumPy arrays on all processes, bit for bit.

  Args:
    tree: Of the same structure, shapes and dtypes on every process.

  Returns:
    Process 0's arrays; with one process the very same.
  """
  if jax.process_count() == 1:
    return tree
  # The broadcast adds zeros, which would make a negative zero positive.
  told = multihost_utils.broadcast_one_to_all(
    jax.tree.map(lambda x: np.atleast_1d(x).view(np.uint8), tree)
  )
  return jax.tree.map(
    lambda x, bits: np.asarray(bits).view(x.dtype).reshape(x.shape), tree, told
  )
