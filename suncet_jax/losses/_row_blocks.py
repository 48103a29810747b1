"""Anchors of one device against all keys, a block of anchors at a time.

This form is for rows that are spread over devices: every device has all keys
and works on its own anchors. Blocks are strided, so that each holds rows of all
devices where the partitioner of `jax.jit` spreads the rows of one array.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from suncet_jax.losses import _tile
from suncet_jax.losses._quantities import (
  Positives,
  Request,
  Scale,
  Statistics,
  Sums,
)

_Tree = TypeVar("_Tree")
_Result = TypeVar("_Result")

# Entries of the tile of a block with all keys, 16 MB of float32.
TILE_SIZE = 4 * 1024**2


def sums(
  anchors: Request,
  keys: Request,
  scale: Scale,
  positives: Positives,
  blocks: int,
) -> tuple[Sums, Sums]:
  """Sums over the keys of every anchor.

  Args:
    anchors: Anchors, n rows, a multiple of `blocks`.
    keys: Keys, m rows, the anchors among them.
    scale: Scale of the logits.
    positives: Term of the positives.
    blocks: Number of blocks, which run one after the other.

  Returns:
    Sums [n] over the keys and over the positives.
  """

  def of_block(block: Request) -> tuple[Sums, Sums]:
    tile = _tile.similarity_tile(block, keys, scale, each_pair_once=False)
    zeros = _tile.loop_zeros(block.labels.shape, scale, block, keys)
    start = _tile.empty_sums(zeros, scale), _tile.empty_sums(zeros, scale)
    return _tile.accumulate(start, tile, scale, positives, side="anchors")

  return map_blocks(of_block, anchors, blocks)


def gradient(
  anchors: tuple[Request, Statistics],
  keys: tuple[Request, Statistics],
  scale: Scale,
  positives: Positives,
  blocks: int,
  *,
  through_keys: bool,
) -> jax.Array:
  """Differentiates the sum of all anchors' values by the units of n of them.

  Args:
    anchors: Anchors, n rows, a multiple of `blocks`, and their statistics.
    keys: Keys, m rows, the anchors among them, and their statistics.
    scale: Scale of the logits.
    positives: Term of the positives.
    blocks: Number of blocks, which run one after the other.
    through_keys: Whether rows have a gradient as keys, too.

  Returns:
    Gradient [n, d] in the dtype of the scale.
  """
  # Every key is an anchor, too. What a row receives as a key of other anchors
  # follows from their statistics, so no sum over devices is needed.
  key_rows, key_statistics = keys

  def of_block(block: tuple[Request, Statistics]) -> jax.Array:
    rows, statistics = block
    tile = _tile.similarity_tile(rows, key_rows, scale, each_pair_once=False)
    weights = _tile.logit_gradients(
      tile, statistics, scale, positives, side="anchors"
    )
    if through_keys:
      weights += _tile.logit_gradients(
        tile, key_statistics, scale, positives, side="keys"
      )
    return _tile.multiply(weights, key_rows.units, (1, 0), scale)

  total = map_blocks(of_block, anchors, blocks)
  return _tile.unit_gradients(total, scale)


def map_blocks(
  function: Callable[[_Tree], _Result], rows: _Tree, blocks: int
) -> _Result:
  """Applies a function to every block of rows, one after the other.

  Args:
    function: Function of arrays [n / blocks, ...] that returns such arrays.
    rows: Arrays [n, ...], n a multiple of `blocks`.
    blocks: Number of blocks.

  Returns:
    Arrays [n, ...], row i computed from row i.
  """

  def split(array: jax.Array) -> jax.Array:
    return array.reshape(-1, blocks, *array.shape[1:]).swapaxes(0, 1)

  def join(array: jax.Array) -> jax.Array:
    return array.swapaxes(0, 1).reshape(-1, *array.shape[2:])

  if blocks == 1:
    return function(rows)
  mapped = jax.lax.map(function, jax.tree.map(split, rows))
  return jax.tree.map(join, mapped)


def map_rows(
  function: Callable[[_Tree], _Result], rows: _Tree, m: int
) -> _Result:
  """Applies a function to blocks of rows, each of which meets m keys.

  Args:
    function: Function of arrays [b, ...] that returns such arrays.
    rows: Arrays [n, ...].
    m: Number of keys.

  Returns:
    Arrays [n, ...], row i computed from row i.
  """
  n = jax.tree.leaves(rows)[0].shape[0]
  blocks = block_count(n, m)
  rows = pad(rows, -n % blocks)
  if blocks > 1:
    # The gradient computes every block a second time and keeps no matrix.
    function = jax.checkpoint(function)
  return jax.tree.map(
    lambda array: array[:n], map_blocks(function, rows, blocks)
  )


def block_count(n: int, m: int, block_size: int | None = None) -> int:
  """Returns the number of blocks to divide n anchors into.

  Args:
    n: Number of anchors.
    m: Number of keys.
    block_size: Anchors in a block; None chooses by the size of a tile.
  """
  if block_size is not None:
    return -(-n // block_size)
  least = max(1, -(-n * m // TILE_SIZE))
  # One that divides n needs no padding, which would move rows between devices.
  return next((k for k in range(least, 2 * least) if n % k == 0), least)


def pad(tree: _Tree, count: int) -> _Tree:
  """Appends rows of zeros; in a `Request` they are neither anchors nor keys.

  Args:
    tree: Arrays [n, ...].
    count: Number of rows to append.

  Returns:
    Arrays [n + count, ...].
  """

  def pad_array(array: jax.Array) -> jax.Array:
    widths = [(0, count)] + [(0, 0)] * (array.ndim - 1)
    return jnp.pad(array, widths)

  return jax.tree.map(pad_array, tree) if count else tree
