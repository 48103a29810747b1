"""Numerics of a model: two dtypes and the implementation of convolutions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from suncet_jax.architectures import PRECISIONS
from suncet_jax.errors import UserError


class Numerics(NamedTuple):
  """Arithmetic of all modules of a model.

  Attributes:
    dtype: Dtype of activations and of the operands of products.
    param_dtype: Dtype of parameters and batch-norm statistics, and of every
      sum over rows.
    convolution: Implementation, "auto" or "xla"; see
      `suncet_jax.convolution.convolve`.
  """

  dtype: DTypeLike
  param_dtype: DTypeLike
  convolution: str = "auto"


def numerics_of(precision: str, convolution: str) -> Numerics:
  """Returns the numerics for two values of a config.

  Args:
    precision: Precision, "float32", "bfloat16" (stored in float32) or
      "float64".
    convolution: Implementation of convolutions, "auto" or "xla".

  Raises:
    ValueError: The precision is unknown, or it is "float64" while JAX would
      silently compute in float32.
  """
  if precision not in PRECISIONS:
    raise UserError(
      f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}."
    )
  if precision == "float64":
    if not jax.config.read("jax_enable_x64"):
      raise UserError(
        "precision 'float64' needs JAX's 64-bit mode, which is off. Set"
        " JAX_ENABLE_X64=1 or choose 'float32'."
      )
    return Numerics(jnp.float64, jnp.float64, convolution)
  return Numerics(jnp.dtype(precision), jnp.float32, convolution)
