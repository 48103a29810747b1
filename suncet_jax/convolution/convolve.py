"""The choice between the implementations."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from suncet_jax.architectures import CONVOLUTIONS
from suncet_jax.convolution import library, onednn, xla


def convolve(
  images: jax.Array,
  kernel: jax.Array,
  *,
  strides: tuple[int, int] = (1, 1),
  padding: str | Sequence[tuple[int, int]] = "SAME",
  implementation: str = "auto",
) -> jax.Array:
  """Convolves images with a kernel (without flipping it).

  With "auto" this is oneDNN's convolution where the program is compiled for
  one CPU device, the native part of the package is there (see `status`) and
  the dtype is one that it has; in every other case it is
  `jax.lax.conv_general_dilated`. The choice falls when the program is lowered,
  so one traced program runs on any platform. Values differ by rounding only.
  `jax.export` for the CPU needs "xla": a call of oneDNN is of this process.

  Args:
    images: [b, h, w, c].
    kernel: [kernel height, kernel width, c, o] of the same dtype; or of a wider
      one, in which its gradient then is summed over rows and devices, while
      products take it rounded. XLA's then has reverse mode only.
    strides: of rows and columns.
    padding: zeros ((top, bottom), (left, right)), or "SAME" or "VALID".
    implementation: "auto" or "xla" (`jax.lax.conv_general_dilated` always).

  Returns:
    [b, rows, columns, o] of the dtype of the images.

  Raises:
    ValueError: another implementation, a stride below 1, or shapes that do not
      fit.
    TypeError: the kernel is of another dtype that is not wider.
    NotImplementedError: under `jax.vmap` over the kernel, with "auto" where
      oneDNN is there, whatever the platform.
  """
  if implementation not in CONVOLUTIONS:
    raise ValueError(
      f"implementation must be one of {CONVOLUTIONS}; got {implementation!r}."
    )
  rows, columns = strides
  strides = (int(rows), int(columns))
  if min(strides) < 1:
    raise ValueError(f"strides must be >= 1; got {strides}.")
  pads = _explicit(padding, images.shape, kernel.shape, strides)
  is_native = implementation == "auto" and _suits_onednn(images, kernel, pads)
  forward = onednn.forward if is_native else xla.forward
  return forward(images, kernel, strides=strides, padding=pads)


def _explicit(
  padding: str | Sequence[tuple[int, int]],
  images: tuple[int, ...],
  kernel: tuple[int, ...],
  strides: tuple[int, int],
) -> xla.Padding:
  if isinstance(padding, str):
    padding = jax.lax.padtype_to_pads(
      images[1:3], kernel[:2], strides, padding.upper()
    )
  (top, bottom), (left, right) = padding
  return (int(top), int(bottom)), (int(left), int(right))


def _suits_onednn(
  images: jax.Array, kernel: jax.Array, padding: xla.Padding
) -> bool:
  return (
    kernel.dtype in (images.dtype, jnp.float32)
    and images.dtype in library.status().dtypes
    and min(min(pads) for pads in padding) >= 0
    and not _is_partitioned(images)
    and not _is_partitioned(kernel)
  )


def _is_partitioned(array: jax.Array) -> bool:
  """Whether several devices or axes of the user's own are known by now."""
  mesh = jax.typeof(array).sharding.mesh
  has_axes = bool(mesh.manual_axes or mesh.explicit_axes)
  return not mesh.empty and (mesh.size > 1 or has_axes)
