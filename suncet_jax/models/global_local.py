"""Global-Local's three networks: slow and fast frames, and sound.

Ma et al. 2021 (arXiv 2104.05418), in the layout of the public code: two
three-dimensional ResNet-18s whose blocks have one convolution over space and
time and one of 1x1x1, and a one-dimensional ResNet-18 without strides. Clips of
32 frames of 112 x 112 pixels and 96 x 80 numbers of sound give 4 x 7 x 7 places
of 512 numbers, 32 x 7 x 7 of 64 and 96 times of 512, with 19,947,688
parameters. There are no connections from the fast network to the slow one.
"""

import functools
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import GlobalLocalSizes
from suncet_jax.errors import UserError
from suncet_jax.models.activations import relu
from suncet_jax.models.blocks import rematerialized
from suncet_jax.models.clip_conv import AudioConv, VideoConv
from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics
from suncet_jax.models.pool import max_pool

# Strides of height and width at the beginning of the stages.
_STRIDES = (1, 2, 2, 1)
_SLOPE = 0.01  # of the audio network's leaky ReLU, PyTorch's default


class GlobalLocal(nn.Module):
  """The three networks and their 1x1 projections.

  Attributes:
    sizes: Sizes of the networks.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
  """

  sizes: GlobalLocalSizes
  numerics: Numerics
  remat: bool = False

  @nn.compact
  def __call__(
    self, clips: Mapping[str, jax.Array], *, train: bool
  ) -> dict[str, jax.Array]:
    """Maps clips to the outputs that the losses take, by name.

    Args:
      clips: {"video": [b, t, h, w, c], "audio": [b, s, m]}.
      train: Whether norms use the statistics of the batch.

    Returns:
      In the stored dtype, for t' = t / slow_every slow frames and p x q places:
      "features" [b, f], the means of both networks of frames over time and
      places; "slow" [b, t', p, q, d] and "fast" [b, t, p, q, e], projected;
      "audio_global" [b, s, d] and "audio_local" [b, s, e], projected.

    Raises:
      ValueError: Frames or sound have another rank.
    """
    video, audio = clips["video"], clips["audio"]
    if (video.ndim, audio.ndim) != (5, 3):
      raise UserError(
        "clips must have video [b, t, h, w, c] and audio [b, s, m], got shapes "
        f"{video.shape} and {audio.shape}."
      )
    sizes = self.sizes
    frames = functools.partial(
      FrameNet,
      depths=sizes.depths,
      max_pool=sizes.max_pool,
      numerics=self.numerics,
      remat=self.remat,
    )
    slow = frames(1, sizes.slow, flat_stages=2, name="slow")(
      video[:, :: sizes.slow_every], train
    )
    fast = frames(5, sizes.fast, flat_stages=0, name="fast")(video, train)
    sound = SoundNet(
      sizes.audio, sizes.depths, self.numerics, self.remat, name="audio"
    )(audio, train)
    projected = {
      "slow": (slow, sizes.out),
      "fast": (fast, sizes.local_out),
      "audio_global": (sound, sizes.out),
      "audio_local": (sound, sizes.local_out),
    }
    mean = functools.partial(
      jnp.mean, axis=(1, 2, 3), dtype=self.numerics.param_dtype
    )
    features = jnp.concatenate([mean(slow), mean(fast)], axis=-1)
    return {"features": features} | {
      name: self._projection(x, out, name)
      for name, (x, out) in projected.items()
    }

  def _projection(self, x: jax.Array, out: int, name: str) -> jax.Array:
    made = Dense(out, self.numerics, name=f"{name}_projection")(x)
    return made.astype(self.numerics.param_dtype)


class FrameNet(nn.Module):
  """A three-dimensional ResNet that keeps every frame.

  Attributes:
    stem_frames: Frames of the first kernel, which is of 7 x 7 pixels.
    planes: Number of channels of the first stage; doubled from stage to stage.
    depths: Number of blocks of each stage.
    flat_stages: Number of first stages whose blocks mix channels before they
      look at space and time; the others the other way round.
    max_pool: Whether a 3x3 max pool of stride 2 follows the stem.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
  """

  stem_frames: int
  planes: int
  depths: tuple[int, ...]
  flat_stages: int
  max_pool: bool
  numerics: Numerics
  remat: bool

  @nn.compact
  def __call__(self, video: jax.Array, train: bool) -> jax.Array:
    """Maps frames [b, t, h, w, c] to [b, t, p, q, f]."""
    x = VideoConv(
      self.planes, self.stem_frames, 7, self.numerics, stride=2, name="stem"
    )(video)
    x = relu(BatchNorm(self.numerics, name="stem_norm")(x, train=train))
    if self.max_pool:
      b, t, *shape = x.shape
      x = max_pool(x.reshape(b * t, *shape))
      x = x.reshape(b, t, *x.shape[1:])
    block = rematerialized(FrameBlock) if self.remat else FrameBlock
    for i, depth in enumerate(self.depths):
      for j in range(depth):
        x = block(
          self.planes * 2**i,
          stride=_STRIDES[i] if j == 0 else 1,
          is_flat_first=i < self.flat_stages,
          numerics=self.numerics,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, train)
    return x


class FrameBlock(nn.Module):
  """A residual block: 3x3x3 and 1x1x1, or the other way round.

  Attributes:
    planes: Number of output channels.
    stride: Stride of height and width of the first convolution.
    is_flat_first: Whether the 1x1x1 comes first.
    numerics: Numerics of all layers.
  """

  planes: int
  stride: int
  is_flat_first: bool
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, t, h, w, c] to [b, t, h/stride, w/stride, planes]."""
    first, second = (1, 3) if self.is_flat_first else (3, 1)
    conv = functools.partial(VideoConv, self.planes, numerics=self.numerics)
    norm = functools.partial(BatchNorm, self.numerics)
    shortcut = x
    if x.shape[-1] != self.planes or self.stride != 1:
      shortcut = conv(1, 1, stride=self.stride, name="shortcut_conv")(x)
      shortcut = norm(name="shortcut_norm")(shortcut, train=train)
    x = conv(first, first, stride=self.stride, name="conv1")(x)
    x = relu(norm(name="norm1")(x, train=train))
    x = conv(second, second, name="conv2")(x)
    return relu(norm(name="norm2")(x, train=train) + shortcut)


class SoundNet(nn.Module):
  """A one-dimensional ResNet that keeps every time.

  Attributes:
    planes: Number of channels of the first stage; doubled from stage to stage.
    depths: Number of blocks of each stage.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
  """

  planes: int
  depths: tuple[int, ...]
  numerics: Numerics
  remat: bool

  @nn.compact
  def __call__(self, audio: jax.Array, train: bool) -> jax.Array:
    """Maps sound [b, s, m] to [b, s, f]."""
    x = AudioConv(self.planes, 7, self.numerics, name="stem")(audio)
    x = BatchNorm(self.numerics, name="stem_norm")(x, train=train)
    x = nn.leaky_relu(x, _SLOPE)
    block = rematerialized(SoundBlock) if self.remat else SoundBlock
    for i, depth in enumerate(self.depths):
      for j in range(depth):
        x = block(
          self.planes * 2**i,
          has_projection=j == 0,
          numerics=self.numerics,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, train)
    return x


class SoundBlock(nn.Module):
  """A residual block of two convolutions over three times.

  Attributes:
    planes: Number of output channels.
    has_projection: Whether the shortcut has a convolution and a norm; in the
      public code the first stage has them, too, though nothing changes shape.
    numerics: Numerics of all layers.
  """

  planes: int
  has_projection: bool
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, s, c] to [b, s, planes]."""
    conv = functools.partial(AudioConv, self.planes, numerics=self.numerics)
    norm = functools.partial(BatchNorm, self.numerics)
    shortcut = x
    if self.has_projection:
      shortcut = conv(1, use_bias=False, name="shortcut_conv")(x)
      shortcut = norm(name="shortcut_norm")(shortcut, train=train)
    x = norm(name="norm1")(conv(3, name="conv1")(x), train=train)
    x = conv(3, name="conv2")(nn.leaky_relu(x, _SLOPE))
    x = norm(name="norm2")(x, train=train) + shortcut
    return nn.leaky_relu(x, _SLOPE)
