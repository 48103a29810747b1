"""The vision transformer of `suncet_jax.models` in plain Flax."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from suncet_jax.architectures import Transformer


class VisionTransformer(nn.Module):
  """Patches, a class token, pre-norm blocks; its features are the token.

  Attributes:
    architecture: Patch, width, depth and heads.
    dtype: Dtype of the computation; parameters are float32.
  """

  architecture: Transformer
  dtype: DTypeLike

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    """Maps [b, h, w, c] to [b, width]."""
    patch, width, depth, heads = self.architecture
    sides = (patch, patch)
    x = nn.Conv(width, sides, sides, "VALID", dtype=self.dtype, name="patches")(
      images
    )
    x = x.reshape(len(x), -1, width)
    start = nn.initializers.normal(0.02)
    token = self.param("class_token", start, (1, 1, width))
    positions = self.param("positions", start, (1, x.shape[1] + 1, width))
    first = jnp.broadcast_to(token, (len(x), 1, width))
    x = jnp.concatenate([first, x], axis=1) + positions
    for i in range(depth):
      x = _Block(heads, self.dtype, name=f"block{i + 1}")(x)
    return _norm(self.dtype, "norm")(x[:, 0])


class _Block(nn.Module):
  heads: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    y = _norm(self.dtype, "norm1")(x)
    x = x + _Attention(self.heads, self.dtype, name="attention")(y)
    y = _norm(self.dtype, "norm2")(x)
    return x + _MLP(self.dtype, name="mlp")(y)


class _Attention(nn.Module):
  heads: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    b, n, c = x.shape
    x = nn.Dense(3 * c, dtype=self.dtype, name="qkv")(x)
    x = x.reshape(b, n, 3, self.heads, -1)
    x = jax.nn.dot_product_attention(x[:, :, 0], x[:, :, 1], x[:, :, 2])
    return nn.Dense(c, dtype=self.dtype, name="out")(x.reshape(b, n, c))


class _MLP(nn.Module):
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    c = x.shape[-1]
    x = nn.Dense(4 * c, dtype=self.dtype, name="dense1")(x)
    x = nn.gelu(x, approximate=False)
    return nn.Dense(c, dtype=self.dtype, name="dense2")(x)


def _norm(dtype: DTypeLike, name: str) -> nn.LayerNorm:
  return nn.LayerNorm(1e-6, dtype=dtype, name=name)
