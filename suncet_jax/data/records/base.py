"""Encoded images by index, the base of every source on disk."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from absl import logging

from suncet_jax.data.errors import ReadError

T = TypeVar("T")

# Seconds before each further try: a minute in all, for outages of a bucket.
_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

# Errors that a further try does not mend.
_PERMANENT = (
  FileNotFoundError,
  PermissionError,
  IsADirectoryError,
  NotADirectoryError,
)


class Records(Protocol):
  """Encoded images by index, from image files or records."""

  @property
  def labels(self) -> np.ndarray:
    """Labels, int32 [n]; -1 means unlabelled."""
    ...

  @property
  def names(self) -> Sequence[str] | None:
    """Image names in the same order, or None."""
    ...

  def read(self, index: int) -> bytes:
    """Returns an encoded image; safe to call from many threads.

    Raises:
      OSError: If the image cannot be read.
      ImageError: If the content is not an image.
    """
    ...


def name_of(records: Records, index: int) -> str:
  """Returns the name of an image for messages."""
  return records.names[index] if records.names else f"number {index}"


def read_patiently(read: Callable[[], T], what: str) -> T:
  """Reads with several tries, as disk and network may fail for a while.

  Args:
    read: Function that reads; raises OSError if it fails.
    what: Description of the content, for messages.

  Returns:
    The content.

  Raises:
    ReadError: If all tries fail, or the file is missing or not permitted to be
      read.
  """
  for delay in (*_DELAYS, None):
    try:
      return read()
    except _PERMANENT as error:
      raise ReadError(f"Reading {what} failed: {error}.") from error
    except OSError as error:
      if delay is None:
        raise ReadError(
          f"Reading {what} failed: {error}. Check disk and network."
        ) from error
      logging.warning(
        "Reading %s failed (%s); again in %g s.", what, error, delay
      )
      time.sleep(delay)
  raise AssertionError("the last try returns or raises")
