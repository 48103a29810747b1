"""Pieces of a step that were made for the CPU, each in several forms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


class Size(NamedTuple):
  """Sizes of all pieces.

  Attributes:
    rows: Images on each device.
    pixels: Height and width of an image.
    pairs: Pairs of embeddings of a loss, over all devices.
    dtype: Dtype of activations.
  """

  rows: int
  pixels: int
  pairs: int
  dtype: DTypeLike


# The paper's: 8,192 rows on 64 devices.
IMAGENET = Size(rows=128, pixels=224, pairs=4096, dtype=jnp.bfloat16)


class Piece(NamedTuple):
  """A piece of a step.

  Attributes:
    title: Name and shape.
    forms: Functions that compute the same, by name; the first is what others
      are compared with.
    shapes: Operands of each form, as shapes; pytrees of them.
  """

  title: str
  forms: Mapping[str, Callable[..., Any]]
  shapes: Sequence[Any]


def array(
  shape: Sequence[int],
  dtype: DTypeLike = jnp.float32,
  sharding: jax.sharding.Sharding | None = None,
) -> jax.ShapeDtypeStruct:
  """Returns the shape of an operand.

  Args:
    shape: Sizes of its axes.
    dtype: Dtype of its numbers.
    sharding: Devices that it is on; None: whole on each.
  """
  return jax.ShapeDtypeStruct(tuple(shape), dtype, sharding=sharding)


def with_gradient(form: Callable[..., Any]) -> Callable[..., Any]:
  """Returns a function of (cotangents, *operands): results and gradients.

  Args:
    form: Function of the operands.
  """

  def run(cotangents: Any, *operands: Any) -> Any:
    results, pull_back = jax.vjp(form, *operands)
    # In a network the cotangents come after the results: without the barrier
    # XLA computes results and gradients in one pass, which it cannot there.
    results, cotangents = jax.lax.optimization_barrier((results, cotangents))
    return results, pull_back(cotangents)

  return run


def name_of(size: Sequence[int]) -> str:
  """Returns a shape as titles write it.

  Args:
    size: Sizes of the axes.
  """
  return f"[{', '.join(f'{each:,}' for each in size)}]"
