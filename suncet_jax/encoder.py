"""A trained encoder as a function from images to features."""

import math
import os
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from etils import epath
from numpy.typing import ArrayLike
from PIL import Image

from suncet_jax.convert import files
from suncet_jax.convert.features import (
  Features,
  build_model,
  make_features,
  make_projection,
)
from suncet_jax.convert.weights import Images, Weights
from suncet_jax.data.arrays import shape_hint
from suncet_jax.errors import UserError
from suncet_jax.evals.embed import embed
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded


def load_encoder(
  path: epath.PathLike, *, batch_size: int = 256, part: str = ""
) -> "Encoder":
  """Loads a trained encoder.

  Args:
    path: Folder of a run, finished or not, whose newest checkpoint is read; or
      a file or folder of weights that `python -m suncet_jax.convert` writes or
      reads. Local or gs://.
    batch_size: Number of images that go through the network at a time.
    part: Part of a file with several networks, as prefix of its names or a
      component of that, such as "encoder_q" or "teacher"; of a run the head
      that `project` applies, such as "logits", instead of the projection.

  Returns:
    Encoder, to be called with images.

  Raises:
    ValueError: If there are no weights, or they are damaged or of an unknown
      layout.

  Example: `encode = load_encoder("runs/digits")`, then `encode(images)` of
  uint8 [n, h, w, c] gives features, float32 [n, d].
  """
  if batch_size < 1:
    raise UserError(f"batch_size must be at least 1; got {batch_size}.")
  return Encoder(files.read(path, part=part), path, batch_size, part)


class Encoder:
  """A function from images to features; made by `load_encoder`.

  Images are prepared as in the evaluation of the run. An encoder is immutable,
  so that scikit-learn may copy it, and is pickled as the path that it was
  loaded from.

  Attributes:
    images: Preparation of images.
    feature_size: Size d of the features.
    projection_size: Size of the projections; 0 without a projection head.
  """

  def __init__(
    self,
    weights: Weights,
    path: epath.PathLike,
    batch_size: int,
    part: str = "",
  ) -> None:
    """Initializes without compiling; use `load_encoder`."""
    self.images = weights.images
    self.feature_size = build_model(weights).feature_size
    self.projection_size = (
      weights.model["head"]["out"] if weights.has_head else 0
    )
    self._source = os.fspath(expanded(path))
    if not storage.in_bucket(path):  # it may be unpickled in another folder
      self._source = os.path.abspath(self._source)
    self._batch_size = batch_size
    self._part = part
    self._params, self._batch_stats = jax.device_put(weights.variables)
    self._features = jax.jit(make_features(weights))
    self._projection = jax.jit(make_projection(weights))

  def __call__(self, images: ArrayLike) -> np.ndarray:
    """Returns the features of images.

    Args:
      images: Images [n, h, w, c], uint8 or floating point in [0, 1]; grey ones
        may be [n, h, w]. n may be 0. Where `self.images.resize` is not 0,
        uint8 images of another size than `self.images.size` are resized and
        cropped.

    Returns:
      Features [n, d], float32.

    Raises:
      TypeError: If images have another dtype.
      ValueError: If images have another shape, or are not in [0, 1].
    """
    return self._over(images, self._features, self.feature_size)

  def project(self, images: ArrayLike) -> np.ndarray:
    """Returns the projections of images, which the losses are computed of.

    Args:
      images: Images, as for a call.

    Returns:
      Projections [n, projection_size], float32, not normalised.

    Raises:
      TypeError: If images have another dtype.
      ValueError: If images have another shape or are not in [0, 1], or there is
        no projection head.
    """
    if not self.projection_size:
      raise UserError(f"{self._source} holds no projection head.")
    return self._over(images, self._projection, self.projection_size)

  def __repr__(self) -> str:
    """Returns the representation."""
    part = f", part={self._part!r}" if self._part else ""
    return (
      f"load_encoder({self._source!r}, batch_size={self._batch_size}{part})"
    )

  def __reduce__(self) -> tuple[Any, ...]:
    """Returns the path for pickling; unpickling reads the weights again."""
    return _load, (self._source, self._batch_size, self._part)

  def __deepcopy__(self, memo: dict[int, Any]) -> "Encoder":
    """Returns the encoder itself, as it is immutable."""
    return self

  def _over(self, images: ArrayLike, apply: Features, size: int) -> np.ndarray:
    """Applies a function of the variables and images to all images."""
    array = _checked(np.asarray(images), self.images)
    if not len(array):
      return np.zeros((0, size), np.float32)
    # Powers of two, so that calls with few images compile few programs.
    rows = min(self._batch_size, 1 << (len(array) - 1).bit_length())
    made = embed(
      lambda batch: apply(self._params, self._batch_stats, batch),
      (_prepared(part, self.images) for part in _parts(array, rows)),
      batch_size=rows,
    )
    return made.astype(np.float32)


def _load(path: str, batch_size: int, part: str = "") -> Encoder:
  return load_encoder(path, batch_size=batch_size, part=part)


def _parts(images: np.ndarray, rows: int) -> Iterator[np.ndarray]:
  for start in range(0, len(images), rows):
    yield images[start : start + rows]


def _checked(images: np.ndarray, spec: Images) -> np.ndarray:
  """Returns images [n, h, w, c], after checking them."""
  # One image [h, w, 1] must not be mistaken for h images one pixel wide.
  if images.ndim == 3 and spec.channels == 1 and images.shape[2] != 1:
    images = images[..., None]
  is_empty = images.ndim == 4 and not all(images.shape[1:3])
  if images.ndim != 4 or images.shape[3] != spec.channels or is_empty:
    raise UserError(
      f"images have shape {images.shape}, expected [n, h, w, {spec.channels}] "
      f"with h and w above 0{shape_hint(images.shape, (spec.channels,))}."
    )
  is_float = np.issubdtype(images.dtype, np.floating)
  if images.dtype != np.uint8 and not is_float:
    raise TypeError(
      f"images are {images.dtype}, expected uint8 (0 to 255) or floating point "
      "in [0, 1]."
    )
  # Written so that NaN fails, too.
  if is_float and images.size and not (0 <= images.min() <= images.max() <= 1):
    raise UserError(
      f"images have values from {images.min()} to {images.max()}; expected "
      "uint8, or floating point in [0, 1] (not normalised: that is done here)."
    )
  return images


def _prepared(images: np.ndarray, spec: Images) -> np.ndarray:
  """Resizes images where the evaluation resizes them."""
  shape = (spec.size, spec.size)
  if not spec.resize or images.shape[1:3] == shape:
    return images
  if images.dtype != np.uint8:
    raise UserError(
      f"images of floating point are {images.shape[1]} x {images.shape[2]}, "
      f"expected {spec.size} x {spec.size}; those in uint8 may have any size."
    )
  return np.stack([_centre(image, spec) for image in images])


def _centre(pixels: np.ndarray, spec: Images) -> np.ndarray:
  """Resizes the short side, then takes the centre, like the evaluation.

  The pixels are those of `suncet_jax.data.images.crops.centre`, but where the
  file of the weights names another filter or crop.
  """
  is_grey = spec.channels == 1
  image = Image.fromarray(pixels[..., 0] if is_grey else pixels)
  shape, resample = (spec.size,) * 2, Image.Resampling[spec.resample.upper()]
  if spec.crop == "whole":
    part = image.resize(shape, resample)
    return np.asarray(part).reshape(*shape, spec.channels)
  short = min(image.size)
  width, height = (extent * spec.resize // short for extent in image.size)
  whole = math.floor if spec.crop == "floored" else round
  left, top = whole((width - spec.size) / 2), whole((height - spec.size) / 2)
  across, down = image.width / width, image.height / height
  part = image.resize(
    shape,
    resample,
    (
      left * across,
      top * down,
      (left + spec.size) * across,
      (top + spec.size) * down,
    ),
  )
  return np.asarray(part).reshape(*shape, spec.channels)
