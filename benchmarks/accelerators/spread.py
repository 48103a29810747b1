"""Pieces whose rows are spread over devices."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from benchmarks.accelerators.pieces import (
  Piece,
  Size,
  array,
  name_of,
  with_gradient,
)
from suncet_jax import losses
from suncet_jax.devices.mesh import by_rows, over_rows
from suncet_jax.methods import encode

_EMBEDDING = 128


def pieces(size: Size, mesh: Mesh) -> dict[str, Piece]:
  """Returns the join of views for one pass of the network, and a loss.

  Args:
    size: Sizes of images and of the loss.
    mesh: Devices that the rows are spread over.
  """
  return {"views": _interleaved(size, mesh), "ntxent": _ntxent(size, mesh)}


def _interleaved(size: Size, mesh: Mesh) -> Piece:
  # Products with the mean pixel stand for the network.
  counts = [size.rows // 2 * mesh.size] * 2
  shapes = [(count, size.pixels, size.pixels, 3) for count in counts]

  def plain_parts(joined: jax.Array) -> Sequence[Any]:
    return jnp.split(joined, len(counts))

  def our_parts(joined: jax.Array) -> Sequence[Any]:
    return encode.unpack(joined, counts, mesh.size)

  def form(
    join: Callable[..., jax.Array], part: Callable[..., Sequence[Any]]
  ) -> Callable[..., Any]:
    def run(weights: jax.Array, *views: jax.Array) -> Any:
      return list(part(jnp.einsum("bhwc,cd->bd", join(views), weights)))

    return run

  rows = by_rows(mesh)
  views = [array(shape, size.dtype, rows) for shape in shapes]
  plain = form(jnp.concatenate, plain_parts)
  ours = form(lambda views: encode.pack(views, mesh.size), our_parts)
  cotangents = [array((n, _EMBEDDING), size.dtype, rows) for n in counts]
  return Piece(
    f"two views in one pass, each {name_of(shapes[0])}",
    {"`jnp.concatenate`": with_gradient(plain), "ours": with_gradient(ours)},
    (cotangents, array((3, _EMBEDDING), size.dtype), *views),
  )


def _ntxent(size: Size, mesh: Mesh) -> Piece:
  def form(block_size: int | None) -> Callable[..., Any]:
    def loss(*views: jax.Array, **options: Any) -> jax.Array:
      return losses.ntxent(*views, block_size=block_size, **options)

    return jax.value_and_grad(over_rows(mesh, loss), argnums=(0, 1))

  view = array((size.pairs, _EMBEDDING), sharding=by_rows(mesh))
  return Piece(
    f"NT-Xent {name_of((2 * size.pairs, _EMBEDDING))}",
    {"one matrix (`block_size=0`)": form(0), "in blocks, ours": form(None)},
    (view, view),
  )
