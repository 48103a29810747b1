"""Convolution, with a choice of the implementation."""

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
  one CPU device, the native part of the package is available (see `status`)
  and supports the dtype; otherwise it is `jax.lax.conv_general_dilated`. The
  choice is made when the program is lowered, so that one traced program runs
  on any platform. Values differ by rounding only. `jax.export` for the CPU
  needs "xla", as the handlers of oneDNN are registered in this process only.

  Args:
    images: Images [b, h, w, c].
    kernel: Kernel [kernel height, kernel width, c, o] of the same dtype or of a
      wider one. A wider kernel is rounded for the products, but its gradient is
      summed over rows and devices in the wider dtype (on NVIDIA's GPUs it is
      rounded on each device, and XLA sums between them what is rounded); with
      XLA it has reverse mode only.
    strides: Strides of rows and columns.
    padding: Zeros ((top, bottom), (left, right)), or "SAME" or "VALID".
    implementation: "auto", or "xla" for `jax.lax.conv_general_dilated` always.

  Returns:
    Images [b, rows, columns, o] in the dtype of the input.

  Raises:
    ValueError: The implementation is unknown, a stride is below 1, or shapes do
      not fit.
    TypeError: The dtype of the kernel is another one that is not wider.
    NotImplementedError: `jax.vmap` runs over the kernel, with "auto" where
      oneDNN is available, on any platform.
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
  is_native = implementation == "auto" and _suits_onednn(
    images, kernel, strides, pads
  )
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
  images: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, int],
  padding: xla.Padding,
) -> bool:
  return (
    kernel.dtype in (images.dtype, jnp.float32)
    and images.dtype in library.DTYPES
    and not library.status().reason
    and min(min(pads) for pads in padding) >= 0
    # Of images narrower than a stride its kernel gradient in bfloat16 reads
    # beyond their end (oneDNN 3.2).
    and images.shape[2] >= strides[1]
    and not _is_partitioned(images)
    and not _is_partitioned(kernel)
  )


def _is_partitioned(array: jax.Array) -> bool:
  """Returns whether the type names several devices, or axes of the user."""
  mesh = jax.typeof(array).sharding.mesh
  has_axes = bool(mesh.manual_axes or mesh.explicit_axes)
  return not mesh.empty and (mesh.size > 1 or has_axes)
