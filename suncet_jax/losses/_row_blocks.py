"""Some anchors against all keys, a block of anchors at a time.

For rows that are spread over devices: every device has all keys, and works on
its own anchors. Blocks are strided, so that each has rows of all devices when
the rows of one array are spread by the partitioner of `jax.jit`.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from suncet_jax.losses import _tile
from suncet_jax.losses._tile import Positives, Request, Scale, Statistics, Sums

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
    anchors: n, a multiple of `blocks`.
    keys: m, the anchors among them.
    scale: of the logits.
    positives: what they give.
    blocks: how many, one after the other.

  Returns:
    `[n]` sums of exponentials over keys, and what positives give.
  """

  def of_block(block: Request) -> tuple[Sums, Sums]:
    tile = _tile.compare(block, keys, scale, each_pair_once=False)
    zeros = _tile.zeros(block.labels.shape, scale, block, keys)
    start = _tile.no_sums(zeros, scale), _tile.no_sums(zeros, scale)
    return _tile.add(start, tile, scale, 1, positives)

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
  """Differentiates the sum of all anchors' values by the units of some.

  Where every key is an anchor, too, this needs no sum over devices: what a row
  receives as a key of other anchors follows from their statistics.

  Args:
    anchors: n, a multiple of `blocks`, and their statistics.
    keys: m, the anchors among them, and their statistics.
    scale: of the logits.
    positives: what they give.
    blocks: how many, one after the other.
    through_keys: whether rows have a gradient as keys, too.

  Returns:
    `[n, d]`, of the dtype of the scale.
  """
  key_rows, key_statistics = keys

  def of_block(block: tuple[Request, Statistics]) -> jax.Array:
    rows, statistics = block
    tile = _tile.compare(rows, key_rows, scale, each_pair_once=False)
    weights = _tile.weights(tile, statistics, scale, 1, positives)
    if through_keys:
      weights += _tile.weights(tile, key_statistics, scale, 0, positives)
    return _tile.multiply(weights, key_rows.units, (1, 0), scale)

  total = map_blocks(of_block, anchors, blocks)
  return _tile.logit_gradient(total, scale)


def map_blocks(
  function: Callable[[_Tree], _Result], rows: _Tree, blocks: int
) -> _Result:
  """Applies a function to every block of rows, one after the other.

  Args:
    function: of arrays `[n / blocks, ...]`, returns such arrays.
    rows: arrays `[n, ...]`, n a multiple of `blocks`.
    blocks: how many.

  Returns:
    Arrays `[n, ...]`, row i made of row i.
  """

  def split(array: jax.Array) -> jax.Array:
    return array.reshape(-1, blocks, *array.shape[1:]).swapaxes(0, 1)

  def join(array: jax.Array) -> jax.Array:
    return array.swapaxes(0, 1).reshape(-1, *array.shape[2:])

  if blocks == 1:
    return function(rows)
  mapped = jax.lax.map(function, jax.tree.map(split, rows))
  return jax.tree.map(join, mapped)


def block_count(n: int, m: int, block_size: int | None = None) -> int:
  """Returns how many blocks to make of n anchors.

  Args:
    n: anchors.
    m: keys.
    block_size: anchors of a block; None chooses by the size of a tile.
  """
  if block_size is not None:
    return -(-n // block_size)
  least = max(1, -(-n * m // TILE_SIZE))
  # One that divides n needs no padding, which would move rows between devices.
  return next((k for k in range(least, 2 * least) if n % k == 0), least)


def pad(tree: _Tree, count: int) -> _Tree:
  """Appends rows of zeros; `Rows` of them are neither anchors nor keys.

  Args:
    tree: arrays `[n, ...]`.
    count: how many rows.

  Returns:
    Arrays `[n + count, ...]`.
  """

  def pad_array(array: jax.Array) -> jax.Array:
    widths = [(0, count)] + [(0, 0)] * (array.ndim - 1)
    return jnp.pad(array, widths)

  return jax.tree.map(pad_array, tree) if count else tree
