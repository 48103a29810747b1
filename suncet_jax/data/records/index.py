"""Index of labels, names and positions of records, in a file beside the data.

Making an index means reading all records once; the file saves doing it again.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import logging
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.formats import read_npz
from suncet_jax.files.paths import expanded

_ABSENT = (OSError, ValueError, KeyError)


class Index(NamedTuple):
  """Labels, names and positions of n records.

  Attributes:
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: Image names, str [n], or empty if the records have none.
    starts: First byte of each record's data in its file, int64 [n]; -1 where
      not needed.
    sizes: Size of each record in bytes, int64 [n].
  """

  labels: np.ndarray
  names: np.ndarray
  starts: np.ndarray
  sizes: np.ndarray


def read_or_make(
  folder: epath.Path, name: str, count: int, make: Callable[[], Index]
) -> Index:
  """Reads an index from its file, or makes and keeps it.

  The index of a folder that is not writable, such as a public bucket, is kept
  in ~/.cache/suncet_jax.

  Args:
    folder: Folder of the data.
    name: Name of the index.
    count: Number of records that the index must cover.
    make: Function that reads all records to make the index.

  Returns:
    The index.
  """
  places = [folder / f"suncet_jax-{name}.npz", *_cached(folder, name)]
  for place in places:
    # A missing, damaged or outdated index is made again below.
    with contextlib.suppress(*_ABSENT):
      index = _read(place)
      if len(index.labels) == count:
        return index
  logging.warning(
    "Reading %d records of %s once, for their labels and names.", count, folder
  )
  index = make()
  for place in places:
    try:
      _write(place, index)
    except OSError as error:
      logging.warning("The index could not be kept in %s: %s", place, error)
    else:
      break
  return index


def _cached(folder: epath.Path, name: str) -> list[epath.Path]:
  """Returns the path in the user's cache; none where there is no home."""
  digest = hashlib.sha256(os.fspath(folder).encode()).hexdigest()[:16]
  try:
    cache = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
  except UserError:
    return []
  return [cache / "suncet_jax" / f"{digest}-{name}.npz"]


def _read(place: epath.Path) -> Index:
  arrays = read_npz(storage.read(place))
  return Index(*(arrays[field] for field in Index._fields))


def _write(place: epath.Path, index: Index) -> None:
  content = io.BytesIO()
  np.savez_compressed(content, **index._asdict())
  storage.write(place, content.getvalue())
