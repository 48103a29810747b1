"""Vision transformers: patches as tokens, blocks of attention, a pool.

Dosovitskiy et al. 2021 (arXiv 2010.11929), in the shapes of DeiT (Touvron et
al. 2021, arXiv 2012.12877) and DINOv2 (Oquab et al. 2023, arXiv 2304.07193),
with registers (Darcet et al. 2023, arXiv 2309.16588) and layer scale (Touvron
et al. 2021, arXiv 2103.17239).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from absl import logging

from suncet_jax.architectures import Transformer
from suncet_jax.errors import UserError
from suncet_jax.models import initializers, positions
from suncet_jax.models.activations import gelu
from suncet_jax.models.attention import SelfAttention
from suncet_jax.models.blocks import rematerialized
from suncet_jax.models.conv import Conv
from suncet_jax.models.dense import Dense
from suncet_jax.models.layer_norm import LayerNorm
from suncet_jax.models.numerics import Numerics

_MLP_RATIO = 4
_token = nn.initializers.normal(1e-6)


class VisionTransformer(nn.Module):
  """A vision transformer up to and including its pool.

  The sum that blocks add to stays in the stored dtype, as under PyTorch's
  autocast: what a layer scale of 1e-5 adds is less than bfloat16 can see.

  Attributes:
    architecture: Patch, width, depth and heads.
    numerics: Numerics of all layers.
    pool: Features: "class" for the class token after the last norm, "mean" for
      the norm of the mean over patches, without a class token.
    registers: Number of tokens that belong to no patch and are not pooled.
    layer_scale: Factor of what each layer adds, at the start; 0: none.
    image_size: Height and width, in pixels, of the images whose patches the
      position embeddings are of; 0: those that the parameters are drawn for.
    norm_epsilon: Number that the norms add to variances.
    remat: Whether the gradient computes blocks again.
  """

  architecture: Transformer
  numerics: Numerics
  pool: str = "class"
  registers: int = 0
  layer_scale: float = 0.0
  image_size: int = 0
  norm_epsilon: float = 1e-6
  remat: bool = False

  @nn.compact
  def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
    """Maps images [b, h, w, c] to features [b, f] in the stored dtype.

    Raises:
      ValueError: Height or width are no multiple of the patch.
    """
    patch, width, depth, heads = self.architecture
    _check_size(images.shape[1:3], patch)
    x = Conv(
      width,
      patch,
      self.numerics,
      stride=patch,
      padding="VALID",
      use_bias=True,
      kernel_init=initializers.uniform_fan_in,
      name="patches",
    )(images)
    x = self._with_tokens(x.astype(self.numerics.param_dtype))
    block = rematerialized(Block) if self.remat else Block
    for i in range(depth):
      x = block(
        heads,
        self.layer_scale,
        self.norm_epsilon,
        self.numerics,
        name=f"block{i + 1}",
      )(x, train)
    x = x[:, 0] if self.pool == "class" else x[:, self.registers :].mean(axis=1)
    x = LayerNorm(self.numerics, self.norm_epsilon, name="norm")(x)
    return x.astype(self.numerics.param_dtype)

  def _with_tokens(self, x: jax.Array) -> jax.Array:
    """Returns class token, registers and patches, with their positions."""
    b, height, width, channels = x.shape
    has_class, store = self.pool == "class", self.numerics.param_dtype
    added = self._positions((height, width), has_class)
    first, rest = jnp.split(added, [int(has_class)], axis=1)
    parts = [rest]
    if self.registers:
      shape = (1, self.registers, channels)
      parts = [self.param("registers", _token, shape, store), *parts]
    if has_class:
      token = self.param("class_token", _token, (1, 1, channels), store)
      parts = [token + first, *parts]
    extra = self.registers + has_class
    x = x.reshape(b, height * width, channels)
    # One sum, which several devices compute by rows.
    x = jnp.pad(x, ((0, 0), (extra, 0), (0, 0)))
    return x + jnp.concatenate(parts, axis=1)

  def _positions(self, grid: tuple[int, int], has_class: bool) -> jax.Array:
    """Returns position embeddings [1, n, d] of a grid of patches."""
    patch, width, *_ = self.architecture
    if self.has_variable("params", "positions"):
      # Whatever images they are of: weights of others have their own size.
      own: jax.Array = self.get_variable("params", "positions")
    else:
      height, side = (
        (self.image_size // patch,) * 2 if self.image_size else grid
      )
      if height != side:
        raise UserError(
          f"position embeddings are of square images, got {grid} patches: set"
          " model.vit.image_size."
        )
      own = self.param(
        "positions",
        initializers.normal_02,
        (1, side * side + has_class, width),
        self.numerics.param_dtype,
      )
    side = positions.side_of(own, has_class=has_class)
    if grid != (side, side):
      logging.info(
        "Position embeddings of %d x %d patches are interpolated to %d x %d.",
        *(side, side),
        *grid,
      )
    return positions.resized(own, grid, has_class=has_class)


class Block(nn.Module):
  """Attention, then an MLP, each behind a norm and added to its input.

  Attributes:
    heads: Number of heads of the attention.
    layer_scale: Factor of what each of them adds, at the start; 0: none.
    norm_epsilon: Number that the norms add to variances.
    numerics: Numerics of all layers.
  """

  heads: int
  layer_scale: float
  norm_epsilon: float
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps tokens [b, n, c] to [b, n, c] in the stored dtype."""
    del train  # nothing here is of the batch
    y = LayerNorm(self.numerics, self.norm_epsilon, name="norm1")(x)
    y = SelfAttention(self.heads, self.numerics, name="attention")(y)
    x = x + self._scaled(y, "layer_scale1")
    y = LayerNorm(self.numerics, self.norm_epsilon, name="norm2")(x)
    y = _MLP(self.numerics, name="mlp")(y)
    return x + self._scaled(y, "layer_scale2")

  def _scaled(self, y: jax.Array, name: str) -> jax.Array:
    y = y.astype(self.numerics.param_dtype)
    if not self.layer_scale:
      return y
    return _LayerScale(self.layer_scale, self.numerics, name=name)(y)


class _LayerScale(nn.Module):
  """A factor per channel."""

  start: float
  numerics: Numerics

  @nn.compact
  def __call__(self, y: jax.Array) -> jax.Array:
    init = nn.initializers.constant(self.start)
    shape = (y.shape[-1],)
    return y * self.param("scale", init, shape, self.numerics.param_dtype)


class _MLP(nn.Module):
  """Dense, GELU, Dense; four times as wide between them."""

  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    channels, start = x.shape[-1], initializers.TRANSFORMER
    x = Dense(_MLP_RATIO * channels, self.numerics, start=start, name="dense1")(
      x
    )
    x = gelu(x)
    return Dense(channels, self.numerics, start=start, name="dense2")(x)


def _check_size(size: tuple[int, ...], patch: int) -> None:
  if any(side % patch for side in size):
    raise UserError(
      f"images are {size[0]} x {size[1]} pixels, expected multiples of {patch},"
      " the patch of the vision transformer: choose another size"
      " (augment.size, evals.image_size, data.centre_crop), or another"
      " model.name."
    )
