"""Collectives of a compiled program."""

import itertools
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from suncet_jax.preflight.hlo import Array, Instruction, Program, arrays

KINDS = (
  "all-reduce",
  "all-gather",
  "reduce-scatter",
  "all-to-all",
  "collective-permute",
  "collective-broadcast",
)

# The start of one of these has its operands in its result, too.
_WITH_OPERANDS = ("all-gather", "reduce-scatter", "collective-permute")
# What the start of one keeps for its end.
_CONTEXT = Array("u32", ())
# The end of an asynchronous one ("-done") sends nothing and is not matched.
_OPCODE = re.compile(rf"(?:ragged-)?({'|'.join(KINDS)})(-start)?")
# TPU's compiler writes an asynchronous collective into its own start and into
# every fusion that it goes on in; these have the place of its flag.
_GOES_ON = re.compile(r'"async_collective_fusion_config":\{"flag_start":"\d')


class Transfer(NamedTuple):
  """One array that a collective sends.

  Attributes:
    name: Name of the JAX operation that it comes from.
    dtype: Name of the dtype, e.g. "f32".
    shape: Shape of the whole array, as on every device before an all-reduce or
      a reduce-scatter, or after an all-gather.
  """

  name: str
  dtype: str
  shape: tuple[int, ...]

  @property
  def size(self) -> int:
    """Bytes of the whole array."""
    return Array(self.dtype, self.shape).size


class Collective(NamedTuple):
  """One instruction.

  Attributes:
    kind: Kind, one of `KINDS`.
    transfers: Arrays that it sends; several if the compiler combined them.
    times: Number of executions in a run of the program; 0: unknown.
  """

  kind: str
  transfers: tuple[Transfer, ...]
  times: int

  @property
  def size(self) -> int:
    """Bytes of its arrays, each counted whole and once."""
    return sum(transfer.size for transfer in self.transfers)


def found_in(text: str) -> list[Collective]:
  """Finds every collective of a program.

  Args:
    text: Text of the program from `jax.stages.Compiled.as_text`; empty: no
      collectives.
  """
  return collectives_of(Program(text)) if text else []


def collectives_of(program: Program) -> list[Collective]:
  """Finds every collective of a program.

  Args:
    program: Program to read.
  """
  return [
    _read(each, match, program.times.get(each.computation, 0))
    for each in itertools.chain.from_iterable(program.computations.values())
    if (match := _OPCODE.fullmatch(each.opcode))
    and not _GOES_ON.search(each.text)
  ]


def through_links(found: Iterable[Collective], device_count: int) -> float:
  """Returns the bytes that each device sends in the ring algorithms.

  An all-reduce sends every part twice, to reduce and to broadcast it; gathers
  and scatters send it once. No device sends its own part to itself.

  Args:
    found: Collectives of a program.
    device_count: Number of devices that run it.
  """
  share = (device_count - 1) / device_count
  return sum(
    each.times * share * (2 if each.kind == "all-reduce" else 1) * each.size
    for each in found
  )


def _read(
  instruction: Instruction, match: re.Match[str], times: int
) -> Collective:
  kind, start = match.groups()
  sent = arrays(instruction.result)
  if start and kind in _WITH_OPERANDS:
    sent = [each for each in sent if each != _CONTEXT]
    sent = sent[len(sent) // 2 :]  # after the operands
  line = instruction.text
  if kind == "reduce-scatter":
    sent = [Array(d, _scattered(shape, line)) for d, shape in sent]
  names = _names(instruction.op_name, len(sent))
  transfers = (
    Transfer(name, *array) for name, array in zip(names, sent, strict=True)
  )
  return Collective(kind, tuple(transfers), times)


def _scattered(shape: tuple[int, ...], line: str) -> tuple[int, ...]:
  """Returns the shape before a reduce-scatter, from the one after it."""
  axis = re.search(r"dimensions=\{(\d+)\}", line)
  size = _group_size(line)
  if not (size and axis):
    raise ValueError(f"Cannot read this reduce-scatter: {line.strip()}")
  whole = list(shape)
  whole[int(axis[1])] *= size
  return tuple(whole)


def _group_size(line: str) -> int:
  """Returns the number of devices in a group of a collective; 0: unknown."""
  if listed := re.search(r"replica_groups=\{\{([\d,]+)\}", line):
    return len(listed[1].split(","))
  if counted := re.search(r"replica_groups=\[\d+,(\d+)\]<=", line):
    return int(counted[1])
  if named := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line):
    sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
    return math.prod(int(sizes[n]) for n in re.findall(r"'(\w+)'", named[2]))
  return 0


def _names(name: str, count: int) -> list[str]:
  """Returns the name of each of the arrays of an instruction.

  Where several were combined, XLA writes `before/(first:second)/after`.
  """
  start = 0 if name.startswith("(") else name.find("/(") + 1
  if count > 1 and (start or name.startswith("(")):
    parts, end = _split(name, start)
    if len(parts) == count:
      return [name[:start] + part + name[end:] for part in parts]
  return [name] * count


def _split(name: str, start: int) -> tuple[list[str], int]:
  """Splits at the colons inside the parenthesis at `start`.

  Returns:
    The texts between them, and the position after the closing parenthesis.
  """
  parts, depth = [""], 0
  for position in range(start, len(name)):
    character = name[position]
    depth += {"(": 1, ")": -1}.get(character, 0)
    if depth == 0:
      return parts, position + 1
    if character == ":" and depth == 1:
      parts.append("")
    elif position > start:
      parts[-1] += character
  return parts, len(name)
