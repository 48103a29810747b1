"""Max pool of the ImageNet stem, with a gradient of its own but on TPUs.

XLA's gradient of a max pool, a scatter, takes ten times as long on a CPU as
this one, and on a GPU four times by the bytes of its kernels. XLA for TPUs has
a better one, by its own estimate nine times as fast (docs/accelerators.md).
All compute the same: the first of equal maxima gets the gradient. Reverse mode
only.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

# Row and column of each place in a 3x3 window, from the top left.
_PLACES = [(i, j) for i in range(3) for j in range(3)]


def max_pool(x: jax.Array) -> jax.Array:
  """Returns the maxima of 3x3 windows with stride 2, padded with -inf.

  Args:
    x: Floating-point images [b, h, w, c].

  Returns:
    Maxima [b, ceil(h / 2), ceil(w / 2), c].
  """
  return jax.lax.platform_dependent(x, tpu=_of_xla, default=_by_places)


def _of_xla(x: jax.Array) -> jax.Array:
  return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


@jax.custom_vjp
def _by_places(x: jax.Array) -> jax.Array:
  return _forward(x)[0]


def _forward(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  b, h, w, c = x.shape
  rows, columns = (h + 1) // 2, (w + 1) // 2
  sides = ((0, 0), (1, 1), (1, 1), (0, 0))
  padded = jnp.pad(x, sides, constant_values=-jnp.inf)
  largest = jnp.full((b, rows, columns, c), -jnp.inf, x.dtype)
  winner = jnp.zeros(largest.shape, jnp.int8)
  for place, (i, j) in enumerate(_PLACES):
    end = (b, i + 2 * rows - 1, j + 2 * columns - 1, c)
    value = jax.lax.slice(padded, (0, i, j, 0), end, (1, 2, 2, 1))
    winner = jnp.where(value > largest, jnp.int8(place), winner)
    largest = jnp.maximum(largest, value)  # a NaN stays one
  return largest, (winner, x[:0])


def _backward(
  residuals: tuple[jax.Array, jax.Array], dy: jax.Array
) -> tuple[jax.Array]:
  winner, empty = residuals
  _, h, w, _ = empty.shape
  at = {place: jnp.where(winner == i, dy, 0) for i, place in enumerate(_PLACES)}
  # Window e covers rows 2e - 1, 2e and 2e + 1: an even row lies in one window,
  # an odd one in two, of which the second is the next. Columns likewise.
  even = _interleave(at[1, 1], at[1, 2] + _next(at[1, 0], 2), 2)
  odd = _interleave(
    at[2, 1] + _next(at[0, 1], 1),
    at[2, 2] + _next(at[0, 2], 1) + _next(at[2, 0] + _next(at[0, 0], 1), 2),
    2,
  )
  return (_interleave(even, odd, 1)[:, :h, :w],)


_by_places.defvjp(_forward, _backward)


def _next(x: jax.Array, axis: int) -> jax.Array:
  """Shifts x by one place towards the start of an axis, filling with zeros."""
  sides = [(0, 0)] * x.ndim
  sides[axis] = (0, 1)
  return jnp.pad(jax.lax.slice_in_dim(x, 1, None, axis=axis), sides)


def _interleave(first: jax.Array, second: jax.Array, axis: int) -> jax.Array:
  """Returns first[0], second[0], first[1], ... along an axis."""
  shape = list(first.shape)
  shape[axis] *= 2
  return jnp.stack([first, second], axis + 1).reshape(shape)
