"""Numerics of a model: two dtypes and the implementation of convolutions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from suncet_jax.architectures import PRECISIONS
from suncet_jax.devices import cpu
from suncet_jax.devices.target import target_platform
from suncet_jax.errors import UserError


class Numerics(NamedTuple):
  """Arithmetic of all modules of a model.

  Attributes:
    dtype: Dtype of activations and of the operands of products.
    param_dtype: Dtype of parameters and batch-norm statistics, and of every
      sum over rows.
    convolution: Implementation, "auto" or "xla"; see
      `suncet_jax.convolution.convolve`.
    rounds: Whether operands of products are rounded to bfloat16 and multiplied
      in a wider `dtype`, where that is faster.
  """

  dtype: DTypeLike
  param_dtype: DTypeLike
  convolution: str = "auto"
  rounds: bool = False

  def operands(
    self, x: jax.Array, kernel: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns both operands of a product, the first in the compute dtype."""
    x = x.astype(self.dtype)
    return (_rounded(x), _rounded(kernel)) if self.rounds else (x, kernel)


@jax.custom_jvp
def _rounded(array: jax.Array) -> jax.Array:
  """Rounds to bfloat16, within the dtype; its derivative is the identity."""
  info = jnp.finfo(jnp.bfloat16)
  return jax.lax.reduce_precision(array, info.nexp, info.nmant)


@_rounded.defjvp
def _differentiate(
  primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
  return _rounded(*primals), tangents[0]


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
  if precision == "bfloat16" and _lacks_bfloat16():
    return Numerics(jnp.float32, jnp.float32, convolution, rounds=True)
  return Numerics(jnp.dtype(precision), jnp.float32, convolution)


def _lacks_bfloat16() -> bool:
  # Not only products: every bfloat16 that is stored is rounded in software.
  return target_platform() == "cpu" and not cpu.has_bfloat16()
