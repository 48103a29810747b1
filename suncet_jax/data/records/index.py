"""Labels, names and places of records, kept in a file beside the data.

Finding them means reading everything once; the file spares that.
"""

import contextlib
import hashlib
import io
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import logging
from etils import epath

from suncet_jax.files import storage
from suncet_jax.files.formats import read_npz

_ABSENT = (OSError, ValueError, KeyError)


class Index(NamedTuple):
  """Labels, names and places of n records.

  Attributes:
    labels: int32 [n]; -1: unlabelled.
    names: str [n], or empty where the records have none.
    starts: Byte at which each record's data begins in its file, int64 [n]; -1
      where that is not needed.
    sizes: Bytes of each record, int64 [n].
  """

  labels: np.ndarray
  names: np.ndarray
  starts: np.ndarray
  sizes: np.ndarray


def read_or_make(
  folder: epath.Path, name: str, count: int, make: Callable[[], Index]
) -> Index:
  """Returns an index from its file, or makes and keeps it.

  A folder that is not writable, such as a public bucket, has its indices in
  ~/.cache/suncet_jax.

  Args:
    folder: Folder of the data.
    name: Name of the index.
    count: Number of records that it must cover.
    make: Reads all records.

  Returns:
    The index.
  """
  places = (folder / f"suncet_jax-{name}.npz", _cached(folder, name))
  for place in places:
    # None yet, a damaged or an older one: it is made again below.
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


def _cached(folder: epath.Path, name: str) -> epath.Path:
  digest = hashlib.sha256(os.fspath(folder).encode()).hexdigest()[:16]
  home = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
  return epath.Path(home.expanduser() / "suncet_jax" / f"{digest}-{name}.npz")


def _read(place: epath.Path) -> Index:
  arrays = read_npz(storage.read(place))
  return Index(*(arrays[field] for field in Index._fields))


def _write(place: epath.Path, index: Index) -> None:
  content = io.BytesIO()
  np.savez_compressed(content, **index._asdict())
  storage.write(place, content.getvalue())
