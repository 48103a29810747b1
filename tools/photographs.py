"""Makes photographs without a network, and archives like ImageNet's.

    python tools/photographs.py --out=DIR [--classes=1000] [--per_class=4]
        [--validation=1000] [--size=500x375] [--kilobytes=110]

The photographs are random crops of the colour pictures that come with
scikit-learn and scikit-image, so that a JPEG decoder and a disk have as much
work as with ImageNet; noise would be far more, plain colours far less. The
archives have ImageNet's names and layout, so that TFDS's own imagenet2012 makes
a data set from them:

    python -m suncet_jax.prepare --dataset=imagenet2012 --manual_dir=DIR
"""

import argparse
import colorsys
import functools
import importlib.util
import io
import pathlib
import sys
import tarfile
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image

from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded

_PHOTOS = {  # pictures in colour, by package
  "sklearn": ("datasets/images", ("china.jpg", "flower.jpg")),
  "skimage": (
    "data",
    (
      "astronaut.png",
      "chelsea.png",
      "coffee.png",
      "hubble_deep_field.jpg",
      "ihc.png",
      "motorcycle_left.png",
      "motorcycle_right.png",
      "retina.jpg",
      "rocket.jpg",
    ),
  ),
}
_TINT = 0.3  # share of a pixel that is the colour of its class
_GOLDEN = 0.618034  # turn between hues: far apart for any number of them
_PLAIN_QUALITY = 90

Size = tuple[int, int]  # width, height


@functools.cache
def photos() -> tuple[Image.Image, ...]:
  """Returns the eleven pictures.

  Raises:
    FileNotFoundError: If a package, or a picture in it, is missing.
  """
  paths = []
  for package, (folder, names) in _PHOTOS.items():
    # Only looked up: importing scikit-image takes longer than all the rest.
    spec = importlib.util.find_spec(package)
    if spec is None:
      raise FileNotFoundError(f"the package of {package} is not installed")
    root = pathlib.Path(spec.submodule_search_locations[0])
    paths += [root / folder / name for name in names]
  return tuple(Image.open(path).convert("RGB") for path in paths)


def crop(
  photo: Image.Image,
  size: Size,
  draw: np.random.Generator,
  share: tuple[float, float] = (0.7, 1.0),
) -> Image.Image:
  """Returns a random crop with the aspect ratio of `size`, resized to it.

  Args:
    photo: Picture.
    size: Width and height, in pixels.
    draw: Generator of the crop.
    share: Range of its width, as a share of the largest that fits.
  """
  width, height = size
  widest = min(photo.width, photo.height * width / height)
  wide = widest * draw.uniform(*share)
  high = wide * height / width
  left = draw.uniform(0, photo.width - wide)
  top = draw.uniform(0, photo.height - high)
  return photo.resize(
    size,
    Image.Resampling.BICUBIC,
    box=(left, top, left + wide, top + high),
    reducing_gap=2.0,  # many times faster for large reductions
  )


def encode(image: Image.Image, quality: int) -> bytes:
  """Returns the JPEG file of an image."""
  file = io.BytesIO()
  image.save(file, "JPEG", quality=quality)
  return file.getvalue()


def encode_to_size(image: Image.Image, kilobytes: float) -> bytes:
  """Returns the JPEG file of an image with a size nearest to `kilobytes`."""
  low, high = 1, 100
  files = {}  # by quality; a better one is larger
  while low <= high:
    quality = (low + high) // 2
    files[quality] = encode(image, quality)
    if len(files[quality]) < 1000 * kilobytes:
      low = quality + 1
    else:
      high = quality - 1
  return min(files.values(), key=lambda f: abs(len(f) - 1000 * kilobytes))


def photograph(
  index: int,
  draw: np.random.Generator,
  size: Size,
  kilobytes: float | None,
  tint: int | None = None,
) -> bytes:
  """Returns one JPEG file.

  Args:
    index: Number of the picture, modulo the number of pictures.
    draw: Generator of the random crop.
    size: Width and height, in pixels.
    kilobytes: Size of the file, met as nearly as JPEG's quality allows; None
      means a fixed quality, which is fast.
    tint: Number of a hue to mix in, or None.
  """
  image = crop(photos()[index % len(photos())], size, draw)
  if tint is not None:
    colour = colorsys.hsv_to_rgb(tint * _GOLDEN % 1.0, 1.0, 1.0)
    plain = Image.new("RGB", size, tuple(int(255 * c) for c in colour))
    image = Image.blend(image, plain, _TINT)
  if kilobytes is None:
    return encode(image, _PLAIN_QUALITY)
  return encode_to_size(image, kilobytes)


def jpegs(
  count: int,
  *,
  size: Size = (500, 375),
  kilobytes: float | None = 110.0,
  seed: int = 0,
) -> Iterator[bytes]:
  """Yields `count` JPEG files of all pictures in turn, without a tint.

  The same arguments give the same files; see `photograph` for their meaning.
  """
  draw = np.random.default_rng(seed)
  return (photograph(i, draw, size, kilobytes) for i in range(count))


def synsets() -> tuple[list[str], list[str]]:
  """Returns the names of the classes, and that of each validation image."""
  # This module only knows paths: it does not import TensorFlow.
  from tensorflow_datasets.datasets.imagenet2012 import imagenet_common

  names = imagenet_common.label_names_file()
  labels = names.parent / "validation_labels.txt"
  return names.read_text().split(), labels.read_text().split()


def write_archives(
  folder: pathlib.Path,
  *,
  classes: int = 1000,
  per_class: int = 4,
  validation: int = 1000,
  size: Size = (500, 375),
  kilobytes: float | None = 110.0,
  seed: int = 0,
) -> None:
  """Writes ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar.

  A class is one picture in one tint, so that classes can be told apart.

  Args:
    folder: Folder of the archives, made if missing.
    classes: Number of classes with training images, at most 1000.
    per_class: Number of training images per class.
    validation: Number of validation images, at most 50,000.
    size: Width and height, in pixels.
    kilobytes: Size of the files; see `photograph`.
    seed: Seed of the crops.
  """
  names, labels = synsets()
  index = {name: i for i, name in enumerate(names)}

  def draw(name: str, purpose: int, count: int) -> Iterator[bytes]:
    """Yields images of a class; `purpose` separates training and validation."""
    rest, photo = divmod(index[name], len(photos()))
    numbers = np.random.default_rng([seed, purpose, index[name]])
    for _ in range(count):
      yield photograph(photo, numbers, size, kilobytes, tint=rest)

  folder.mkdir(parents=True, exist_ok=True)
  with tarfile.open(folder / "ILSVRC2012_img_train.tar", "w") as archive:
    # The classes of the first validation images: TFDS knows the class of a
    # validation image by its place in the archive alone.
    for name in sorted(list(dict.fromkeys(labels))[:classes]):
      inner = io.BytesIO()
      with tarfile.open(fileobj=inner, mode="w") as members:
        for i, file in enumerate(draw(name, 0, per_class), start=1):
          _add(members, f"{name}_{i}.JPEG", file)
      _add(archive, f"{name}.tar", inner.getvalue())
  images = {name: draw(name, 1, validation) for name in names}
  with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as archive:
    for i, name in enumerate(labels[:validation], start=1):
      _add(archive, f"ILSVRC2012_val_{i:08d}.JPEG", next(images[name]))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
  member = tarfile.TarInfo(name)
  member.size = len(content)
  archive.addfile(member, io.BytesIO(content))


def _size(text: str) -> Size:
  width, height = text.split("x")
  return int(width), int(height)


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--out", required=True, help="folder")
  parser.add_argument("--classes", type=int, default=1000)
  parser.add_argument("--per_class", type=int, default=4)
  parser.add_argument("--validation", type=int, default=1000)
  parser.add_argument("--size", type=_size, default=(500, 375), help="WxH")
  parser.add_argument(
    "--kilobytes", type=float, default=110.0, help="0: a fixed JPEG quality"
  )
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  if not 1 <= options.classes <= 1000 or not 1 <= options.validation <= 50_000:
    parser.error("expected 1 to 1000 --classes and 1 to 50000 --validation")
  start = time.monotonic()
  try:
    folder = pathlib.Path(expanded(options.out))
    write_archives(
      folder,
      classes=options.classes,
      per_class=options.per_class,
      validation=options.validation,
      size=options.size,
      kilobytes=options.kilobytes or None,
      seed=options.seed,
    )
  # A package, or room for the archives, is missing.
  except (OSError, UserError) as error:
    print(f"Error: {error}", file=sys.stderr)
    return 2
  written = sum(file.stat().st_size for file in folder.glob("ILSVRC*"))
  print(
    f"{options.classes} classes x {options.per_class} training images, "
    f"{options.validation} validation images, {written / 1e6:.1f} MB, "
    f"{time.monotonic() - start:.1f} s: {folder}"
  )
  return 0


if __name__ == "__main__":
  sys.exit(main())
