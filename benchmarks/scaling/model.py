"""Predicted time of a step from its bytes and operations.

A device computes its rows and sends, at the same time or afterwards. A
collective has parts: it reduces inside the group of fast links first (or
broadcasts there last), and each device of a group exchanges its share with
other groups.
"""

import math
from typing import NamedTuple

from benchmarks.scaling import traffic
from benchmarks.scaling.machines import Machine
from benchmarks.scaling.step import Network
from benchmarks.scaling.traffic import Batch
from benchmarks.step.layers import Layer, resnet50
from suncet_jax.losses._row_blocks import TILE_SIZE

# Combined by the compiler, as XLA does for GPUs with 30 MB each.
GRADIENT_COLLECTIVES = 4
# Gathers of embeddings (3) and labels, two scatters or gathers of the losses,
# sums and counts.
LOSS_COLLECTIVES = 8
# Utilization of products in the losses.
LOSS_UTILIZATION = 0.5
# A pair is in three products, the tile of each written and read twice.
PAIR_BYTES = 48
# Assumed: how many times as long as estimated the network takes at worst.
SLOWER = 2


class Work(NamedTuple):
  """Work of a network.

  Attributes:
    operations: Operations of a training step on one row.
    activations: Bytes kept of one row for the backward pass.
    network: Sizes of the network.
  """

  operations: float
  activations: float
  network: Network


class Times(NamedTuple):
  """Seconds of a step, by what they are spent on.

  Attributes:
    forward: The network, forward.
    backward: The network, backward.
    other: Augmentation, optimizer, check for finite numbers and log.
    losses: Losses and their gradient.
    norms: Sums of batch norms between devices.
    embeddings: Embeddings between devices.
    gradients: Gradients between devices.
  """

  forward: float
  backward: float
  other: float
  losses: float
  norms: float
  embeddings: float
  gradients: float

  @property
  def in_turn(self) -> float:
    """Seconds of a step in which nothing overlaps."""
    return sum(self)

  @property
  def overlapped(self) -> float:
    """Seconds of a step that sends gradients during the backward pass."""
    hidden = min(self.gradients, self.backward)
    return self.in_turn - hidden


def resnet50_work(network: Network, embedding: int) -> Work:
  """Returns the work of ResNet-50 at 224 pixels with two dense layers.

  Args:
    network: Sizes of the network.
    embedding: Size of the projection.
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
  slower: float = 1,
) -> Times:
  """Predicts a step of SimCLR + SuNCEt.

  Args:
    machine: Machine that trains.
    work: Work of the network.
    batch: Batch of all devices together.
    device_count: Number of devices, a power of 2.
    slower: How many times as long as estimated the network takes.
  """
  rows = (2 * batch.images + batch.labelled) / device_count
  sent = traffic.expected(work.network, batch)
  estimate = machine.estimate
  share = rows / estimate.rows

  def seconds(count: int, passes: int, *purposes: str) -> float:
    size = sum(sent[name].size for name in purposes if name in sent)
    return collective(machine, passes * size, device_count, count)

  return Times(
    forward=slower * share * estimate.forward,
    backward=slower * share * estimate.backward,
    other=share * estimate.augmentation + estimate.update,
    losses=_losses(machine, batch, device_count),
    norms=seconds(2 * work.network.waits, 2, traffic.NORMS, traffic.NORMS_BACK),
    embeddings=seconds(
      LOSS_COLLECTIVES,
      1,
      traffic.EMBEDDINGS,
      traffic.LABELS,
      traffic.STATISTICS,
      traffic.EMBEDDINGS_BACK,
    ),
    gradients=seconds(GRADIENT_COLLECTIVES, 2, traffic.GRADIENTS),
  )


def collective(
  machine: Machine, size: float, device_count: int, count: int
) -> float:
  """Returns the seconds of collectives that wait for each other.

  Args:
    machine: Machine whose links are used.
    size: Bytes of all of them together, twice those of all-reduces.
    device_count: Number of devices that take part.
    count: Number of collectives.
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
    rate = machine.float32 * LOSS_UTILIZATION * fill
    seconds += products * 2 * pairs * batch.embedding / rate
    seconds += products / 3 * pairs * PAIR_BYTES / machine.bandwidth
  return seconds
