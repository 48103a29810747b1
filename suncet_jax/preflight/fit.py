"""Largest batch that fits, and what the settings that save memory give."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

from ml_collections import ConfigDict

from suncet_jax.devices.target import made_for
from suncet_jax.errors import UserError
from suncet_jax.preflight import compilers, shapes
from suncet_jax.preflight.compiling import CompileError
from suncet_jax.preflight.estimate import distinct_phases
from suncet_jax.preflight.reading import Reading
from suncet_jax.preflight.shapes import Counts
from suncet_jax.preflight.steps import Say, read_step
from suncet_jax.preflight.targets import Target

_MOST_COMPILATIONS = 6
# A batch is not looked for more closely than this share of it.
_CLOSE = 0.03
_OPTIONS = (
  {"remat": True},
  {"micro_batches": 2},
  {"micro_batches": 4},
  {"micro_batches": 8},
)


@dataclasses.dataclass(frozen=True)
class Option:
  """A setting that saves memory, at the configured batch.

  Attributes:
    title: Setting, such as "train.remat=True".
    total: Bytes of a device; infinite if it does not compile.
    seconds: Seconds of a step, by the model of the reading.
    refusal: Why it does not compile; empty if it does.
  """

  title: str
  total: float
  seconds: float
  refusal: str = ""


@dataclasses.dataclass(frozen=True)
class Fit:
  """What fits.

  Attributes:
    batch_size: Largest `data.batch_size` that fits; 0: not even the least.
    is_exact: Whether the next larger one was tried and does not fit.
    options: Settings that save memory.
  """

  batch_size: int
  is_exact: bool
  options: Sequence[Option]


def fit(
  config: ConfigDict, target: Target, counts: Counts | None, say: Say
) -> Fit:
  """Compiles the first step of a run in several sizes and settings.

  Args:
    config: Configuration of the run, validated.
    target: The devices.
    counts: Counts of the data set, where the configuration does not tell them.
    say: Function that shows a line of progress.

  Raises:
    ValueError: If the compiler is not installed, or the data set not known.
  """

  def memory(batch_size: int) -> float:
    changed = config.copy_and_resolve_references()
    changed.data.batch_size = batch_size
    say(f"{target.name}: data.batch_size={batch_size}")
    found = _reading(changed, target, counts, say)
    return math.inf if isinstance(found, str) else found.memory.total

  unit = target.devices * config.train.micro_batches
  pool = shapes.experiment_on(config, compilers.mesh(target), counts)
  size, is_exact = largest(
    memory,
    target.chip.memory,
    unit=unit,
    start=config.data.batch_size,
    most=pool.pipeline.splits.pool.size,
  )
  return Fit(size, is_exact, list(_options(config, target, counts, say)))


def largest(
  memory: Callable[[int], float],
  limit: float,
  *,
  unit: int,
  start: int,
  most: int,
) -> tuple[int, bool]:
  """Returns the largest size that fits, and whether the next does not.

  Memory grows about linearly: where to look next is read off a straight line,
  and by halves where that does not help.

  Args:
    memory: Function from a size to its bytes; infinite: it does not compile.
    limit: Bytes that there are.
    unit: Sizes are multiples of it.
    start: Size to begin with.
    most: Size beyond which there is none.
  """
  known: dict[int, float] = {most // unit + 1: math.inf}
  units = max(1, start // unit)
  for _ in range(_MOST_COMPILATIONS):
    known[units] = memory(units * unit)
    low, high = _bounds(known, limit)
    if high - low <= max(1, _CLOSE * low) or high == 1:
      break
    units = _next(known, limit, low, high)
  low, high = _bounds(known, limit)
  return low * unit, high - low == 1


def _bounds(known: dict[int, float], limit: float) -> tuple[int, int]:
  fitting = [units for units, size in known.items() if size <= limit]
  others = [units for units, size in known.items() if size > limit]
  return max(fitting, default=0), min(others)


def _next(known: dict[int, float], limit: float, low: int, high: int) -> int:
  """Returns the next number of units to try, between the two."""
  finite = sorted(units for units, size in known.items() if size < math.inf)
  guess = (low + high) // 2
  if len(finite) > 1:
    first, last = finite[-2:]
    slope = (known[last] - known[first]) / (last - first)
    if slope > 0:
      guess = min(last + math.floor((limit - known[last]) / slope), high - 1)
  elif finite:
    guess = min(2 * low or guess, guess)
  if known[high] == math.inf and high < max(known):
    guess = min(guess, (low + high) // 2)  # a line does not see this wall
  return min(max(guess, low + 1), high - 1)


def _options(
  config: ConfigDict, target: Target, counts: Counts | None, say: Say
) -> Iterator[Option]:
  for setting in _OPTIONS:
    ((name, value),) = setting.items()
    title = f"train.{name}={value}"
    say(f"{target.name}: {title}")
    changed = config.copy_and_resolve_references()
    changed.train[name] = value
    found = _reading(changed, target, counts, say)
    if isinstance(found, str):
      yield Option(title, math.inf, math.inf, found)
    else:
      yield Option(title, found.memory.total, found.seconds)


def _reading(
  config: ConfigDict, target: Target, counts: Counts | None, say: Say
) -> Reading | str:
  """Returns the reading of the first step, or why it does not compile."""
  try:
    with made_for(target.chip.platform):
      mesh = compilers.mesh(target)
      experiment = shapes.experiment_on(config, mesh, counts)
      phase = distinct_phases(experiment)[0]
      return read_step(experiment, phase, target, say)
  # A UserError: rows that cannot be shared, or a pool smaller than the batch.
  except (CompileError, UserError) as error:
    return str(error).partition("\n")[0]
