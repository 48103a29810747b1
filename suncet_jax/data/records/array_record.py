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
_DAMAGE = "Corrupted Riegeli"  # in array_record's messages of damaged files


class ArrayRecords:
  """Records of array_record files.

  Attributes:
    labels: Labels, int32 [n].
    names: Image names in the same order, or None.
  """

  def __init__(self, serialized: Sequence[bytes], index: Index) -> None:
    """Initializes without reading.

    Args:
      serialized: Serialized examples by index, readable from any thread.
      index: Index of all records.
    """
    self.labels = index.labels
    self.names = index.names.tolist() or None
    self._serialized = serialized

  def read(self, index: int) -> bytes:
    """Returns an encoded image.

    Raises:
      OSError: If the record cannot be read.
      ImageError: If the record is damaged.
    """
    return examples.parse(_get(self._serialized, index)).image


def scan(serialized: Sequence[bytes]) -> Index:
  """Reads all records once to make their index.

  Raises:
    OSError: If a record cannot be read.
    ImageError: If a record is damaged.
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
  """Returns label, name and size of each record of a range."""
  found = []
  for index in rows:
    example = examples.parse(_get(serialized, index))
    found.append((example.label, example.name, len(example.image)))
  return found


def _get(serialized: Any, index: int) -> bytes:
  try:
    return serialized[index]
  except Exception as error:  # array_record's C++ part raises several classes
    if _DAMAGE in str(error):  # permanent: a further try would not help
      raise ImageError(str(error)) from error
    raise OSError(str(error)) from error
