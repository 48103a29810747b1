"""The operations of a program, each with its time, part and source line."""

import collections
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from suncet_jax.preflight import costs
from suncet_jax.preflight.collectives import KINDS
from suncet_jax.preflight.hlo import Instruction, Program
from suncet_jax.preflight.parts import PARTS, part_of, source_of
from suncet_jax.preflight.targets import Chip

_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
# Assumed: seconds from one kernel of a GPU to the next, however small.
_LAUNCH = 2e-6
# Products in float32 with TF32, which NVIDIA's libraries use by default.
_WIDE = 0.5

XLA_MODEL = "XLA's cycle model"
OUR_MODEL = "ours, from operations, bytes and bandwidth"


class Operation(NamedTuple):
  """One operation that the device runs.

  Attributes:
    name: Name of the JAX operation, or else of the instruction.
    kind: Name of XLA's operation, such as "fusion".
    part: Part of the step, one of `PARTS`.
    source: Line that made it; empty if unknown.
    times: Number of executions in a step.
    seconds: Seconds of all executions.
    flops: Operations of products, of all executions.
    size: Bytes read and written, of all executions.
  """

  name: str
  kind: str
  part: str
  source: str
  times: int
  seconds: float
  flops: float
  size: float


def operations(program: Program, chip: Chip) -> list[Operation]:
  """Returns all that a device runs in a step, collectives left out.

  Args:
    program: Compiled program.
    chip: Kind of device that it is for.
  """
  return [
    _operation(program, each, chip)
    for each in program.operations()
    if not costs.is_free(each) and not each.opcode.startswith(KINDS)
  ]


def by_part(
  found: Iterable[Operation], field: str = "seconds"
) -> dict[str, float]:
  """Returns the seconds of each part of the step that has any.

  Args:
    found: Operations of the step.
    field: Field to add up, "seconds", "flops" or "size".
  """
  sums: dict[str, float] = collections.defaultdict(float)
  for each in found:
    sums[each.part] += getattr(each, field)
  return {part: sums[part] for part in PARTS if sums[part]}


def dearest(found: Iterable[Operation], count: int = 10) -> Sequence[Operation]:
  """Returns the operations that take longest, the longest first.

  Args:
    found: Operations of the step.
    count: Number of operations to return.
  """
  return sorted(found, key=lambda each: -each.seconds)[:count]


def unknown_loops(program: Program) -> int:
  """Returns the number of loops whose length the program does not tell.

  Args:
    program: Compiled program; such loops are counted once.
  """
  return sum(
    each.opcode == "while" and not program.times.get(each.called[0], 0)
    for each in program.operations()
  )


def _operation(
  program: Program, instruction: Instruction, chip: Chip
) -> Operation:
  frames = program.frames(instruction)
  times = program.times.get(instruction.computation, 0) or 1
  flops = costs.flops(program, instruction)
  size = costs.size(program, instruction)
  if chip.clock:
    cycles = _CYCLES.search(instruction.text)
    seconds = int(cycles[1]) / chip.clock if cycles else 0.0
  else:
    peak = chip.peak
    if flops and costs.is_wide(program, instruction):
      peak *= _WIDE
    seconds = max(flops / peak, size / chip.bandwidth, _LAUNCH)
  return Operation(
    instruction.op_name or instruction.name,
    instruction.opcode,
    part_of(instruction.op_name, frames),
    source_of(frames),
    times,
    times * seconds,
    times * flops,
    times * size,
  )
