"""Whatever image files users have become upright RGB pixels."""

import struct

import image_files
import numpy as np
import pytest
from PIL import Image

from suncet_jax.data.errors import ImageError
from suncet_jax.data.images.decode import EncodedImage

_PHOTO = image_files.photograph()
_ORIENTATION = 0x0112


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_files_without_loss_give_the_pixels(kind):
  options = {"lossless": True} if kind == "WEBP" else {}
  image = EncodedImage(image_files.encode(_PHOTO, kind, **options))
  assert image.size == (60, 80)
  assert image.format == kind
  np.testing.assert_array_equal(image.pixels(), _PHOTO)


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "CMYK"])
def test_other_colours_become_rgb(mode):
  kind = "JPEG" if mode == "CMYK" else "PNG"
  image = Image.fromarray(_PHOTO).convert(mode)
  options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
  pixels = EncodedImage(image_files.encode(image, kind, **options)).pixels()
  assert pixels.dtype == np.uint8
  expected = np.asarray(image.convert("RGB")).astype(int)
  assert pixels.shape == _PHOTO.shape
  assert np.abs(pixels - expected).max() <= (4 if kind == "JPEG" else 0)


def test_grey_becomes_three_equal_channels():
  grey = Image.fromarray(_PHOTO).convert("L")
  pixels = EncodedImage(image_files.encode(grey)).pixels()
  np.testing.assert_array_equal(
    pixels, np.asarray(grey)[..., None].repeat(3, 2)
  )


def test_sixteen_bits_become_eight():
  levels = np.linspace(0, 65535, 60 * 80).astype(np.uint16).reshape(60, 80)
  file = image_files.encode(Image.fromarray(levels))
  pixels = EncodedImage(file).pixels()
  expected = np.rint(levels / 257)
  np.testing.assert_array_equal(pixels, expected[..., None].repeat(3, 2))


def _twelve_bits():
  """A grey TIFF file of one row of two pixels, 12 bits each."""
  tags = {256: 2, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1}
  tags[279] = 3  # bytes of pixels
  entries = b"".join(struct.pack("<HHII", t, 3, 1, v) for t, v in tags.items())
  return (
    struct.pack("<2sHI3sx", b"II", 42, 12, b"\x12\x34\x56")
    + struct.pack("<H", len(tags))
    + entries
    + bytes(4)
  )


_LEVELS = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
  ("file", "message"),
  [
    (
      image_files.encode(Image.fromarray(_LEVELS.astype(np.float32)), "TIFF"),
      "a TIFF file of floating point, which do not say what is white",
    ),
    (
      image_files.encode(
        Image.fromarray((_LEVELS * 255).astype(np.int32)), "TIFF"
      ),
      "a TIFF file of 32-bit integers",
    ),
    (
      b"Pf\n8 8\n-1.0\n" + _LEVELS.astype("<f4").tobytes(),
      "a PPM file of floating point",
    ),
    (_twelve_bits(), r"a TIFF file of \(12,\) bits; expected 8 or 16"),
  ],
)
def test_levels_without_a_known_range_are_refused(file, message):
  """They would become nearly black images."""
  with pytest.raises(ImageError, match=message):
    EncodedImage(file)


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "PNG", "JPEG2000"])
def test_sixteen_bits_of_each_format_reach_white(kind):
  levels = (_LEVELS * 65535).astype(np.uint16)
  options = {"irreversible": False} if kind == "JPEG2000" else {}
  file = image_files.encode(Image.fromarray(levels), kind, **options)
  pixels = EncodedImage(file).pixels()
  assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_upright(orientation):
  upright = Image.fromarray(_PHOTO)
  # What a camera stores so that a viewer who obeys the tag sees it upright.
  stored = {
    1: upright,
    2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: upright.transpose(Image.Transpose.ROTATE_180),
    4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: upright.transpose(Image.Transpose.TRANSPOSE),
    6: upright.transpose(Image.Transpose.ROTATE_90),
    7: upright.transpose(Image.Transpose.TRANSVERSE),
    8: upright.transpose(Image.Transpose.ROTATE_270),
  }[orientation]
  exif = Image.Exif()
  exif[_ORIENTATION] = orientation
  image = EncodedImage(image_files.encode(stored, "PNG", exif=exif))
  assert image.size == (60, 80)
  np.testing.assert_array_equal(image.pixels(), _PHOTO)


@pytest.mark.parametrize(
  ("reduction", "size"),
  [(1.0, (60, 80)), (1.9, (60, 80)), (2.0, (30, 40)), (5.0, (15, 20))],
)
def test_a_jpeg_may_be_decoded_smaller_but_not_too_small(reduction, size):
  file = image_files.encode(_PHOTO, "JPEG", quality=95)
  assert EncodedImage(file).pixels(reduction).shape[:2] == size
  png = image_files.encode(_PHOTO)
  assert EncodedImage(png).pixels(reduction).shape[:2] == (60, 80)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_truncated_file_is_an_error(kind):
  file = image_files.encode(_PHOTO, kind)
  with pytest.raises(ImageError):
    EncodedImage(file[: len(file) // 2]).pixels()


@pytest.mark.parametrize("file", [b"", b"GIF?", b"\xff\xd8\xff\xe0" * 9])
def test_what_is_no_image_is_an_error(file):
  with pytest.raises(ImageError):
    EncodedImage(file).pixels()
