"""Labels as callers give them: exact integers, or an error with the mend."""

import numbers

import numpy as np
from numpy.typing import ArrayLike, DTypeLike


def exact_integers(
  name: str, labels: ArrayLike, *, where: str = ""
) -> np.ndarray:
  """Returns labels on the host, none of them rounded or wrapped.

  Args:
    name: Name of the labels in the message.
    labels: Integer labels.
    where: Beginning of the message.

  Returns:
    Integers, or Python's integers in an array of objects where some are beyond
    64 bits.

  Raises:
    TypeError: They are not integers, or some are masked.
  """
  if np.ma.is_masked(labels):
    raise TypeError(
      f"{where}{name} are a masked array: expected integers, got "
      f"masked ones. With {name}.filled(-1) those are unlabelled."
    )
  try:
    values = np.asarray(labels)
  except ValueError as error:  # rows of unequal lengths
    raise TypeError(
      f"{where}{name} must be integers, one per row: {error}"
    ) from None
  if values.dtype.kind in "iu":
    return values
  # NumPy makes floats of a list of signed integers and one beyond 63 bits.
  is_list = isinstance(labels, list | tuple)
  entries = np.asarray(labels, object) if is_list else values
  if entries.dtype == object and all(map(_is_integer, entries.flat)):
    return entries if entries.size else entries.astype(np.int64)
  raise TypeError(
    f"{where}{name} have the wrong dtype: expected integers, got "
    f"{values.dtype}." + mend(name, values.shape, values.dtype)
  )


def _is_integer(entry: object) -> bool:
  return isinstance(entry, numbers.Integral) and not isinstance(entry, bool)


def mend(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> str:
  """Returns advice on labels that are not one integer per row, or "".

  Args:
    name: Name of the labels.
    shape: Shape of the labels.
    dtype: Dtype of the labels.
  """
  kind = np.dtype(dtype).kind
  if len(shape) == 2 and shape[1] == 1:
    return f" Take {name}[:, 0]."
  if len(shape) == 2 and kind in "iufb":
    return f" If they are one-hot, take {name}.argmax(axis=1)."
  if kind in "fb":
    return (
      f" Take {name}.astype(np.int32) if they are whole numbers; -1 means "
      "unlabelled."
    )
  if kind in "USO":
    return f" Number them: np.unique({name}, return_inverse=True)[1]."
  return ""
