"""Records of TFDS in array_record files: random access on a local disk."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from suncet_jax.data import examples
from suncet_jax.data.index import Index


class ArrayRecords:
  """Records of array_record files.

  Attributes:
    labels: int32 [n].
    names: Image names in the same order, or None.
  """

  def __init__(self, serialized: Sequence[bytes], index: Index) -> None:
    """Stores where the records are; reads none.

    Args:
      serialized: Gives serialized examples by index, from any thread.
      index: Of all records.
    """
    self.labels = index.labels
    self.names = index.names.tolist() or None
    self._serialized = serialized

  def read(self, index: int) -> bytes:
    """Returns an encoded image.

    Raises:
      OSError: If it cannot be read.
    """
    return examples.parse(_get(self._serialized, index)).image


def scan(serialized: Sequence[bytes]) -> Index:
  """Reads all records once to make their index.

  Raises:
    OSError: If one cannot be read.
  """
  found = [examples.parse(_get(serialized, i)) for i in range(len(serialized))]
  return Index(
    np.array([example.label for example in found], np.int32),
    np.array([e.name for e in found if e.name is not None], str),
    np.full(len(found), -1, np.int64),
    np.array([len(example.image) for example in found], np.int64),
  )


def _get(serialized: Any, index: int) -> bytes:
  try:
    return serialized[index]
  except Exception as error:  # of array_record's C++ part, in several classes
    raise OSError(str(error)) from error
