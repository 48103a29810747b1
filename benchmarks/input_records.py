"""Image files in memory, as the records of an `EncodedSource`."""

from collections.abc import Sequence

import numpy as np


class MemoryRecords:
  """A few image files that stand for any number of records.

  Attributes:
    labels: int32 [n].
    names: None.
  """

  names = None

  def __init__(self, files: Sequence[bytes], labels: np.ndarray) -> None:
    """Takes files, which are given out in turn, and a label per record."""
    self._files, self.labels = files, labels

  def read(self, index: int) -> bytes:
    """Returns an image file."""
    return self._files[index % len(self._files)]
