"""Collectives of a compiled program, read from its HLO text."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

KINDS = (
  "all-reduce",
  "all-gather",
  "reduce-scatter",
  "all-to-all",
  "collective-permute",
  "collective-broadcast",
)

# An instruction: result, operation, and whether it only starts. The end of an
# asynchronous one ("-done") sends nothing and is not matched.
_INSTRUCTION = re.compile(
  rf"^\s+(?:ROOT )?%\S+ = (.+?) (?:ragged-)?({'|'.join(KINDS)})(-start)?\("
)
_SHAPE = re.compile(r"([a-z]+)(\d*)\w*\[([\d,]*)\]")
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?(\S+) \(.*\) -> .+ \{$")
_CALLED = re.compile(
  r"(?:calls|to_apply|body|condition|true_computation|false_computation)"
  r"=%?([\w.-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


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
    bits = int(re.sub(r"\D", "", self.dtype) or 8)  # pred has no number
    return math.prod(self.shape) * bits // 8


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


def collectives(text: str) -> list[Collective]:
  """Finds every collective of a program.

  Args:
    text: Text of the program from `jax.stages.Compiled.as_text`; empty: no
      collectives.
  """
  times = _executions(text) if text else {}
  return [
    _read(line, match, times.get(computation, 0))
    for computation, line in _lines(text)
    if (match := _INSTRUCTION.match(line))
  ]


def _lines(text: str) -> Iterator[tuple[str, str]]:
  """Yields each line with the name of its computation."""
  name = ""
  for line in text.splitlines():
    if match := _COMPUTATION.match(line):
      name = match[1]
    yield name, line


def _executions(text: str) -> Mapping[str, int]:
  """Returns the number of executions of each computation; 0: unknown."""
  entry = re.search(r"^ENTRY %?(\S+)", text, re.MULTILINE)
  if not entry:
    raise ValueError("This is not the text of an HLO module: it has no ENTRY.")
  callers: dict[str, list[tuple[str, int]]] = {}
  for name, line in _lines(text):
    for called, times in _calls(line):
      callers.setdefault(called, []).append((name, times))
  found = {entry[1]: 1}

  def count(name: str) -> int:
    if name not in found:
      calls = callers.get(name, [])
      found[name] = sum(times * count(caller) for caller, times in calls)
    return found[name]

  for name in callers:
    count(name)
  return found


def _calls(line: str) -> Iterator[tuple[str, int]]:
  """Yields the computations that an instruction calls, and how many times."""
  names = _CALLED.findall(line)
  for branches in _BRANCHES.findall(line):
    names += [name.strip().lstrip("%") for name in branches.split(",")]
  trips = _TRIPS.search(line)
  is_loop = " while(" in line
  times = (int(trips[1]) if trips else 0) if is_loop else 1
  for name in names:
    yield name, times


def _read(line: str, match: re.Match[str], times: int) -> Collective:
  shapes, kind, start = match.groups()
  arrays = [
    (dtype + bits, tuple(int(n) for n in axes.split(",") if n))
    for dtype, bits, axes in _SHAPE.findall(shapes)
  ]
  if start and kind in ("all-gather", "collective-permute"):
    arrays = arrays[len(arrays) // 2 :]  # after the operands
  if kind == "reduce-scatter":
    arrays = [(d, _scattered(shape, line)) for d, shape in arrays]
  names = _names(line, len(arrays))
  transfers = (
    Transfer(name, *array) for name, array in zip(names, arrays, strict=True)
  )
  return Collective(kind, tuple(transfers), times)


def _scattered(shape: tuple[int, ...], line: str) -> tuple[int, ...]:
  """Returns the shape before a reduce-scatter, from the one after it."""
  groups = re.search(r"replica_groups=\{\{([\d,]+)\}", line)
  axis = re.search(r"dimensions=\{(\d+)\}", line)
  if not (groups and axis):
    raise ValueError(f"Cannot read this reduce-scatter: {line.strip()}")
  whole = list(shape)
  whole[int(axis[1])] *= len(groups[1].split(","))
  return tuple(whole)


def _names(line: str, count: int) -> list[str]:
  """Returns the name of each of the arrays of an instruction.

  Where several were combined, XLA writes `before/(first:second)/after`.
  """
  found = re.search(r'op_name="([^"]*)"', line)
  name = found[1] if found else ""
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
