"""From bytes and operations to the predicted time of a step.

A device computes its rows, and meanwhile or afterwards sends. Collectives are
made of parts: inside the group of fast links everything is first added up or
last told, and each device of a group exchanges its share with other groups.
"""

import math
from typing import NamedTuple

import scaling_bytes
from layers import Layer, resnet50
from scaling_bytes import Batch
from scaling_machines import Machine
from scaling_step import Network

# Combined by the compiler, as XLA does for GPUs with 30 MB each.
GRADIENT_COLLECTIVES = 4
# Gathers of embeddings (3) and labels, two scatters or gathers of the losses,
# sums and counts.
LOSS_COLLECTIVES = 8
# Of products in the losses.
LOSS_UTILISATION = 0.5
# A pair is in three products, the tile of each written and read twice.
PAIR_BYTES = 48
# Entries of a tile of `suncet_jax.losses` over devices.
TILE_SIZE = 4 * 1024**2
# The part of the time of the network that gradients can hide behind.
BACKWARD = 2 / 3


class Work(NamedTuple):
  """What a network costs.

  Attributes:
    operations: of a training step on one row.
    activations: bytes kept of one row for the backward pass.
    network: its sizes.
  """

  operations: float
  activations: float
  network: Network


class Times(NamedTuple):
  """Seconds of a step, by what they are spent on."""

  network: float
  losses: float
  norms: float
  embeddings: float
  gradients: float

  @property
  def in_turn(self) -> float:
    """Of a step in which nothing overlaps."""
    return sum(self)

  @property
  def overlapped(self) -> float:
    """Of a step whose gradients are sent during the backward pass."""
    hidden = min(self.gradients, BACKWARD * self.network)
    return self.in_turn - hidden


def resnet50_work(network: Network, embedding: int) -> Work:
  """Returns what ResNet-50 at 224 pixels with two dense layers costs.

  Args:
    network: its sizes.
    embedding: size of the projection.
  """
  convolutions = [Layer(224, 3, 64, 7, 2, 1), *resnet50()]
  products = 2048 * 2048 + 2048 * embedding
  outputs = 0
  for layer in convolutions:
    places = layer.times * (layer.size // layer.stride) ** 2
    outputs += places * layer.features
    products += places * layer.kernel**2 * layer.channels * layer.features
  # Backward there are two products where there is one forward. Kept are what
  # a convolution gives and, normalized, what the next one takes, in bfloat16.
  return Work(3 * 2 * products, 2 * 2 * outputs, network)


def predict(
  machine: Machine,
  work: Work,
  batch: Batch,
  device_count: int,
  utilisation: float,
) -> Times:
  """Predicts a step of SimCLR + SuNCEt.

  Args:
    machine: of which there are `device_count`.
    work: of the network.
    batch: of all devices together.
    device_count: a power of 2.
    utilisation: share of the machine's peak that the network reaches.
  """
  rows = (2 * batch.images + batch.labelled) / device_count
  sent = scaling_bytes.expected(work.network, batch)

  def seconds(count: int, passes: int, *purposes: str) -> float:
    size = sum(sent[name].size for name in purposes if name in sent)
    return collective(machine, passes * size, device_count, count)

  return Times(
    network=rows * work.operations / (machine.peak * utilisation),
    losses=_losses(machine, batch, device_count),
    norms=seconds(
      2 * work.network.waits, 2, scaling_bytes.NORMS, scaling_bytes.NORMS_BACK
    ),
    embeddings=seconds(
      LOSS_COLLECTIVES,
      1,
      scaling_bytes.EMBEDDINGS,
      scaling_bytes.LABELS,
      scaling_bytes.STATISTICS,
      scaling_bytes.EMBEDDINGS_BACK,
    ),
    gradients=seconds(GRADIENT_COLLECTIVES, 2, scaling_bytes.GRADIENTS),
  )


def collective(
  machine: Machine, size: float, device_count: int, count: int
) -> float:
  """Returns the seconds of collectives that wait for each other.

  Args:
    machine: whose links are used.
    size: bytes of all of them together, twice those of all-reduces.
    device_count: how many devices take part.
    count: how many collectives there are.
  """
  near = min(device_count, machine.group)
  groups = device_count // near
  latency = machine.start + machine.hop * machine.hops(near)
  latency += machine.phase * 2 * math.ceil(math.log2(groups))
  inside = size * (near - 1) / near / machine.inside
  outside = size * (groups - 1) / groups / near / machine.outside
  return count * latency + inside + outside


def _losses(machine: Machine, batch: Batch, device_count: int) -> float:
  """Returns the seconds of all pairs of rows that one device compares."""
  views, labelled = 2 * batch.images, batch.labelled
  # Keys, and products of each pair: value, value again and gradient; one more
  # for the accuracy of NT-Xent; uniformity has one, of half the rows.
  forms = ((views, 4), (batch.images, 1), (labelled, 3))
  seconds = 0.0
  for keys, products in forms:
    anchors = keys / device_count
    pairs = anchors * keys
    tile_rows = min(anchors, TILE_SIZE / keys)
    fill = min(1, tile_rows / machine.unit_rows)
    rate = machine.float32 * LOSS_UTILISATION * fill
    seconds += products * 2 * pairs * batch.embedding / rate
    seconds += products / 3 * pairs * PAIR_BYTES / machine.bandwidth
  return seconds
