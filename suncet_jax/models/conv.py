"""Convolution layer of all models."""

from collections.abc import Sequence

import flax.linen as nn
import jax
from jax.nn.initializers import Initializer

from suncet_jax.convolution import convolve
from suncet_jax.models import initializers
from suncet_jax.models.numerics import Numerics


class Conv(nn.Module):
  """A square convolution with a parameter "kernel" and optionally "bias".

  Attributes:
    features: Number of output channels.
    kernel_size: Height and width of the kernel.
    numerics: Dtypes and implementation.
    stride: Stride in both directions.
    padding: Zeros around the images, ((top, bottom), (left, right)), "SAME" or
      "VALID"; None for `kernel_size // 2` on every side.
    use_bias: Whether to add a bias; not needed where a batch norm follows.
    kernel_init: Initializer of the kernel.
  """

  features: int
  kernel_size: int
  numerics: Numerics
  stride: int = 1
  padding: str | Sequence[tuple[int, int]] | None = None
  use_bias: bool = False
  kernel_init: Initializer = initializers.kaiming_fan_out

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    """Maps [b, h, w, c] to [b, ceil(h/stride), ceil(w/stride), features].

    The shape holds for the default padding and an odd kernel size.
    """
    shape = (
      self.kernel_size,
      self.kernel_size,
      images.shape[-1],
      self.features,
    )
    compute, store = self.numerics.dtype, self.numerics.param_dtype
    kernel = self.param("kernel", self.kernel_init, shape, store)
    # Not "SAME", which pads strided convolutions of even sizes only at the
    # bottom and right, unlike the reference implementation.
    side = (self.kernel_size // 2, self.kernel_size // 2)
    images = convolve(
      *self.numerics.operands(images, kernel),
      strides=(self.stride, self.stride),
      padding=(side, side) if self.padding is None else self.padding,
      implementation=self.numerics.convolution,
    )
    if not self.use_bias:
      return images
    bias_init = initializers.uniform_bias(self.kernel_size**2 * shape[2])
    bias = self.param("bias", bias_init, (self.features,), store)
    # Added in the stored dtype, so that its gradient is summed in that too.
    return (images.astype(store) + bias).astype(compute)
