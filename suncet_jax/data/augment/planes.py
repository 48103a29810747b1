"""Images as one [b, h, w] array per channel: the form inside this package.

A resampling is then two batched matrix products without a transposed copy, and
a colour operation is arithmetic on whole arrays: on a CPU, XLA makes of a
channel axis inside one array a program that takes at least twice as long.
"""

import jax
import jax.numpy as jnp

Planes = tuple[jax.Array, ...]

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode "L"

# float32 on every platform: a TPU would multiply in bfloat16, whose 8 bits are
# coarser than the pixels.
_PRECISION = jax.lax.Precision.HIGHEST


def split(images: jax.Array) -> Planes:
  """Separates the channels of [b, h, w, c] images."""
  return tuple(images[..., i] for i in range(images.shape[-1]))


def join(planes: Planes) -> jax.Array:
  """Puts the channels back together: [b, h, w, c]."""
  return jnp.stack(planes, axis=-1)


def luma(planes: Planes) -> jax.Array:
  """Returns the [b, h, w] grey image of one or three channels."""
  if len(planes) == 1:
    return planes[0]
  red, green, blue = planes
  return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def where(is_chosen: jax.Array, chosen: Planes, other: Planes) -> Planes:
  """Takes each image from `chosen` or `other`, as [b] `is_chosen` says."""
  mask = is_chosen[:, None, None]
  return tuple(
    jnp.where(mask, a, b) for a, b in zip(chosen, other, strict=True)
  )


def resample(
  planes: Planes, vertical: jax.Array, horizontal: jax.Array
) -> Planes:
  """Makes each output line and column a weighted sum of input ones.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1].
    vertical: [b, p, h] weights, each row summing to 1.
    horizontal: [b, q, w] weights, each row summing to 1.

  Returns:
    c arrays [b, p, q], float32 in [0, 1].
  """
  columns = jnp.swapaxes(horizontal, 1, 2)

  def one(plane: jax.Array) -> jax.Array:
    lines = jnp.matmul(vertical, plane, precision=_PRECISION)
    result = jnp.matmul(lines, columns, precision=_PRECISION)
    # Rounding can leave the sum of the weights a little above 1.
    return jnp.clip(result, 0.0, 1.0)

  return tuple(map(one, planes))


def normalize_rows(weights: jax.Array) -> jax.Array:
  """Scales [..., k] non-negative weights to a sum of 1 over the last axis."""
  return weights / weights.sum(axis=-1, keepdims=True)
