"""Devices that programs can be compiled for, with what their vendors say."""

import dataclasses
import functools
import importlib.resources
import math
from typing import NamedTuple

from suncet_jax.errors import UserError

TPU, CUDA = "tpu", "cuda"


class Chip(NamedTuple):
  """A kind of device; figures are the vendor's unless they say otherwise.

  Attributes:
    title: Name that people know it by.
    platform: Platform of JAX, "tpu" or "cuda".
    peak: Operations per second of bfloat16 products, of one device.
    memory: Bytes of memory of one device.
    bandwidth: Bytes per second of that memory.
    links: Bytes per second that a device sends to its slice or host.
    axes: Largest number of chips along each axis of a topology; empty: GPUs.
    per_chip: Devices of a chip, as XLA counts them.
    flops_per_cycle: Operations of the matrix units in one of the compiler's
      cycles; 0: the compiler tells no cycles.
    options: Options of the compiler's topology.
  """

  title: str
  platform: str
  peak: float
  memory: float
  bandwidth: float
  links: float
  axes: tuple[int, ...] = ()
  per_chip: int = 1
  flops_per_cycle: int = 0
  options: tuple[tuple[str, str], ...] = ()

  @property
  def clock(self) -> float:
    """Cycles per second; 0: the compiler tells no cycles."""
    return self.peak / self.flops_per_cycle if self.flops_per_cycle else 0.0


# TPU: cloud.google.com/tpu/docs, pages v4, v5e, v5p, v6e and tpu7x; GPU:
# NVIDIA's data sheets of the SXM boards, dense. Links count one direction.
# Operations per cycle are the compiler's: a product of 8,192 x 8,192 in
# bfloat16 takes 81 to 90 % of them (v6e and tpu7x: 70 and 81 %) by libtpu
# 0.0.42, and the clock follows.
CHIPS = {
  "v4": Chip(
    "TPU v4", TPU, 275e12, 32e9, 1.228e12, 150e9, (16, 16, 16), 1, 1 << 18,
    (("chip_config_name", "megacore"),),
  ),
  "v5e": Chip(
    "TPU v5e", TPU, 197e12, 16e9, 819e9, 200e9, (16, 16), 1, 1 << 17
  ),
  "v5p": Chip(
    "TPU v5p", TPU, 459e12, 95e9, 2.765e12, 600e9, (16, 16, 24), 1, 1 << 18
  ),
  "v6e": Chip(
    "TPU v6e", TPU, 918e12, 32e9, 1.64e12, 448e9, (16, 16), 1, 1 << 19
  ),
  "tpu7x": Chip(
    "TPU7x (half a chip)", TPU, 2307e12 / 2, 96e9, 7.37e12 / 2, 300e9,
    (16, 16, 36), 2, 1 << 19,
  ),
  "a100": Chip("A100 SXM 80 GB", CUDA, 312e12, 80e9, 2.039e12, 300e9),
  "h100": Chip("H100 SXM", CUDA, 989e12, 80e9, 3.35e12, 450e9),
  "h200": Chip("H200 SXM", CUDA, 989e12, 141e9, 4.8e12, 450e9),
  "b200": Chip("B200 SXM", CUDA, 2250e12, 180e9, 7.7e12, 900e9),
}  # fmt: skip

# Assumed, as in docs/scaling.md: seconds until a collective begins, and of each
# hop; a switch is two hops, a torus the sum of its axes.
_START = {TPU: 2e-6, CUDA: 5e-6}
_HOP = {TPU: 1e-6, CUDA: 5e-6}
_PER_HOST = {TPU: 4, CUDA: 8}
# One port of 400 Gbit/s for each GPU; TPUs of a slice do not leave their links.
_BETWEEN_HOSTS = 50e9

_FORMS = "v5e:8x8, v4:2x2x1 or h100x8"


@dataclasses.dataclass(frozen=True)
class Target:
  """Some devices of one kind.

  Attributes:
    name: Name as the user gave it, such as "v5e:8x8".
    chip: Kind of the devices.
    axes: Chips along each axis; for GPUs their number alone.
  """

  name: str
  chip: Chip
  axes: tuple[int, ...]

  @property
  def devices(self) -> int:
    """Number of devices, as XLA counts them."""
    return math.prod(self.axes) * self.chip.per_chip

  @property
  def hosts(self) -> int:
    """Number of hosts: 4 TPU chips or 8 GPUs each."""
    chips = math.prod(self.axes)
    return math.ceil(chips / _PER_HOST[self.chip.platform])

  @property
  def topology(self) -> str:
    """Name of the topology, as XLA knows it."""
    if self.chip.platform == CUDA:
      return f"1x{self.hosts}x{self.devices // self.hosts}"
    return self.name

  def collective_seconds(self, count: int, sent: float) -> float:
    """Returns the seconds of collectives, one after the other; an estimate.

    Args:
      count: Number of collectives.
      sent: Bytes that each device sends in all of them.
    """
    platform = self.chip.platform
    hops = sum(self.axes) if platform == TPU else 2
    seconds = sent / self.chip.links
    if platform == CUDA and self.hosts > 1:
      # What the GPUs of a host have reduced goes out in as many parts.
      hops += 2 * math.ceil(math.log2(self.hosts))
      seconds += sent / _PER_HOST[CUDA] / _BETWEEN_HOSTS
    return seconds + count * (_START[platform] + hops * _HOP[platform])

  def options(self) -> dict[str, object]:
    """Returns further options of the topology."""
    found: dict[str, object] = dict(self.chip.options)
    if self.chip.platform == TPU and math.prod(self.axes) < _PER_HOST[TPU]:
      found["chips_per_host_bounds"] = (*self.axes, 1, 1)[:3]
    if self.chip.platform == CUDA:
      kind = self.name.rpartition("x")[0]
      found["target_config"] = description(kind)
    return found


def parse(text: str) -> list[Target]:
  """Returns the devices that a list names.

  Args:
    text: Names with commas between, such as "v5e:8x8,h100x8".

  Raises:
    ValueError: If a name is not one of a device, or of too many.
  """
  names = [name.strip().lower() for name in text.split(",") if name.strip()]
  if not names:
    raise UserError(f"--on is empty, expected devices such as {_FORMS}.")
  return [_parsed(name) for name in names]


def one(name: str) -> Target:
  """Returns the devices that a name means.

  Args:
    name: Name, such as "v5e:8x8".

  Raises:
    ValueError: If it is not a name of devices.
  """
  return _parsed(name.strip().lower())


def _parsed(name: str) -> Target:
  kind, colon, topology = name.partition(":")
  if not colon:
    kind, _, topology = name.rpartition("x")
  chip = CHIPS.get(kind)
  if chip is None or bool(colon) != (chip.platform == TPU):
    raise UserError(
      f"{name!r} is not a device; expected one of {', '.join(CHIPS)} with a "
      f"topology or a number, such as {_FORMS}."
    )
  sizes = topology.split("x")
  axes = tuple(int(n) for n in sizes if n.isdecimal())
  if len(axes) < len(sizes) or min(axes) < 1:
    raise UserError(f"{name!r} has no sizes, expected such as {_FORMS}.")
  fault = _gpu_fault if chip.platform == CUDA else _tpu_fault
  if said := fault(chip, axes):
    raise UserError(f"{name!r}: {said}")
  return Target(name, chip, axes)


def _gpu_fault(chip: Chip, axes: tuple[int, ...]) -> str:
  count = math.prod(axes)
  if count > _PER_HOST[CUDA] and count % _PER_HOST[CUDA]:
    return f"expected up to 8 of {chip.title}, or whole hosts of 8."
  return ""


def _tpu_fault(chip: Chip, axes: tuple[int, ...]) -> str:
  # Larger ones end the process: libtpu takes them for a defect of its own.
  limits = chip.axes
  if len(axes) == len(limits) and all(map(int.__le__, axes, limits)):
    return ""
  most, least = (
    "x".join(map(str, limits)),
    "x".join(("2", "2", "1")[: len(limits)]),
  )
  return (
    f"a topology of {chip.title} has {len(limits)} axes, up to {most} chips, "
    f"such as {least}."
  )


@functools.cache
def description(kind: str) -> str:
  """Returns the description of a GPU that XLA compiles for.

  Args:
    kind: Name of the GPU, such as "h100".
  """
  folder = importlib.resources.files("suncet_jax.preflight") / "targets"
  return (folder / f"{kind}.textproto").read_text(encoding="utf-8")
