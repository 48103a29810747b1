"""Crops and resizes 8-bit images on the host: Pillow's bits in less time.

The filter is Pillow's "bilinear": a triangle that widens when shrinking and
ignores pixels outside of the box. Columns come first, and their result is
rounded to 8 bits, as in one call of Pillow up to version 12. Pillow 13 begins
with the rows where the height shrinks much more than the width, and then some
values differ by one; the result here does not depend on the version.
"""

import ctypes
import functools
import importlib.util
import operator

import numpy as np

from suncet_jax.errors import UserError

_CHANNELS = 3


def crop_and_resize(
  pixels: np.ndarray,
  box: tuple[int, int, int, int],
  size: tuple[int, int],
  out: np.ndarray | None = None,
) -> np.ndarray:
  """Resizes a box of an image, bilinearly and with antialiasing.

  Safe to call from several threads; the native form releases the interpreter's
  lock.

  Args:
    pixels: Image, uint8 [h, w, 3], C-contiguous.
    box: Left, top, width and height in whole pixels, inside the image.
    size: Height and width of the result, in pixels.
    out: Array for the result, uint8 [*size, 3], C-contiguous; it must not
      overlap `pixels`. None means a new array.

  Returns:
    uint8 [*size, 3]; `out` if given.

  Raises:
    ValueError: If an argument is not as described.
  """
  left, top, width, height = map(operator.index, box)
  new_height, new_width = map(operator.index, size)
  _check_pixels(pixels)
  _check_box(pixels, left, top, width, height)
  if min(new_height, new_width) < 1:
    raise UserError(f"size must be at least 1 x 1, got {size}.")
  if out is None:
    out = np.empty((new_height, new_width, _CHANNELS), np.uint8)
  else:
    _check_out(out, pixels, (new_height, new_width, _CHANNELS))
  library = _native()[0]
  if library is None:
    cropped = pixels[top : top + height, left : left + width]
    out[...] = _resize_by_pillow(cropped, new_height, new_width)
    return out
  stride = pixels.strides[0]
  code = library.suncet_resize(
    pixels.ctypes.data + top * stride + left * _CHANNELS,
    stride,
    width,
    height,
    out.ctypes.data,
    new_width,
    new_height,
  )
  if code:
    raise MemoryError("crop_and_resize: no memory for its temporaries.")
  return out


def in_use() -> tuple[str, str]:
  """Returns the implementation in use, "native" or "Pillow", and why."""
  library, reason = _native()
  return ("native", reason) if library else ("Pillow", reason)


@functools.cache
def _native() -> tuple[ctypes.CDLL | None, str]:
  """Loads native/resample.cc once; returns the reason if it cannot."""
  spec = importlib.util.find_spec("suncet_jax._resample")
  if spec is None or spec.origin is None:
    return None, (
      "the native part was not built; install a C++ compiler, then suncet_jax"
      " again"
    )
  try:
    library = ctypes.CDLL(spec.origin)
    resize = library.suncet_resize
  except (OSError, AttributeError) as error:
    return None, f"the native part does not load: {error}"
  integer, pointer = ctypes.c_int64, ctypes.c_void_p
  resize.argtypes = [pointer, *(integer,) * 3, pointer, *(integer,) * 2]
  resize.restype = ctypes.c_int
  return library, "the same bits, several times as fast as Pillow"


def _resize_by_pillow(
  pixels: np.ndarray, new_height: int, new_width: int
) -> np.ndarray:
  """Resizes [h, w, 3] to [new_height, new_width, 3] with Pillow."""
  from PIL import Image  # only where it is needed

  image = Image.fromarray(np.ascontiguousarray(pixels))
  # One axis at a time: the order of the axes depends on Pillow's version.
  for new_size in ((new_width, image.height), (new_width, new_height)):
    image = image.resize(new_size, Image.Resampling.BILINEAR)
  return np.asarray(image)


def _check_pixels(pixels: np.ndarray) -> None:
  if pixels.dtype != np.uint8:
    raise UserError(f"pixels must be uint8, got {pixels.dtype}.")
  if pixels.ndim != 3 or pixels.shape[2] != _CHANNELS:
    raise UserError(f"pixels must be [h, w, 3], got shape {pixels.shape}.")
  if not pixels.flags.c_contiguous:
    raise UserError(
      "pixels must be C-contiguous; np.ascontiguousarray makes them so."
    )


def _check_box(
  pixels: np.ndarray, left: int, top: int, width: int, height: int
) -> None:
  h, w = pixels.shape[:2]
  is_inside = 0 <= left < left + width <= w and 0 <= top < top + height <= h
  if not is_inside:
    raise UserError(
      f"box (left, top, width, height) = {(left, top, width, height)} must "
      f"have pixels, all inside an image of height {h} and width {w}."
    )


def _check_out(
  out: np.ndarray, pixels: np.ndarray, shape: tuple[int, int, int]
) -> None:
  if out.dtype != np.uint8 or out.shape != shape:
    raise UserError(
      f"out must be uint8 of shape {shape}, got {out.dtype} {out.shape}."
    )
  if not (out.flags.c_contiguous and out.flags.writeable):
    raise UserError("out must be C-contiguous and writeable.")
  if np.may_share_memory(out, pixels):
    raise UserError("out and pixels must not overlap.")
