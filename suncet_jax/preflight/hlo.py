"""Text of a compiled program: its instructions, and how often each runs."""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from suncet_jax.preflight.frames import Frame, Frames

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?(\S+) \(.*\) -> .+ \{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%(\S+) = (.+?) ([a-z][a-z0-9-]*)\(")
_ARRAY = re.compile(r"([a-z]+)(\d*)\w*\[([\d,]*)\]")
_NAME = re.compile(r"%([\w.-]+)")
_CALLED = re.compile(
  r"(?:calls|to_apply|body|condition|true_computation|false_computation)"
  r"=%?([\w.-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_FRAME = re.compile(r"stack_frame_id=(\d+)")
_LESS = re.compile(r"compare\(.*direction=LT")

# They run other computations as a part of the program; a fusion, in contrast,
# is one operation, whatever it computes.
_CONTROL = frozenset(("while", "conditional", "call", "async-start"))


class Array(NamedTuple):
  """Type of an array, such as f32[8,3].

  Attributes:
    dtype: Name of the dtype, e.g. "f32".
    shape: Shape of the array.
  """

  dtype: str
  shape: tuple[int, ...]

  @property
  def size(self) -> int:
    """Bytes of the array."""
    bits = int(re.sub(r"\D", "", self.dtype) or 8)  # pred has no number
    return math.prod(self.shape) * bits // 8


class Instruction(NamedTuple):
  """One instruction.

  Attributes:
    name: Name of the instruction, unique in the program.
    computation: Name of the computation that it is in.
    is_root: Whether it is the result of that computation.
    result: Type of its result, as in the text.
    opcode: Name of the operation, such as "fusion".
    operands: Names of its operands.
    text: The whole line.
  """

  name: str
  computation: str
  is_root: bool
  result: str
  opcode: str
  operands: tuple[str, ...]
  text: str

  @property
  def op_name(self) -> str:
    """Name of the JAX operation that it comes from; empty if unknown."""
    found = _OP_NAME.search(self.text)
    return found[1] if found else ""

  @property
  def called(self) -> list[str]:
    """Names of the computations that it runs or applies."""
    names = _CALLED.findall(self.text)
    for branches in _BRANCHES.findall(self.text):
      names += [name.strip().lstrip("%") for name in branches.split(",")]
    return names


def arrays(result: str) -> list[Array]:
  """Returns the arrays of a type, which may be a tuple.

  Args:
    result: Type of an instruction's result.
  """
  return [
    Array(dtype + bits, tuple(int(n) for n in axes.split(",") if n))
    for dtype, bits, axes in _ARRAY.findall(result)
  ]


class Program:
  """A compiled program.

  Attributes:
    entry: Name of the computation that begins it.
    computations: Instructions of each computation, by its name.
    by_name: All instructions by name.
  """

  def __init__(self, text: str) -> None:
    """Reads the text of a module.

    Args:
      text: Text from `jax.stages.Compiled.as_text`.

    Raises:
      ValueError: If it is not the text of a module.
    """
    entry = re.search(r"^ENTRY %?(\S+)", text, re.MULTILINE)
    if not entry:
      raise ValueError(
        "This is not the text of an HLO module: it has no ENTRY."
      )
    self.entry = entry[1]
    self.computations: dict[str, list[Instruction]] = {}
    self.by_name: dict[str, Instruction] = {}
    for each in _instructions(text):
      self.computations.setdefault(each.computation, []).append(each)
      self.by_name[each.name] = each
    self._frames = Frames(text)

  def operations(self) -> Iterator[Instruction]:
    """Yields the instructions that the device runs one by one."""
    waiting, seen = [self.entry], {self.entry}
    while waiting:
      for each in self.computations.get(waiting.pop(), ()):
        yield each
        if each.opcode in _CONTROL:
          new = [name for name in each.called if name not in seen]
          seen.update(new)
          waiting += new

  @functools.cached_property
  def times(self) -> Mapping[str, int]:
    """Number of executions of each computation; 0: unknown."""
    callers: dict[str, list[tuple[str, int]]] = {}
    for each in self.by_name.values():
      times = self._trips(each) if each.opcode == "while" else 1
      for called in each.called:
        callers.setdefault(called, []).append((each.computation, times))
    found = {self.entry: 1}

    def count(name: str) -> int:
      if name not in found:
        calls = callers.get(name, [])
        found[name] = sum(times * count(caller) for caller, times in calls)
      return found[name]

    for name in callers:
      count(name)
    return found

  def frames(self, instruction: Instruction) -> list[Frame]:
    """Returns the calls that made an instruction, the innermost first.

    Args:
      instruction: Instruction of this program.
    """
    found = _FRAME.search(instruction.text)
    return self._frames.stack(int(found[1])) if found else []

  def operand_arrays(self, instruction: Instruction) -> list[list[Array]]:
    """Returns the arrays of each operand.

    Args:
      instruction: Instruction of this program.
    """
    return [
      arrays(self.by_name[name].result) if name in self.by_name else []
      for name in instruction.operands
    ]

  def _trips(self, loop: Instruction) -> int:
    """Returns how often the body of a loop runs; 0: unknown."""
    if known := _TRIPS.search(loop.text):
      return int(known[1])
    # TPU's compiler leaves the number out: a loop of jax.lax counts from 0 up
    # to a constant of its condition.
    condition = re.search(r"condition=%?([\w.-]+)", loop.text)
    steps = self.computations.get(condition[1], []) if condition else []
    limits = [
      int(found[1])
      for each in steps
      if (found := re.search(r"= s32\[\]\S* constant\((\d+)\)", each.text))
    ]
    is_count = any(each.is_root and _LESS.search(each.text) for each in steps)
    return limits[0] if is_count and len(limits) == 1 else 0


def _instructions(text: str) -> Iterator[Instruction]:
  computation = ""
  for line in text.splitlines():
    if match := _COMPUTATION.match(line):
      computation = match[1]
    elif match := _INSTRUCTION.match(line):
      root, name, result, opcode = match.groups()
      inside = line[match.end() : line.find(")", match.end())]
      operands = tuple(_NAME.findall(inside))
      yield Instruction(
        name, computation, bool(root), result, opcode, operands, line
      )
