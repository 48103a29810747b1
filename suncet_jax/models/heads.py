"""Heads between the features and the losses."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics


class MLPHead(nn.Module):
  """Dense layers with ReLU between them, with or without batch norms.

  Chen et al. 2020 (arXiv 2002.05709), section 2.1, has two layers without
  norms. The later release of the reference repository has three layers with
  `batch_norm`, google-research/simclr three with both kinds of norm.

  Attributes:
    layers: Number of Dense layers; 1: a linear map.
    hidden: Number of units of all layers but the last.
    out: Number of units of the last layer.
    batch_norm: Whether a norm follows each hidden layer, before its ReLU.
    output_batch_norm: Whether a norm with gamma but no beta follows the last
      layer. The Dense layers then carry no bias.
    numerics: Numerics of all layers.
    stop_after: Hidden layer whose output, after norm and ReLU, is that of the
      head; 0: the last layer's is.
  """

  layers: int
  hidden: int
  out: int
  batch_norm: bool
  output_batch_norm: bool
  numerics: Numerics
  stop_after: int = 0

  @nn.compact
  def __call__(self, features: jax.Array, *, train: bool) -> jax.Array:
    """Maps rows [b, f] to [b, out], or [b, hidden], in the stored dtype."""
    x = features
    for i in range(1, self.layers):
      x = self._dense(x, self.hidden, f"dense{i}")
      if self.batch_norm:
        x = BatchNorm(self.numerics, name=f"norm{i}")(x, train=train)
      x = nn.relu(x)
      if i == self.stop_after:
        return x.astype(self.numerics.param_dtype)
    x = self._dense(x, self.out, f"dense{self.layers}")
    if self.output_batch_norm:
      norm = BatchNorm(self.numerics, use_bias=False, name=f"norm{self.layers}")
      x = norm(x, train=train)
    return x.astype(self.numerics.param_dtype)

  def _dense(self, x: jax.Array, units: int, name: str) -> jax.Array:
    use_bias = not self.output_batch_norm
    return Dense(units, self.numerics, use_bias, name=name)(x)


def first_layers(variables: Mapping[str, Any], count: int) -> dict[str, Any]:
  """Returns parameters, or statistics, of the first layers of an `MLPHead`.

  Args:
    variables: Those of all layers.
    count: Number of layers.
  """
  kept = {f"{kind}{i + 1}" for kind in ("dense", "norm") for i in range(count)}
  return {name: part for name, part in variables.items() if name in kept}
