"""What predictions of `benchmarks.scaling` take for granted of accelerators.

Figures of vendors and estimates are marked as such; all others are assumptions,
round on purpose. None was measured by this project.
"""

from typing import NamedTuple

from suncet_jax.preflight.operations import OUR_MODEL, XLA_MODEL


class Estimate(NamedTuple):
  """What `suncet_jax.preflight` says of a step of configs/imagenet.py.

  Seconds of one device, in bfloat16, without collectives.

  Attributes:
    source: Devices that the step was compiled for.
    model: Whose estimate it is.
    rows: Rows of the device.
    forward: Seconds of the network, forward.
    backward: Seconds of the network, backward.
    augmentation: Seconds of the augmentation, and of operations whose part XLA
      does not tell.
    update: Seconds of optimizer, check for finite numbers and log, which do not
      depend on the number of rows.
  """

  source: str
  model: str
  rows: int
  forward: float
  backward: float
  augmentation: float
  update: float

  @property
  def network(self) -> float:
    """Seconds of the network, forward and backward."""
    return self.forward + self.backward


class Machine(NamedTuple):
  """An accelerator and its links to others.

  Attributes:
    title: Title of its tables.
    peak: Operations per second of bfloat16 products; vendor.
    estimate: Estimate of a step; a compiler's, or by a compiler's program.
    float32: Operations per second of products to full float32 precision.
    unit_rows: Rows below which a product leaves its unit partly empty.
    memory: Bytes of a device; vendor.
    bandwidth: Bytes per second of that memory; vendor.
    group: Devices with fast links between them: a slice, or a host; vendor.
    is_torus: Whether messages pass through the devices of a group.
    inside: Bytes per second that a device sends to its group.
    outside: Bytes per second that a device sends to other groups; vendor.
    start: Seconds before a collective begins.
    hop: Seconds from a device to the next inside a group.
    phase: Seconds of a message between groups.
  """

  title: str
  peak: float
  estimate: Estimate
  float32: float
  unit_rows: int
  memory: float
  bandwidth: float
  group: int
  is_torus: bool
  inside: float
  outside: float
  start: float
  hop: float
  phase: float

  def hops(self, device_count: int) -> int:
    """Returns the number of hops of an all-reduce among devices of a group."""
    if device_count == 1:
      return 0
    if not self.is_torus:
      return 2  # to the switch's other side, and back
    long = 1 << (device_count.bit_length() // 2)
    return long + device_count // long


TPU_V5E = Machine(
  title="TPU v5e",
  peak=197e12,
  estimate=Estimate(
    source="v5e:8x8",
    model=XLA_MODEL,
    rows=128,
    forward=29.06e-3,
    backward=42.38e-3,
    augmentation=3.43e-3,
    update=2.88e-3,
  ),
  float32=197e12 / 6,  # six bfloat16 passes
  unit_rows=128,
  memory=16e9,
  bandwidth=819e9,
  group=256,
  is_torus=True,
  inside=100e9,  # half of what its four links send
  outside=6.4e12 / 8 / 256,
  start=2e-6,
  hop=1e-6,
  phase=25e-6,
)

H100 = Machine(
  title="H100 SXM",
  peak=989e12,
  estimate=Estimate(
    source="h100x8",
    model=OUR_MODEL,
    rows=1024,
    forward=38.13e-3,
    backward=81.74e-3,
    augmentation=7.24e-3,
    update=2.02e-3,
  ),
  float32=67e12,
  unit_rows=32,
  memory=80e9,
  bandwidth=3350e9,
  group=8,
  is_torus=False,
  inside=0.8 * 450e9,
  outside=0.8 * 50e9,
  start=5e-6,
  hop=5e-6,
  phase=5e-6,
)

MACHINES = (TPU_V5E, H100)
