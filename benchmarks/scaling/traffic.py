"""Bytes that a training step sends, by purpose: counted and by formula."""

import collections
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.scaling.step import Network
from suncet_jax.losses._contrast import MANY_KEYS
from suncet_jax.preflight.collectives import Collective, Transfer

GRADIENTS = "gradients"
NORMS = "batch norm, forward"
NORMS_BACK = "batch norm, backward"
EMBEDDINGS = "embeddings"
LABELS = "labels"
STATISTICS = "log-sum-exps"
EMBEDDINGS_BACK = "gradients of embeddings"
SCALARS = "losses, metrics"
# Rows of images or activations on their way to another device, for example:
# there must be none.
OTHER = "anything else"

PURPOSES = (
  NORMS,
  EMBEDDINGS,
  LABELS,
  STATISTICS,
  EMBEDDINGS_BACK,
  SCALARS,
  NORMS_BACK,
  GRADIENTS,
  OTHER,
)

# Sums and counts of the two losses, accuracy, alignment and uniformity.
_SUMS, _COUNTS = 5, 4


class Sent(NamedTuple):
  """Traffic of a step for one purpose.

  Attributes:
    arrays: Number of arrays.
    size: Bytes of the arrays, each array counted whole and once.
  """

  arrays: int
  size: int


class Batch(NamedTuple):
  """The rows of a step, over all devices.

  Attributes:
    images: Unlabelled images, each seen as two views.
    labelled: Views of images with labels.
    embedding: Size of the projection.
  """

  images: int
  labelled: int
  embedding: int


def expected(network: Network, batch: Batch) -> dict[str, Sent]:
  """Returns the traffic of a SimCLR + SuNCEt step on two or more devices.

  Args:
    network: Sizes of the network, with parameters in float32.
    batch: Batch of the step.
  """
  views, labelled, size = 2 * batch.images, batch.labelled, batch.embedding
  whole = [rows for rows in (views, labelled) if rows < MANY_KEYS]
  # In blocks NT-Xent sends one number of each row, SuNCEt two.
  blocks = [
    count * rows
    for count, rows in ((1, views), (2, labelled))
    if rows >= MANY_KEYS
  ]
  # Uniformity gathers the first views once more, by themselves.
  gathered = views + batch.images + labelled
  floats = {
    NORMS: (2 * network.norms, 2 * network.channels),
    # They are the gradients of scale and bias, too.
    NORMS_BACK: (2 * network.norms, 2 * network.channels),
    GRADIENTS: (network.tensors, network.parameters - network.norm_parameters),
    EMBEDDINGS: (3, gathered * size),
    LABELS: (1, labelled),
    EMBEDDINGS_BACK: (len(whole), sum(whole) * size),
    STATISTICS: (len(blocks), sum(blocks)),
    SCALARS: (_SUMS + _COUNTS, _SUMS + _COUNTS),
  }
  return {
    purpose: Sent(arrays, 4 * count)
    for purpose, (arrays, count) in floats.items()
    if arrays
  }


def counted(found: Iterable[Collective]) -> dict[str, Sent]:
  """Adds up the traffic of a program.

  Args:
    found: Collectives of the program.

  Returns:
    Traffic by purpose; purposes without any are left out.

  Raises:
    ValueError: If a collective is in a loop of unknown length.
  """
  sizes: dict[str, list[int]] = collections.defaultdict(list)
  for collective in found:
    if not collective.times:
      raise ValueError(f"It is not known how often this runs: {collective}.")
    for transfer in collective.transfers:
      purpose = _purpose(collective.kind, transfer)
      sizes[purpose] += collective.times * [transfer.size]
  return {
    purpose: Sent(len(sizes[purpose]), sum(sizes[purpose]))
    for purpose in PURPOSES
    if purpose in sizes
  }


def total(sent: Mapping[str, Sent]) -> Sent:
  """Adds up all purposes."""
  arrays, sizes = zip(*sent.values(), strict=True) if sent else ((), ())
  return Sent(sum(arrays), sum(sizes))


def instructions(found: Iterable[Collective]) -> int:
  """Returns the number of collective instructions that a step executes."""
  return sum(collective.times for collective in found)


def _purpose(kind: str, transfer: Transfer) -> str:
  axes = len(transfer.shape)
  if kind == "all-reduce":
    return _purpose_of_sum(transfer)
  if kind == "reduce-scatter" and axes == 2:
    return EMBEDDINGS_BACK
  if kind != "all-gather" or axes > 2:
    return OTHER
  if transfer.dtype == "s32":
    return LABELS
  # [m], and [m, 2] of SuNCEt.
  return STATISTICS if transfer.shape[1:] in ((), (2,)) else EMBEDDINGS


def _purpose_of_sum(transfer: Transfer) -> str:
  if not transfer.shape:
    return SCALARS
  is_backward = "transpose(" in transfer.name
  if "norm" in transfer.name and len(transfer.shape) == 1:
    return NORMS_BACK if is_backward else NORMS
  return GRADIENTS if is_backward else OTHER
