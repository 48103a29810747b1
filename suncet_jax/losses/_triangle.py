"""Pairs of the rows of one device, each multiplied once.

The similarity matrix is symmetric. Its tiles on and above the diagonal serve
both rows of a pair, which halves the products and exponentials of a sweep.
"""

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
from suncet_jax.losses._tile import Side

_Tree = TypeVar("_Tree")


def sums(
  rows: Request, scale: Scale, positives: Positives, block: int
) -> tuple[Sums, Sums]:
  """Sums over the keys of every row.

  Args:
    rows: Rows, n of them, a multiple of `block`.
    scale: Scale of the logits.
    positives: Term of the positives.
    block: Number of rows and of columns of a tile.

  Returns:
    Sums [n] over the keys and over the positives.
  """
  blocks = rows.labels.size // block
  zeros = _tile.loop_zeros(rows.labels.shape, scale, rows)
  start = _tile.empty_sums(zeros, scale), _tile.empty_sums(zeros, scale)

  def with_anchors(
    i: jax.Array, totals: tuple[Sums, Sums]
  ) -> tuple[Sums, Sums]:
    anchors = _take(rows, i, block)

    def with_keys(j: jax.Array, totals: tuple[Sums, Sums]) -> tuple[Sums, Sums]:
      keys = _take(rows, j, block)
      tile = _tile.similarity_tile(anchors, keys, scale, each_pair_once=True)
      sides: tuple[tuple[jax.Array, Side], ...] = ((i, "anchors"), (j, "keys"))
      for index, side in sides:
        parts = _take(totals, index, block)
        parts = _tile.accumulate(parts, tile, scale, positives, side=side)
        totals = _put(totals, parts, index, block)
      return totals

    return jax.lax.fori_loop(i, blocks, with_keys, totals)

  return jax.lax.fori_loop(0, blocks, with_anchors, start)


def gradient(
  rows: Request,
  statistics: Statistics,
  scale: Scale,
  positives: Positives,
  block: int,
  *,
  through_keys: bool,
) -> jax.Array:
  """Differentiates the sum of the anchors' values by the units.

  Args:
    rows: Rows, n of them, a multiple of `block`.
    statistics: Statistics of these rows.
    scale: Scale of the logits.
    positives: Term of the positives.
    block: Number of rows and of columns of a tile.
    through_keys: Whether rows have a gradient as keys, too.

  Returns:
    Gradient [n, d] in the dtype of the scale.
  """
  (n, d), blocks = rows.units.shape, rows.labels.size // block
  # Products contract over the last axis of the left and the first of the
  # right: others would transpose a tile, which takes as long as multiplying.
  columns = rows.units.T

  def with_anchors(
    as_second: jax.Array, i: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    anchors, own = _take((rows, statistics), i, block)
    anchor_columns = _take(columns, i, block, axis=1)

    def with_keys(
      j: jax.Array, totals: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
      as_first, as_second = totals
      keys, theirs = _take((rows, statistics), j, block)
      tile = _tile.similarity_tile(anchors, keys, scale, each_pair_once=True)
      first = _tile.logit_gradients(tile, own, scale, positives, side="anchors")
      second = _tile.logit_gradients(
        tile, theirs, scale, positives, side="keys"
      )
      if through_keys:
        first = second = first + second
      as_first += _tile.multiply(first, keys.units, (1, 0), scale)
      part = _tile.multiply(anchor_columns, second, (1, 0), scale)
      part += _take(as_second, j, block, axis=1)
      return as_first, _put(as_second, part, j, block, axis=1)

    start = _tile.loop_zeros((block, d), scale, rows, statistics), as_second
    as_first, as_second = jax.lax.fori_loop(i, blocks, with_keys, start)
    return as_second, as_first

  start = _tile.loop_zeros((d, n), scale, rows, statistics)
  as_second, as_first = jax.lax.scan(with_anchors, start, jnp.arange(blocks))
  total = as_first.reshape(n, d) + as_second.T
  return _tile.unit_gradients(total, scale)


def _take(tree: _Tree, index: jax.Array, block: int, axis: int = 0) -> _Tree:
  """Returns the block of that index of every array."""
  return jax.tree.map(
    lambda array: jax.lax.dynamic_slice_in_dim(
      array, index * block, block, axis
    ),
    tree,
  )


def _put(
  tree: _Tree, part: _Tree, index: jax.Array, block: int, axis: int = 0
) -> _Tree:
  """Returns the arrays with the block of that index replaced."""
  return jax.tree.map(
    lambda array, new: jax.lax.dynamic_update_slice_in_dim(
      array, new, index * block, axis
    ),
    tree,
    part,
  )
