"""Images as one [b, h, w] array per channel, the form inside this package.

Resampling is then two batched matrix products without a transposed copy, and
colour operations are arithmetic on whole arrays. On a CPU, XLA's program for
one array with a channel axis takes at least twice as long.
"""

import jax
import jax.numpy as jnp

Planes = tuple[jax.Array, ...]

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode "L"

# A TPU would multiply in bfloat16, whose 8 bits are coarser than the pixels; by
# three products it has 16, in half of the time of float32's six. A GPU has 11.
_PRECISION = jax.lax.Precision.HIGH


def split(images: jax.Array) -> Planes:
  """Separates the channels of [b, h, w, c] images."""
  return tuple(images[..., i] for i in range(images.shape[-1]))


def join(planes: Planes) -> jax.Array:
  """Joins the channels to [b, h, w, c] images."""
  return jnp.stack(planes, axis=-1)


def luma(planes: Planes) -> jax.Array:
  """Returns the [b, h, w] grey image of one or three channels."""
  if len(planes) == 1:
    return planes[0]
  red, green, blue = planes
  return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def where(is_chosen: jax.Array, chosen: Planes, other: Planes) -> Planes:
  """Selects each image from `chosen` or `other` by the mask [b]."""
  mask = is_chosen[:, None, None]
  return tuple(
    jnp.where(mask, a, b) for a, b in zip(chosen, other, strict=True)
  )


def resample(
  planes: Planes, vertical: jax.Array, horizontal: jax.Array
) -> Planes:
  """Computes each output line and column as a weighted sum of input ones.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1].
    vertical: Weights [b, p, h], each row summing to 1.
    horizontal: Weights [b, q, w], each row summing to 1.

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
  """Scales non-negative weights [..., k] to a sum of 1 over the last axis."""
  return weights / weights.sum(axis=-1, keepdims=True)
