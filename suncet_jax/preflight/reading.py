"""Reading: all that a compiled step tells of itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from suncet_jax.preflight.collectives import (
  Collective,
  collectives_of,
  through_links,
)
from suncet_jax.preflight.hlo import Program
from suncet_jax.preflight.memory import Memory, memory_of
from suncet_jax.preflight.operations import (
  OUR_MODEL,
  XLA_MODEL,
  Operation,
  by_part,
  dearest,
  operations,
  unknown_loops,
)
from suncet_jax.preflight.targets import Target


@dataclasses.dataclass(frozen=True)
class Reading:
  """What a compiled program tells, for one device unless it says otherwise.

  Attributes:
    target: Devices that it was compiled for.
    memory: Memory by what it is for.
    parts: Seconds of each part, by `model`.
    part_flops: Operations of products of each part, counted by us.
    dearest: Operations that take longest.
    collectives: Collectives of the program.
    flops: Operations of products in a step.
    size: Bytes read and written in a step.
    counted_by: Whose the two are, XLA's or ours.
    unknown_loops: Loops whose length is unknown; they are counted once.
  """

  target: Target
  memory: Memory
  parts: Mapping[str, float]
  part_flops: Mapping[str, float]
  dearest: Sequence[Operation]
  collectives: Sequence[Collective]
  flops: float
  size: float
  counted_by: str
  unknown_loops: int

  @property
  def model(self) -> str:
    """Whose estimate the seconds are."""
    return XLA_MODEL if self.target.chip.clock else OUR_MODEL

  @property
  def compute_seconds(self) -> float:
    """Seconds of a step without its collectives; an estimate of `model`."""
    return sum(self.parts.values())

  @property
  def collective_seconds(self) -> float:
    """Seconds of the collectives, if nothing hides them; our estimate."""
    if self.target.devices == 1:
      return 0.0
    count = sum(each.times for each in self.collectives)
    sent = through_links(self.collectives, self.target.devices)
    return self.target.collective_seconds(count, sent)

  @property
  def seconds(self) -> float:
    """Seconds of a step, nothing hidden; an estimate."""
    return self.compute_seconds + self.collective_seconds

  @property
  def floor_seconds(self) -> float:
    """Seconds below which no such program gets: our bound, by bytes alone."""
    return self.size / self.target.chip.bandwidth

  @property
  def share_of_peak(self) -> float:
    """Share of the device's bfloat16 peak that a step reaches."""
    peak = self.target.chip.peak
    return self.flops / peak / self.seconds if self.seconds else 0.0

  def share_of_peak_in(self, part: str) -> float:
    """Returns the share of the bfloat16 peak that a part reaches.

    Args:
      part: Part of the step, one of `parts`.
    """
    flops = self.part_flops.get(part, 0.0)
    return flops / self.target.chip.peak / self.parts[part]

  def sent(self) -> dict[str, tuple[int, int]]:
    """Returns the number and the bytes of the collectives of each kind."""
    found: dict[str, tuple[int, int]] = {}
    for each in self.collectives:
      count, size = found.get(each.kind, (0, 0))
      found[each.kind] = (count + each.times, size + each.times * each.size)
    return found

  @property
  def sent_bytes(self) -> int:
    """Bytes of all collectives of a step."""
    return sum(size for _, size in self.sent().values())


def read(
  compiled: jax.stages.Compiled,
  target: Target,
  arguments: Mapping[str, Any],
  gradients: Any = (),
) -> Reading:
  """Reads a compiled program.

  Args:
    compiled: Compiled program.
    target: Devices that it is for.
    arguments: Its arguments by what they are for, as shapes.
    gradients: Shapes of the parameters that gradients are taken by.
  """
  program = Program(compiled.as_text() or "")
  found = operations(program, target.chip)
  analysis = compiled.cost_analysis()
  # Where XLA counts itself, as for TPUs, it knows of padding and of tiles; it
  # counts the body of a loop once.
  counts: Any = analysis if isinstance(analysis, dict) else {}
  is_xla = "flops" in counts
  return Reading(
    target=target,
    memory=memory_of(compiled, arguments, target.chip.memory, gradients),
    parts=by_part(found),
    part_flops=by_part(found, "flops"),
    dearest=dearest(found),
    collectives=collectives_of(program),
    flops=counts.get("flops", sum(each.flops for each in found)),
    size=counts.get("bytes accessed", sum(each.size for each in found)),
    counted_by="XLA" if is_xla else "us",
    unknown_loops=unknown_loops(program),
  )
