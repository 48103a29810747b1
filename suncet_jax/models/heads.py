"""Heads between the features and the losses."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import MLP
from suncet_jax.models import initializers
from suncet_jax.models.activations import ACTIVATIONS
from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics

_SHORT = 1e-24  # squared length


class MLPHead(nn.Module):
  """Dense layers with an activation between them, with or without batch norms.

  Chen et al. 2020 (arXiv 2002.05709), section 2.1, has two layers without
  norms. The later release of the reference repository has three layers with
  `batch_norm`, google-research/simclr three with both kinds of norm.

  Attributes:
    mlp: Layers of the head.
    numerics: Numerics of all layers.
  """

  mlp: MLP
  numerics: Numerics

  @nn.compact
  def __call__(self, inputs: jax.Array, *, train: bool) -> jax.Array:
    """Maps rows [b, f] to [b, out] in the stored dtype."""
    mlp = self.mlp
    norm = functools.partial(BatchNorm, self.numerics)
    x = _unit_rows(inputs) if mlp.unit_inputs else inputs
    if mlp.input_batch_norm:
      x = norm(name="norm0")(x, train=train)
    for i in range(1, mlp.layers):
      x = self._dense(x, mlp.hidden or inputs.shape[-1], f"dense{i}")
      if mlp.batch_norm:
        x = norm(name=f"norm{i}")(x, train=train)
      x = ACTIVATIONS[mlp.activation](x)
    x = self._dense(x, mlp.out, f"dense{mlp.layers}")
    if mlp.output_batch_norm:
      x = norm(use_bias=False, name=f"norm{mlp.layers}")(x, train=train)
    return x.astype(self.numerics.param_dtype)

  def _dense(self, x: jax.Array, units: int, name: str) -> jax.Array:
    use_bias = self.mlp.use_bias and not self.mlp.output_batch_norm
    start = initializers.DENSE[self.mlp.init]
    return Dense(units, self.numerics, use_bias, start, name=name)(x)


def _unit_rows(x: jax.Array) -> jax.Array:
  """Scales rows to length 1; a row of zeros stays, with a finite gradient."""
  squares = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.where(squares > _SHORT, squares, 1))
