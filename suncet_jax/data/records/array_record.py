"""Records of TFDS in array_record files: random access on a local disk."""

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from suncet_jax.data.errors import ImageError
from suncet_jax.data.records import example as examples
from suncet_jax.data.records.index import Index
from suncet_jax.devices.host import available_cpus

_RECORDS_PER_TASK = 1024
_DAMAGE = "Corrupted Riegeli"  # how array_record begins to say that


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
      index: Labels and names of all records.
    """
    self.labels = index.labels
    self.names = index.names.tolist() or None
    self._serialized = serialized

  def read(self, index: int) -> bytes:
    """Returns an encoded image.

    Raises:
      OSError: If it cannot be read.
      ImageError: If it is damaged.
    """
    return examples.parse(_get(self._serialized, index)).image


def scan(serialized: Sequence[bytes]) -> Index:
  """Reads all records once to make their index.

  Raises:
    OSError: If one cannot be read.
    ImageError: If one is damaged.
  """
  count = len(serialized)
  parts = [
    range(start, min(start + _RECORDS_PER_TASK, count))
    for start in range(0, count, _RECORDS_PER_TASK)
  ]
  with ThreadPoolExecutor(available_cpus()) as pool:
    found = [
      record
      for part in pool.map(functools.partial(_scan_part, serialized), parts)
      for record in part
    ]
  return Index(
    np.array([label for label, _, _ in found], np.int32),
    np.array([name for _, name, _ in found if name is not None], str),
    np.full(count, -1, np.int64),
    np.array([size for _, _, size in found], np.int64),
  )


def _scan_part(
  serialized: Sequence[bytes], rows: range
) -> list[tuple[int, str | None, int]]:
  """Returns label, name and size of some records."""
  found = []
  for index in rows:
    example = examples.parse(_get(serialized, index))
    found.append((example.label, example.name, len(example.image)))
  return found


def _get(serialized: Any, index: int) -> bytes:
  try:
    return serialized[index]
  except Exception as error:  # of array_record's C++ part, in several classes
    if _DAMAGE in str(error):  # no disk that is away for a moment
      raise ImageError(str(error)) from error
    raise OSError(str(error)) from error
