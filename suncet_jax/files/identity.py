"""Tells whether two paths lead to the same file."""

import itertools
import os
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

from etils import epath

from suncet_jax.files.storage import in_bucket

_AT_ONCE = 16  # hides the latency of a network's file system
_PATHS_PER_TASK = 1024


def identity(path: epath.PathLike) -> Hashable:
  """Returns a key that all paths of one file or folder share.

  On a disk it is device and inode of what a path leads to in the end, so that
  symbolic links, hard links, "..", bind mounts and file systems that ignore
  case make no difference. In a bucket it is the path.
  """
  place = os.fspath(path)
  if in_bucket(place):
    return place
  try:
    status = os.stat(place)
  except OSError:  # a link to nowhere, for example: reading it will tell
    return os.path.realpath(place)
  # Some file systems in user space have no inodes.
  if not status.st_ino:
    return os.path.realpath(place)
  return status.st_dev, status.st_ino


def identities(paths: Sequence[str]) -> list[Hashable]:
  """Returns the keys of many paths, at the cost of one `stat` each."""
  parts = [
    paths[start : start + _PATHS_PER_TASK]
    for start in range(0, len(paths), _PATHS_PER_TASK)
  ]
  with ThreadPoolExecutor(_AT_ONCE) as pool:
    keys = pool.map(lambda part: [identity(path) for path in part], parts)
    return list(itertools.chain.from_iterable(keys))
