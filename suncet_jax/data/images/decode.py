"""Decodes image files to upright RGB pixels.

Reads JPEG, PNG, WebP, BMP and all other formats of Pillow: grey, palette, CMYK
and 16-bit images, with or without transparency, rotated by their EXIF tag.
"""

import contextlib
import io
from collections.abc import Iterator

import numpy as np
from PIL import (
  ExifTags,
  Image,
  ImageFile,
  ImageOps,
  TiffImagePlugin,
  UnidentifiedImageError,
)

from suncet_jax.data.errors import ImageError

_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_JPEG_REDUCTIONS = (8, 4, 2)
# Pillow hands out their 16 bits, scaled to 65,535, as 32-bit integers.
_SIXTEEN_BITS_AS_I = ("PNG", "PPM")


class EncodedImage:
  """An encoded image whose header has been read.

  Attributes:
    size: Height and width of the upright image, in pixels.
    format: Name of the format: "JPEG", "PNG", ...
  """

  def __init__(self, encoded: bytes) -> None:
    """Reads the header.

    Args:
      encoded: Content of the image file.

    Raises:
      ImageError: If the file is not an image, or of numbers without a range.
    """
    with _one_kind_of_error():
      self._image = Image.open(io.BytesIO(encoded))
      _check_range(self._image)
      orientation = self._image.getexif().get(ExifTags.Base.Orientation, 1)
    self.format = self._image.format or "?"
    self._is_upright = orientation == 1
    width, height = self._image.size
    is_turned = orientation in _TURNED
    self.size = (width, height) if is_turned else (height, width)

  def pixels(self, reduction: float = 1.0) -> np.ndarray:
    """Decodes the image.

    Args:
      reduction: Factor by which the result may be smaller. A JPEG file is then
        decoded at 1/2, 1/4 or 1/8 of its size, never below 1 / reduction, in
        a fraction of the time.

    Returns:
      uint8 [h, w, 3].

    Raises:
      ImageError: If the image cannot be decoded.
    """
    with _one_kind_of_error():
      return np.asarray(self._rgb(reduction))

  def resized_part(
    self,
    box: tuple[float, float, float, float],
    size: int,
    reduction: float = 1.0,
  ) -> np.ndarray:
    """Decodes the image and resizes a part of it.

    Unlike a crop, the result also depends on pixels just outside of the part.

    Args:
      box: Part as (left, top, right, bottom), as shares of width and height.
      size: Height and width of the result, in pixels.
      reduction: Factor as in `pixels`.

    Returns:
      uint8 [size, size, 3].

    Raises:
      ImageError: If the image cannot be decoded.
    """
    with _one_kind_of_error():
      image = self._rgb(reduction)
    (left, top, right, bottom), (w, h) = box, image.size
    part = image.resize(
      (size, size),
      Image.Resampling.BILINEAR,
      (left * w, top * h, right * w, bottom * h),
    )
    return np.asarray(part)

  def _rgb(self, reduction: float) -> Image.Image:
    image: Image.Image = self._image
    scale = next((r for r in _JPEG_REDUCTIONS if r <= reduction), 1)
    if scale > 1:
      width, height = image.size
      self._image.draft(None, (width // scale, height // scale))
    image.load()
    if not self._is_upright:
      image = ImageOps.exif_transpose(image)
    if image.mode == "RGB":
      return image
    if image.mode.startswith("I"):  # 16 bits; Pillow would clip them at 255
      levels = np.asarray(image).astype(np.int64)
      image = Image.fromarray(
        np.clip((levels + 128) // 257, 0, 255).astype("u1")
      )
    if image.mode == "P":  # with transparency, Pillow would warn otherwise
      image = image.convert("RGBA")
    return image.convert("RGB")


def _check_range(image: ImageFile.ImageFile) -> None:
  """Checks that it is known which number is white."""
  kind = {"F": "floating point", "I": "32-bit integers"}.get(image.mode)
  if kind and not (image.mode == "I" and image.format in _SIXTEEN_BITS_AS_I):
    raise ImageError(
      f"a {image.format} file of {kind}, which do not say what is white; "
      "expected 8 or 16 bits"
    )
  if isinstance(image, TiffImagePlugin.TiffImageFile):
    bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE)
    if image.mode == "I;16" and bits != (16,):  # unpacked, but not scaled
      raise ImageError(f"a TIFF file of {bits} bits; expected 8 or 16")


@contextlib.contextmanager
def _one_kind_of_error() -> Iterator[None]:
  """Turns the errors of Pillow's parsers into ImageError."""
  try:
    yield
  except (ImageError, MemoryError):
    raise
  except UnidentifiedImageError as error:
    raise ImageError("not an image in a known format") from error
  except Exception as error:
    raise ImageError(str(error) or repr(error)) from error
