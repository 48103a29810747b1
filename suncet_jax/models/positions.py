"""Position embeddings of vision transformers, also for other image sizes."""

import math

import jax
import jax.numpy as jnp


def side_of(positions: jax.Array, *, has_class: bool) -> int:
  """Returns the number of patches, in height and width, of embeddings.

  Args:
    positions: Embeddings [1, n, d].
    has_class: Whether the first of the n is that of the class token.
  """
  return math.isqrt(positions.shape[1] - has_class)


def resized(
  positions: jax.Array, grid: tuple[int, int], *, has_class: bool
) -> jax.Array:
  """Returns position embeddings of another number of patches.

  A bicubic interpolation (Keys, a = -1/2) of the patches' embeddings as an
  image, antialiased where there are fewer patches than before. So timm does it
  (`resample_abs_pos_embed`), and PyTorch's `F.interpolate` with mode "bicubic"
  and `antialias=True`. DINOv2 and Hugging Face's models interpolate without
  antialiasing and with a = -3/4, and so their features of other image sizes
  differ a little. The embedding of the class token stays as it is.

  Args:
    positions: Embeddings [1, n, d] of a square of patches, row by row.
    grid: Number of patches in height and in width.
    has_class: Whether the first of the n is that of the class token.

  Returns:
    Embeddings [1, m, d]; the same ones if the grid is theirs.
  """
  side = side_of(positions, has_class=has_class)
  if grid == (side, side):
    return positions
  depth = positions.shape[-1]
  first, patches = jnp.split(positions, [int(has_class)], axis=1)
  image = jax.image.resize(
    patches.reshape(1, side, side, depth),
    (1, *grid, depth),
    "cubic",
    antialias=True,
  )
  return jnp.concatenate([first, image.reshape(1, -1, depth)], axis=1)
