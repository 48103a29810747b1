"""Encoded images by index: what every source on disk is made of."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from absl import logging

from suncet_jax.data.errors import ReadError

# Seconds before each further try: a minute, as long as a bucket may be away.
_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

# No patience brings back a file that is gone, or opens one that is locked.
_PERMANENT = (
  FileNotFoundError,
  PermissionError,
  IsADirectoryError,
  NotADirectoryError,
)


class Records(Protocol):
  """Image files, or records that hold one each, by index."""

  @property
  def labels(self) -> np.ndarray:
    """int32 [n]; -1: unlabelled."""
    ...

  @property
  def names(self) -> Sequence[str] | None:
    """Image names in the same order, or None."""
    ...

  def read(self, index: int) -> bytes:
    """Returns an encoded image; safe to call from many threads.

    Raises:
      OSError: If it cannot be read.
      ImageError: If what is read holds no image.
    """
    ...


def name_of(records: Records, index: int) -> str:
  """Returns how to call an image in a message."""
  return records.names[index] if records.names else f"number {index}"


def read_patiently(read: Callable[[], bytes], what: str) -> bytes:
  """Reads something, again after a while where disk or network fail.

  Args:
    read: Raises OSError if it fails.
    what: Name of the thing that is read, for messages.

  Returns:
    What it returns.

  Raises:
    ReadError: If all tries fail, or the file is gone or may not be read.
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
