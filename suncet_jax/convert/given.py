"""Images as a caller gives them, an array or files, in batches of pixels."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from absl import logging
from numpy.typing import ArrayLike

from suncet_jax.convert import pixels
from suncet_jax.convert.weights import Images
from suncet_jax.data.errors import ImageError
from suncet_jax.data.folder.inputs import listed
from suncet_jax.data.images.prefetch import in_order
from suncet_jax.data.images.source import thread_pool
from suncet_jax.files import storage

Given = ArrayLike | os.PathLike | Sequence[os.PathLike]

_NAMED = 5  # bad images that are warned of one by one


class GivenImages:
  """Images to run through a network.

  Attributes:
    count: Number of images.
    paths: Paths of the files; None for an array.
    bad: Reasons why files cannot be decoded, by number, of those read so far.
  """

  def __init__(self, images: Given, spec: Images) -> None:
    """Lists files, or checks an array.

    Args:
      images: Array of images, or paths of files, folders and CSV lists, one or
        a sequence of them.
      spec: Preparation of images.

    Raises:
      TypeError: If an array has another dtype than images have.
      ValueError: If an array has another shape or range, or there is no image
        at a path.
    """
    self._spec = spec
    self.bad: dict[int, str] = {}
    self.paths: list[str] | None = None
    self._array = np.zeros(0)
    places = _places(images)
    if places:
      self.paths = [item.path for item in listed(places)]
      self.count = len(self.paths)
    else:
      self._array = pixels.checked(np.asarray(images), spec)
      self.count = len(self._array)

  def rows(self, most: int) -> int:
    """Returns the number of rows of a batch, at most `most`."""
    # Powers of two, so that calls with few images compile few programs.
    return min(most, 1 << max(self.count - 1, 0).bit_length())

  def batches(self, rows: int) -> Iterator[np.ndarray]:
    """Yields the pixels of so many images at a time, in order.

    Files are read ahead by threads. One that cannot be decoded is black, noted
    in `bad` and warned of.

    Args:
      rows: Number of images; the last batch may have fewer.
    """
    numbers = np.arange(self.count)
    parts = [numbers[i : i + rows] for i in range(0, self.count, rows)]
    if self.paths is None:
      for part in parts:
        yield pixels.prepared(self._array[part], self._spec)
      return
    yield from in_order(self._begin, parts)
    self._warn_of_others()

  def without_bad(self, made: np.ndarray, start: int = 0) -> np.ndarray:
    """Returns rows with not-a-number in place of those of bad images.

    Args:
      made: What was computed of images, [n, ...], float.
      start: Number of the first of them.
    """
    wrong = [i - start for i in self.bad if start <= i < start + len(made)]
    if not wrong:
      return made
    made = made.copy()
    made[wrong] = np.nan
    return made

  def _begin(self, part: np.ndarray) -> tuple[np.ndarray, list[Future]]:
    size, channels = self._spec.size, self._spec.channels
    out = np.zeros((len(part), size, size, channels), np.uint8)
    pool = thread_pool(0)
    return out, [
      pool.submit(self._read, int(number), out[row])
      for row, number in enumerate(part)
    ]

  def _read(self, number: int, out: np.ndarray) -> None:
    assert self.paths is not None
    path = self.paths[number]
    try:
      out[...] = pixels.decoded(storage.read(path), self._spec)
    except (ImageError, OSError) as error:
      self.bad[number] = str(error)
      if len(self.bad) <= _NAMED:
        logging.warning("%s cannot be decoded: %s", path, error)

  def _warn_of_others(self) -> None:
    if len(self.bad) > _NAMED:
      logging.warning(
        "%d of %d images cannot be decoded; the first are named above.",
        len(self.bad),
        self.count,
      )


def _places(images: Any) -> list[str]:
  """Returns the paths among what is given; empty for an array."""
  if isinstance(images, str | os.PathLike):
    return [os.fspath(images)]
  if isinstance(images, list | tuple) and images:
    if all(isinstance(one, str | os.PathLike) for one in images):
      return [os.fspath(one) for one in images]
  elif isinstance(images, np.ndarray) and images.dtype.kind == "U":
    return [str(one) for one in images.ravel()]
  return []
