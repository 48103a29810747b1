"""Checks of arguments that several evaluations share."""

from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.errors import UserError
from suncet_jax.integers import exact_integers, mend


def check_matrix(name: str, array: jax.Array | np.ndarray) -> None:
  """Raises a ValueError unless the array is a matrix that is not empty."""
  if array.ndim != 2 or array.size == 0:
    raise UserError(
      f"{name} must be a matrix with at least one row and one column, got "
      f"shape {array.shape}."
    )


def checked_labels(
  name: str, labels: ArrayLike, count: int, class_count: int
) -> np.ndarray:
  """Returns the labels on the host after checking them.

  Args:
    name: Name of the labels in the message.
    labels: Integer labels.
    count: Expected number of labels.
    class_count: Number of classes, c; every label must be in [0, c).

  Returns:
    Labels [count], int32.

  Raises:
    TypeError: If they are not integers.
    ValueError: If there are not `count` of them, or one is outside [0, c).
  """
  values = exact_integers(name, labels)
  if values.shape != (count,):
    raise UserError(
      f"{name} must have shape ({count},), got {values.shape}."
      + mend(name, values.shape, values.dtype)
    )
  if values.min() < 0 or values.max() >= class_count:
    raise UserError(
      f"{name} must be in [0, {class_count}), got values from "
      f"{values.min()} to {values.max()}."
    )
  # Devices may have 32 bits only.
  return values.astype(np.int32)


def check_positive(**values: Any) -> None:
  """Raises a ValueError for the first value that is not above zero."""
  for name, value in values.items():
    if not value > 0:
      raise UserError(f"{name} must be > 0, got {value}.")
