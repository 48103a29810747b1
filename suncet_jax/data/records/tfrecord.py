"""TFRecord files: whole shards, or single records by their position.

The format (tensorflow/core/lib/io/record_writer.h): per record 8 bytes of
length, 4 of checksum, the data, 4 of checksum; numbers in little endian.
"""

import itertools
import struct
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.data.errors import ImageError
from suncet_jax.data.records import example as examples
from suncet_jax.data.records.base import read_patiently
from suncet_jax.data.records.index import Index
from suncet_jax.files import storage

_HEAD_BYTES, _FOOT_BYTES = 12, 4
_FILES_AT_ONCE = 4


class Shard(NamedTuple):
  """A file of records.

  Attributes:
    path: Path of the file.
    length: Number of records.
  """

  path: epath.Path
  length: int

  def read(self) -> bytes:
    """Returns the whole file, after several tries if needed.

    Raises:
      ReadError: If all tries fail.
    """
    return read_patiently(lambda: storage.read(self.path), str(self.path))


class TfrecordRecords:
  """Records of TFRecord files, on disk or in a bucket.

  A record is taken from its shard if that is in memory (`hold`), otherwise read
  on its own. The few labelled records do not wait for their shard, and stay in
  memory (`keep`).

  Attributes:
    labels: Labels, int32 [n].
    names: Image names in the same order, or None.
    shard_starts: Index of the first record of each shard, int64 [s].
  """

  def __init__(self, shards: Sequence[Shard], index: Index) -> None:
    """Initializes without reading.

    Args:
      shards: Files of the records, in order.
      index: Index of all records.
    """
    self.labels = index.labels
    self.names = index.names.tolist() or None
    lengths = [shard.length for shard in shards]
    self.shard_starts = np.cumsum([0, *lengths[:-1]])
    self._shards, self._index = shards, index
    self._held: dict[int, Future[bytes]] = {}
    self._kept: dict[int, bytes] = {}
    self._to_keep: frozenset[int] = frozenset()
    self._lock = threading.Lock()
    self._readers = ThreadPoolExecutor(_FILES_AT_ONCE, "shards")

  def hold(self, shards: Sequence[int]) -> None:
    """Reads shards into memory in the background and drops all others."""
    with self._lock:
      for shard in self._held.keys() - set(shards):
        self._held.pop(shard).cancel()
      for shard in shards:
        if shard not in self._held:
          read = self._shards[shard].read
          self._held[shard] = self._readers.submit(read)

  def keep(self, indices: np.ndarray) -> None:
    """Keeps these records in memory from their first reading on."""
    self._to_keep = frozenset(indices.tolist())

  def read(self, index: int) -> bytes:
    """Returns an encoded image.

    Raises:
      OSError: If the record cannot be read.
    """
    kept = self._kept.get(index)
    if kept is not None:
      return kept
    image = examples.parse(self._serialized(index)).image
    if index in self._to_keep:
      self._kept[index] = image
    return image

  def bytes_of(self, indices: np.ndarray) -> int:
    """Returns the memory that records take, in bytes."""
    return int(self._index.sizes[indices].sum())

  def bytes_of_largest(self, count: int) -> int:
    """Returns the memory that the `count` largest shards take, in bytes."""
    sizes = np.add.reduceat(self._index.sizes, self.shard_starts)
    return int(np.sort(sizes)[-count:].sum())

  def _serialized(self, index: int) -> bytes:
    start, size = int(self._index.starts[index]), int(self._index.sizes[index])
    shard = int(np.searchsorted(self.shard_starts, index, side="right")) - 1
    with self._lock:
      held = self._held.get(shard)
    # Reading a kept record alone is faster than waiting for its whole shard.
    if held and (held.done() or index not in self._to_keep):
      return held.result()[start : start + size]
    return storage.read_range(self._shards[shard].path, start, size)


def scan(shards: Sequence[Shard]) -> Index:
  """Reads all shards once to make their index.

  Raises:
    ReadError: If a shard cannot be read.
    ImageError: If a shard is damaged or has another length.
  """
  with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
    parts = list(pool.map(_scan_shard, shards))
  labels, names, starts, sizes = map(
    list, map(itertools.chain.from_iterable, zip(*parts, strict=True))
  )
  return Index(
    np.array(labels, np.int32),
    np.array([name for name in names if name is not None], str),
    np.array(starts, np.int64),
    np.array(sizes, np.int64),
  )


def _scan_shard(shard: Shard) -> tuple[list, list, list, list]:
  """Returns labels, names, starts and sizes of the records of a shard."""
  content = shard.read()
  places = list(_places(content, str(shard.path)))
  if len(places) != shard.length:
    raise ImageError(
      f"{shard.path} has {len(places)} records, expected {shard.length} as its "
      "data set says; prepare it again."
    )
  try:
    found = [examples.parse(content[a : a + size]) for a, size in places]
  except ImageError as error:
    raise ImageError(f"{shard.path}: {error}; prepare it again.") from error
  starts, sizes = zip(*places, strict=True) if places else ((), ())
  return (
    [example.label for example in found],
    [example.name for example in found],
    list(starts),
    list(sizes),
  )


def _places(content: bytes, name: str) -> Iterator[tuple[int, int]]:
  """Yields the first byte of each record's data, and its size."""
  place = 0
  while place < len(content):
    head = content[place : place + _HEAD_BYTES]
    size = struct.unpack_from("<Q", head)[0] if len(head) == _HEAD_BYTES else 0
    end = place + _HEAD_BYTES + size + _FOOT_BYTES
    if len(head) < _HEAD_BYTES or end > len(content):
      raise ImageError(f"{name} is cut off at byte {place}; fetch it again.")
    yield place + _HEAD_BYTES, size
    place = end
