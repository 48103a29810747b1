"""The projection head between the features and the losses."""

import flax.linen as nn
import jax

from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics


class ProjectionHead(nn.Module):
  """Dense layers with ReLU between them, with or without batch norms.

  Chen et al. 2020 (arXiv 2002.05709), section 2.1: two layers without norms.
  The head of the reference repository's later release: three, with
  `batch_norm`. google-research/simclr: three, with both kinds of norm.

  Attributes:
    layers: number of Dense layers; 1: a linear map.
    hidden: units of all but the last.
    out: units of the last.
    batch_norm: whether a norm follows each hidden layer, before its ReLU.
    output_batch_norm: whether a norm with gamma but no beta follows the last
      layer. The Dense layers then carry no bias.
    numerics: dtypes.
  """

  layers: int
  hidden: int
  out: int
  batch_norm: bool
  output_batch_norm: bool
  numerics: Numerics

  @nn.compact
  def __call__(self, features: jax.Array, *, train: bool) -> jax.Array:
    """Maps features [b, f] to projections [b, out] of the stored dtype."""
    x = features
    for i in range(1, self.layers):
      x = self._dense(x, self.hidden, f"dense{i}")
      if self.batch_norm:
        x = BatchNorm(self.numerics, name=f"norm{i}")(x, train=train)
      x = nn.relu(x)
    x = self._dense(x, self.out, f"dense{self.layers}")
    if self.output_batch_norm:
      norm = BatchNorm(self.numerics, use_bias=False, name=f"norm{self.layers}")
      x = norm(x, train=train)
    return x.astype(self.numerics.param_dtype)

  def _dense(self, x: jax.Array, units: int, name: str) -> jax.Array:
    use_bias = not self.output_batch_norm
    return Dense(units, self.numerics, use_bias, name=name)(x)
