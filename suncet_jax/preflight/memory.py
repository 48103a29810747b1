"""Memory of a compiled step on each device, by what it is for."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

PARAMETERS = "parameters and statistics"
OPTIMIZER = "optimizer"
METHOD = "state of the method"
AVERAGE = "averaged weights"
BATCH = "batch"
ARGUMENTS = "arguments"
GRADIENTS = "gradients"
ACTIVATIONS = "activations and temporaries"
PADDING = "padding of arguments"
RESULTS = "results"
CODE = "program"


@dataclasses.dataclass(frozen=True)
class Memory:
  """Bytes of each device.

  Attributes:
    kinds: Bytes by what they are for.
    device: Bytes of a device.
  """

  kinds: Mapping[str, int]
  device: float

  @property
  def total(self) -> int:
    """Bytes of all kinds."""
    return sum(self.kinds.values())

  @property
  def share(self) -> float:
    """Share of the device's memory."""
    return self.total / self.device

  @property
  def fits(self) -> bool:
    """Whether the device has as much."""
    return self.total <= self.device


def memory_of(
  compiled: jax.stages.Compiled,
  arguments: Mapping[str, Any],
  device: float,
  gradients: Any = (),
) -> Memory:
  """Returns the memory that a compiled program takes.

  Args:
    compiled: Compiled program.
    arguments: Its arguments by what they are for, as shapes.
    device: Bytes of a device.
    gradients: Shapes of the parameters that gradients are taken by.
  """
  stats: Any = compiled.memory_analysis()
  kinds = {name: size_of(tree) for name, tree in arguments.items()}
  own = sum(kinds.values())
  # Gradients are among the temporaries, all at once at the latest when the
  # optimizer begins; the compiler's peak may be elsewhere.
  of_gradients = min(size_of(gradients), stats.temp_size_in_bytes)
  kinds[GRADIENTS] = of_gradients
  kinds[ACTIVATIONS] = stats.temp_size_in_bytes - of_gradients
  kinds[PADDING] = max(0, stats.argument_size_in_bytes - own)
  kinds[RESULTS] = max(
    0, stats.output_size_in_bytes - stats.alias_size_in_bytes
  )
  kinds[CODE] = stats.generated_code_size_in_bytes
  return Memory({k: int(v) for k, v in kinds.items() if v}, device)


def of_state(state: Any, batch: Any) -> dict[str, Any]:
  """Returns the arguments of a training step by what they are for.

  Args:
    state: State of the training, as shapes.
    batch: Batch of the step, as shapes.
  """
  counters = (state.step, state.skipped, state.skipped_in_a_row)
  return {
    PARAMETERS: (state.params, state.batch_stats, counters),
    OPTIMIZER: state.opt_state,
    METHOD: state.method_state,
    AVERAGE: state.average,
    BATCH: batch,
  }


def size_of(tree: Any) -> int:
  """Returns the bytes of arrays on each device.

  Args:
    tree: Pytree of shapes; those without a sharding are whole everywhere.
  """
  return sum(map(_size, jax.tree.leaves(tree)))


def _size(leaf: Any) -> int:
  shape, sharding = np.shape(leaf), getattr(leaf, "sharding", None)
  if sharding is not None:
    shape = sharding.shard_shape(shape)
  dtype = getattr(leaf, "dtype", None) or np.result_type(leaf)
  return math.prod(shape) * dtype.itemsize
