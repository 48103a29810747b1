"""The one convolution of all models."""

import flax.linen as nn
import jax
from jax.nn.initializers import Initializer

from suncet_jax.models import initializers
from suncet_jax.models.precision import Precision


def convolve(images: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Convolves with `kernel_size // 2` zeros on every side.

  The padding is written out because "SAME" pads strided convolutions only at
  the bottom and right for even sizes, unlike the reference implementation.

  Args:
    images: [b, h, w, c] activations.
    kernel: [k, k, c, features] weights of the same dtype, k odd.
    stride: in both directions.

  Returns:
    [b, ceil(h / stride), ceil(w / stride), features] activations.
  """
  pad = kernel.shape[0] // 2
  return jax.lax.conv_general_dilated(
    images,
    kernel,
    window_strides=(stride, stride),
    padding=((pad, pad), (pad, pad)),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )


class Conv(nn.Module):
  """A square convolution with parameters "kernel" and, if asked, "bias".

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel, odd.
    precision: dtypes.
    stride: in both directions.
    use_bias: whether to add a bias; not where a batch norm follows.
    kernel_init: start of the kernel.
  """

  features: int
  kernel_size: int
  precision: Precision
  stride: int = 1
  use_bias: bool = False
  kernel_init: Initializer = initializers.kaiming_fan_out

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    """Maps [b, h, w, c] to [b, ceil(h/stride), ceil(w/stride), features]."""
    shape = (
      self.kernel_size,
      self.kernel_size,
      images.shape[-1],
      self.features,
    )
    compute, store = self.precision
    kernel = self.param("kernel", self.kernel_init, shape, store)
    images = convolve(
      images.astype(compute), kernel.astype(compute), self.stride
    )
    if not self.use_bias:
      return images
    bias_init = initializers.uniform_bias(self.kernel_size**2 * shape[2])
    bias = self.param("bias", bias_init, (self.features,), store)
    return images + bias.astype(compute)
