"""LiRA's encoder of mouths: frames to features, and a number per frame.

Ma et al. 2021 (arXiv 2106.09171) give its parts; their sizes are those of the
same group's later public code: a convolution over five frames, a ResNet-18 on
each frame from its first stage on, and Conformer blocks over the frames. The
first two have 11,182,784 parameters.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import LiRASizes
from suncet_jax.errors import UserError
from suncet_jax.models.blocks import BasicBlock, rematerialized
from suncet_jax.models.clip_conv import VideoConv
from suncet_jax.models.conformer import ConformerBlock, dropout
from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics
from suncet_jax.models.pool import max_pool


class LiRA(nn.Module):
  """The encoder of frames; it never looks at the sound.

  Attributes:
    sizes: Sizes of the network.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
  """

  sizes: LiRASizes
  numerics: Numerics
  remat: bool = False

  @nn.compact
  def __call__(
    self, clips: Mapping[str, jax.Array], *, train: bool
  ) -> dict[str, jax.Array]:
    """Maps clips to features of each frame, and of the clip.

    Args:
      clips: {"video": [b, t, h, w, c], ...}; nothing else is used.
      train: Whether norms use the statistics of the batch, and dropout acts
        where there is a key.

    Returns:
      In the stored dtype: "frames" [b, t, d] and "features" [b, d], their mean
      over time.

    Raises:
      ValueError: Frames have another rank.
    """
    video, sizes = clips["video"], self.sizes
    if video.ndim != 5:
      raise UserError(
        f"clips must have video [b, t, h, w, c], got shape {video.shape}."
      )
    b, t = video.shape[:2]
    x = _Stem(sizes.planes, sizes.max_pool, self.numerics, name="stem")(
      video, train
    )
    x = self._trunk(x, train).reshape(b, t, -1)
    x = Dense(sizes.conformer.width, self.numerics, name="projection")(x)
    x = dropout(self, x, sizes.conformer.dropout, train)
    x = x.astype(self.numerics.param_dtype)
    block = rematerialized(ConformerBlock) if self.remat else ConformerBlock
    for i in range(sizes.conformer.blocks):
      name = f"conformer{i + 1}"
      x = block(sizes.conformer, self.numerics, name=name)(x, train)
    return {"features": jnp.mean(x, axis=1), "frames": x}

  def _trunk(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps frames [n, h, w, c] to means [n, f] over their places."""
    block = rematerialized(BasicBlock) if self.remat else BasicBlock
    for i, depth in enumerate(self.sizes.depths):
      for j in range(depth):
        x = block(
          self.sizes.planes * 2**i,
          stride=2 if i > 0 and j == 0 else 1,
          zero_init_residual=False,
          numerics=self.numerics,
          activation=nn.silu,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, train)
    return jnp.mean(x, axis=(1, 2), dtype=self.numerics.param_dtype)


class _Stem(nn.Module):
  """Convolution over five frames, norm, swish and, for large frames, a pool."""

  planes: int
  max_pool: bool
  numerics: Numerics

  @nn.compact
  def __call__(self, video: jax.Array, train: bool) -> jax.Array:
    """Maps [b, t, h, w, c] to frames [b t, h', w', planes]."""
    x = VideoConv(self.planes, 5, 7, self.numerics, stride=2, name="conv")(
      video
    )
    x = nn.silu(BatchNorm(self.numerics, name="norm")(x, train=train))
    x = x.reshape(-1, *x.shape[2:])
    return max_pool(x) if self.max_pool else x
