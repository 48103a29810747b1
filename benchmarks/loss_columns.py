"""The columns of the tables of losses, and how large each can become."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from loss_rows import Row

_PROCESS_BYTES = 500 * 10**6  # an interpreter with its libraries
# Copies of the embeddings: rows, gradient and what is in between.
_EMBEDDING_BYTES = 40


class Column(NamedTuple):
  """What is timed.

  Attributes:
    title: in the table.
    maker: of the job, see `Worker`.
    arguments: of the maker, besides the row.
    most_rows: the largest n that is tried.
    matrix_bytes: what grows with the similarity matrix; an estimate that
      decides which columns can be in memory at once.
  """

  title: str
  maker: str
  arguments: Mapping[str, Any]
  most_rows: int
  matrix_bytes: Callable[[Row], int]

  def bytes_needed(self, row: Row) -> int:
    """Returns an estimate of what the process takes at most."""
    embeddings = _EMBEDDING_BYTES * row.n * row.d
    return _PROCESS_BYTES + embeddings + self.matrix_bytes(row)


def _per_pair(count: int) -> Callable[[Row], int]:
  return lambda row: count * row.n**2


def _optax_bytes(row: Row) -> int:
  # It subtracts and multiplies rows [1, n, d] by [n, 1, d], kept for backward.
  return (8 * row.d + 64) * row.n**2


def _metric_learning_bytes(row: Row) -> int:
  # It compares every positive pair (n of them) with every negative pair (n^2).
  return 30 * row.n**3


_NO_LIMIT = 2**31  # rows


def _ours(title: str, loss: str, form: str = "fp32") -> Column:
  arguments = {"loss": loss, "form": form}
  return Column(title, "loss_ours:make", arguments, _NO_LIMIT, _per_pair(0))


def _materialised(loss: str) -> Column:
  # Measured: 13 bytes per pair. At n = 32768 that would be 14 GB.
  column = _ours("ours materialised", loss, "materialised")
  return column._replace(most_rows=16384, matrix_bytes=_per_pair(14))


def _torch(title: str, loss: str, bytes_per_pair: int) -> Column:
  # At n = 32768 the plain formula alone would take more than 24 GB.
  return Column(
    title,
    "loss_torch:make",
    {"loss": loss},
    most_rows=16384,
    matrix_bytes=_per_pair(bytes_per_pair),
  )


LIMIT = Column("limit", "loss_limit_job:make", {}, _NO_LIMIT, _per_pair(0))

COLUMNS: dict[str, dict[str, Column]] = {
  "ntxent": {
    "ours_fp32": _ours("ours fp32", "ntxent"),
    "ours_bf16": _ours("ours bf16", "ntxent", "bf16"),
    "materialised": _materialised("ntxent"),
    "torch": _torch("PyTorch", "ntxent", 30),
    # 1 KB per pair at d = 128: 17.6 GB at n = 4096.
    "optax": Column("optax", "loss_optax:make", {}, 4096, _optax_bytes),
    "lightly": _torch("lightly", "lightly_ntxent", 48),
    "metric_learning": _torch(
      "pytorch-metric-learning", "metric_learning_ntxent", 0
    )._replace(most_rows=512, matrix_bytes=_metric_learning_bytes),
    "limit": LIMIT,
  },
  "suncet": {
    "ours_fp32": _ours("ours fp32", "suncet"),
    "ours_bf16": _ours("ours bf16", "suncet", "bf16"),
    "materialised": _materialised("suncet"),
    "torch": _torch("PyTorch", "suncet", 40),
    "ours_supcon": _ours("ours, SupCon", "supcon"),
    "metric_learning": _torch(
      "pytorch-metric-learning, SupCon", "metric_learning_supcon", 60
    ),
    "limit": LIMIT,
  },
}

# How many times as long the first takes as the second.
RATIOS: dict[str, tuple[tuple[str, str], ...]] = {
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
