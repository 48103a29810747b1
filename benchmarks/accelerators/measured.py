"""Times of the pieces on devices that are here."""

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.accelerators.pieces import Piece

_ROUNDS = 5
_SECONDS_OF_ROUND = 0.05
_MOST_CALLS = 200


class Measured(NamedTuple):
  """A form that was run.

  Attributes:
    seconds: Seconds of a call.
    temporary_bytes: Bytes that XLA planned beside operands and results.
  """

  seconds: float
  temporary_bytes: int


def measure(piece: Piece) -> Iterator[tuple[str, Measured]]:
  """Runs each form of a piece; yields it by name.

  Args:
    piece: Piece of a step.
  """
  operands = _operands(piece)
  for name, form in piece.forms.items():
    compiled = jax.jit(form).lower(*operands).compile()
    analysis: Any = compiled.memory_analysis()
    seconds = _seconds(functools.partial(compiled, *operands))
    yield name, Measured(seconds, int(analysis.temp_size_in_bytes))


def least_seconds() -> float:
  """Returns the seconds of a program that does next to nothing."""
  scalar = jnp.zeros(())
  compiled = jax.jit(lambda x: x + 1).lower(scalar).compile()
  return _seconds(lambda: compiled(scalar))


def _operands(piece: Piece) -> Any:
  """Returns random operands; none is near zero, as some are divided by."""

  def draw(number: int, leaf: jax.ShapeDtypeStruct) -> jax.Array:
    drawn = jax.random.uniform(jax.random.key(number), leaf.shape, minval=0.5)
    return jax.device_put(drawn.astype(leaf.dtype), leaf.sharding)

  leaves, structure = jax.tree.flatten(tuple(piece.shapes))
  drawn = [draw(number, leaf) for number, leaf in enumerate(leaves)]
  return jax.tree.unflatten(structure, drawn)


def _seconds(call: Callable[[], Any]) -> float:
  """Returns the median, over rounds of calls, of a call's seconds."""
  jax.block_until_ready(call())
  began = time.perf_counter()
  jax.block_until_ready(call())
  once = time.perf_counter() - began
  calls = max(1, min(_MOST_CALLS, round(_SECONDS_OF_ROUND / once)))
  return statistics.median(_mean(call, calls) for _ in range(_ROUNDS))


def _mean(call: Callable[[], Any], calls: int) -> float:
  # Virtual devices that wait for each other in several programs at once may run
  # out of threads, and XLA then aborts. An accelerator is to have a queue.
  is_cpu = jax.default_backend() == "cpu"
  began = time.perf_counter()
  for _ in range(calls):
    result = call()
    if is_cpu:
      jax.block_until_ready(result)
  jax.block_until_ready(result)
  return (time.perf_counter() - began) / calls
