"""Which dtype computes and which one is stored."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


class Precision(NamedTuple):
  """The two dtypes of a model.

  Attributes:
    compute: of activations and of the operands of products.
    store: of parameters and batch-norm statistics, and of every sum over rows.
  """

  compute: DTypeLike
  store: DTypeLike


def precision_of(name: str) -> Precision:
  """Returns the precision a config's `dtype` stands for.

  Args:
    name: "float32", "bfloat16" (stored in float32) or "float64".

  Raises:
    ValueError: "float64" while JAX would silently compute it in float32.
  """
  if name == "float64":
    if not jax.config.read("jax_enable_x64"):
      raise ValueError(
        "model.dtype 'float64' needs JAX's 64-bit mode, which is off. Set"
        " JAX_ENABLE_X64=1 or choose 'float32'."
      )
    return Precision(jnp.float64, jnp.float64)
  return Precision(jnp.dtype(name), jnp.float32)
