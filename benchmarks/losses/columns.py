"""Tables of losses: their rows, and the size limits of each column."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.harness.columns import Column, Pair

_ROWS_PER_CLASS = 16
_PROCESS_BYTES = 500 * 10**6  # an interpreter with its libraries
# Copies of the embeddings: rows, gradient and what is in between.
_EMBEDDING_BYTES = 40


class Embeddings(NamedTuple):
  """Embeddings [n, d] and their labels, the same for every column.

  Attributes:
    n: Number of embeddings; the similarity matrix is n x n, and NT-Xent has
      n / 2 images.
    d: Size of an embedding.
  """

  n: int
  d: int

  @property
  def title(self) -> str:
    """The row's name in tables and options."""
    return f"{self.n}x{self.d}"

  def values(self) -> np.ndarray:
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


def parse(text: str) -> Embeddings:
  """Returns the embeddings of an option like "1024x128"."""
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
  return Embeddings(n, d)


def parse_all(text: str) -> list[Embeddings]:
  """Returns the embeddings of a comma-separated option."""
  return [parse(part) for part in text.split(",")]


@dataclasses.dataclass(frozen=True)
class LossColumn(Column):
  """A column with limits on its size.

  Attributes:
    most_rows: Largest n that is tried.
    matrix_bytes: Function that estimates the bytes that grow with the
      similarity matrix; it decides which columns fit into memory together.
  """

  most_rows: int
  matrix_bytes: Callable[[Embeddings], int]

  def bytes_needed(self, row: Embeddings) -> int:
    """Returns an estimate of the peak memory of the process."""
    embeddings = _EMBEDDING_BYTES * row.n * row.d
    return _PROCESS_BYTES + embeddings + self.matrix_bytes(row)


def _per_pair(count: int) -> Callable[[Embeddings], int]:
  return lambda row: count * row.n**2


def _optax_bytes(row: Embeddings) -> int:
  # It subtracts and multiplies rows [1, n, d] by [n, 1, d], kept for backward.
  return (8 * row.d + 64) * row.n**2


def _metric_learning_bytes(row: Embeddings) -> int:
  # It compares every positive pair (n of them) with every negative pair (n^2).
  return 30 * row.n**3


_NO_LIMIT = 2**31  # rows


def _ours(title: str, loss: str, form: str = "fp32") -> LossColumn:
  arguments = {"loss": loss, "form": form}
  return LossColumn(
    title,
    "benchmarks.losses.jax_jobs:make_ours",
    arguments,
    _NO_LIMIT,
    _per_pair(0),
  )


def _materialized(loss: str) -> LossColumn:
  # Measured: 13 bytes per pair. At n = 32768 that would be 14 GB.
  column = _ours("ours materialised", loss, "materialised")
  return dataclasses.replace(
    column, most_rows=16384, matrix_bytes=_per_pair(14)
  )


def _torch(title: str, loss: str, bytes_per_pair: int) -> LossColumn:
  # At n = 32768 the plain formula alone would take more than 24 GB.
  return LossColumn(
    title,
    "benchmarks.losses.torch_jobs:make",
    {"loss": loss},
    most_rows=16384,
    matrix_bytes=_per_pair(bytes_per_pair),
  )


LIMIT = LossColumn(
  "limit", "benchmarks.losses.limit_job:make", {}, _NO_LIMIT, _per_pair(0)
)

COLUMNS: dict[str, dict[str, LossColumn]] = {
  "ntxent": {
    "ours_fp32": _ours("ours fp32", "ntxent"),
    "ours_bf16": _ours("ours bf16", "ntxent", "bf16"),
    "materialised": _materialized("ntxent"),
    "torch": _torch("PyTorch", "ntxent", 30),
    # 1 KB per pair at d = 128: 17.6 GB at n = 4096.
    "optax": LossColumn(
      "optax", "benchmarks.losses.jax_jobs:make_optax", {}, 4096, _optax_bytes
    ),
    "lightly": _torch("lightly", "lightly_ntxent", 48),
    "metric_learning": dataclasses.replace(
      _torch("pytorch-metric-learning", "metric_learning_ntxent", 0),
      most_rows=512,
      matrix_bytes=_metric_learning_bytes,
    ),
    "limit": LIMIT,
  },
  "suncet": {
    "ours_fp32": _ours("ours fp32", "suncet"),
    "ours_bf16": _ours("ours bf16", "suncet", "bf16"),
    "materialised": _materialized("suncet"),
    "torch": _torch("PyTorch", "suncet", 40),
    "ours_supcon": _ours("ours, SupCon", "supcon"),
    "metric_learning": _torch(
      "pytorch-metric-learning, SupCon", "metric_learning_supcon", 60
    ),
    "limit": LIMIT,
  },
}

# How many times as long the first takes as the second.
RATIOS: dict[str, tuple[Pair, ...]] = {
  "ntxent": (
    ("torch", "ours_fp32"),
    ("torch", "ours_bf16"),
    ("optax", "ours_fp32"),
    ("lightly", "ours_fp32"),
    ("metric_learning", "ours_fp32"),
    ("materialised", "ours_fp32"),
  ),
  "suncet": (
    ("torch", "ours_fp32"),
    ("torch", "ours_bf16"),
    ("metric_learning", "ours_supcon"),
    ("materialised", "ours_fp32"),
  ),
}

# What the limit of each dtype is compared with.
LIMITED = {"float32": "ours_fp32", "bfloat16": "ours_bf16"}

TITLES = {"ntxent": "NT-Xent", "suncet": "SuNCEt"}

NAMES = list(dict.fromkeys(name for each in COLUMNS.values() for name in each))
