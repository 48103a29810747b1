"""Self-attention of vision transformers."""

import flax.linen as nn
import jax

from suncet_jax.models import initializers
from suncet_jax.models.dense import Dense
from suncet_jax.models.numerics import Numerics


class SelfAttention(nn.Module):
  """Multi-head self-attention over all tokens of an image.

  Vaswani et al. 2017 (arXiv 1706.03762), section 3.2, with one product for
  queries, keys and values, in this order, each head by head.

  Attributes:
    heads: Number of heads, which divides the channels.
    numerics: Numerics of all layers.
  """

  heads: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps tokens [b, n, c] to [b, n, c] in the compute dtype."""
    b, n, c = x.shape
    start = initializers.TRANSFORMER
    x = Dense(3 * c, self.numerics, start=start, name="qkv")(x)
    x = x.reshape(b, n, 3, self.heads, c // self.heads)
    query, key = self.numerics.operands(x[:, :, 0], x[:, :, 1])
    x = jax.nn.dot_product_attention(query, key, x[:, :, 2])
    return Dense(c, self.numerics, start=start, name="out")(x.reshape(b, n, c))
