"""Rates at which this machine multiplies matrices and takes exponentials.

No loss can avoid the products of the similarity matrix and the exponentials of
its entries. Both are timed on tiles of several sizes, since the fastest size
differs between processors. Consecutive calls get different data, so that the
compiler can neither leave a call out nor move it out of a loop.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.losses.columns import Embeddings
from suncet_jax.devices.host import keep_freed_memory

_TILE_SIDES = (1024, 512)
_WIDEST_STRIP = 4096  # keys against which 1024 rows are taken at once
_VARIANTS = 4  # operands that calls take in turn

# A turn of one part: some 10 ms, however small its tiles are.
_WORK = {"product": 2 * 10**9, "exp": 2 * 10**7}
_MOST_CALLS = 64


class _Part(NamedTuple):
  """A computation to time.

  Attributes:
    run: Function of one of the operands.
    operands: Operands of the calls, in turn.
    work: Floating-point operations or exponentials of a call.
    calls: Number of calls of a turn.
  """

  run: Callable[[jax.Array], jax.Array]
  operands: Sequence[jax.Array]
  work: int
  calls: int


class _LimitJob:
  """Times each part by itself, once per turn for any number of steps."""

  def __init__(self, parts: dict[str, dict[str, _Part]]) -> None:
    self._parts = parts
    self._rates: dict[str, dict[str, list[float]]] = {
      kind: {size: [] for size in sizes} for kind, sizes in parts.items()
    }

  def __call__(self, steps: int) -> None:
    """Times everything once."""
    for kind, sizes in self._parts.items():
      for size, part in sizes.items():
        self._rates[kind][size].append(_rate(part))

  def facts(self) -> dict[str, Any]:
    """Returns work per second of every turn so far, by kind and size."""
    return {"rates": self._rates}


def make(n: int, d: int) -> _LimitJob:
  """Returns the job.

  Args:
    n: Number of embeddings.
    d: Size of an embedding.
  """
  keep_freed_memory()
  row = Embeddings(n, d)
  return _LimitJob(
    {
      "float32": _products(row, jnp.float32),
      "bfloat16": _products(row, jnp.bfloat16),
      "exp": _exponentials(row),
    }
  )


def _rate(part: _Part) -> float:
  """Returns work per second."""
  start = time.perf_counter()
  for call in range(part.calls):
    result = part.run(part.operands[call % len(part.operands)])
  jax.block_until_ready(result)
  return part.calls * part.work / (time.perf_counter() - start)


def _products(row: Embeddings, dtype: Any) -> dict[str, _Part]:
  """Returns the products of both directions, by their sizes."""
  sides = {min(side, row.n) for side in _TILE_SIDES}
  rows, keys = max(sides), min(_WIDEST_STRIP, row.n)
  sizes = {
    *((side, row.d, side) for side in sides),  # similarities
    *((side, side, row.d) for side in sides),  # gradient
    (rows, row.d, keys),
  }
  return {f"{b}x{k}x{m}": _product(b, k, m, dtype) for b, k, m in sizes}


def _product(b: int, k: int, m: int, dtype: Any) -> _Part:
  """Returns the product of [b, k] and [k, m], with sums in float32."""
  right = _normal(_VARIANTS, k, m).astype(dtype)
  multiply = jax.jit(
    lambda left, right: jnp.matmul(
      left, right, preferred_element_type=jnp.float32
    )
  )
  return _part(
    "product",
    lambda left: multiply(left, right),
    [_normal(seed, b, k).astype(dtype) for seed in range(_VARIANTS)],
    work=2 * b * k * m,
  )


def _exponentials(row: Embeddings) -> dict[str, _Part]:
  """Returns exponentials of square tiles, summed over each row."""
  run = jax.jit(lambda tile: jnp.sum(jnp.exp(tile), axis=1))
  return {
    f"{side}x{side}": _part(
      "exp",
      run,
      [_normal(seed, side, side) for seed in range(_VARIANTS)],
      work=side**2,
    )
    for side in {min(side, row.n) for side in _TILE_SIDES}
  }


def _part(
  kind: str,
  run: Callable[[jax.Array], jax.Array],
  operands: Sequence[jax.Array],
  work: int,
) -> _Part:
  calls = min(_MOST_CALLS, -(-_WORK[kind] // work))
  return _Part(run, operands, work, calls)


def _normal(seed: int, *shape: int) -> jax.Array:
  return jax.random.normal(jax.random.key(seed), shape)
