"""The rows of the tables of losses: how many embeddings of which size."""

import argparse
from typing import NamedTuple

import numpy as np

_ROWS_PER_CLASS = 16


class Row(NamedTuple):
  """Embeddings [n, d] and their labels, the same for every column.

  Attributes:
    n: rows; the similarity matrix is n x n, and NT-Xent has n / 2 images.
    d: numbers of a row.
  """

  n: int
  d: int

  @property
  def title(self) -> str:
    """The row's name in tables and options."""
    return f"{self.n}x{self.d}"

  def embeddings(self) -> np.ndarray:
    """Returns standard normal rows [n, d], float32; both halves are a view."""
    random = np.random.default_rng(0)
    return random.standard_normal((self.n, self.d), np.float32)

  def images(self) -> np.ndarray:
    """Returns labels [n] for NT-Xent: row n / 2 + i is row i's other view."""
    return np.arange(self.n) % (self.n // 2)

  def classes(self) -> np.ndarray:
    """Returns labels [n] for SuNCEt: 16 rows of each class, in no order."""
    labels = np.arange(self.n) // _ROWS_PER_CLASS
    return np.random.default_rng(0).permutation(labels)


def parse(text: str) -> Row:
  """Returns the row of an option like "1024x128"."""
  try:
    n, d = map(int, text.split("x"))
  except ValueError as error:
    raise argparse.ArgumentTypeError(
      f"a row is written like 1024x128, got {text!r}"
    ) from error
  if d < 1 or n < 1 or n % (2 * _ROWS_PER_CLASS):
    raise argparse.ArgumentTypeError(
      f"rows come in multiples of {2 * _ROWS_PER_CLASS}, got {text!r}"
    )
  return Row(n, d)


def parse_all(text: str) -> list[Row]:
  """Returns the rows of a comma-separated option."""
  return [parse(part) for part in text.split(",")]
