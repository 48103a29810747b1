"""A trained encoder as a function from images to features."""

import os
from typing import Any

import jax
import numpy as np
from etils import epath

from suncet_jax.convert import files
from suncet_jax.convert.features import (
  Features,
  build_model,
  make_features,
  make_projection,
)
from suncet_jax.convert.given import Given, GivenImages
from suncet_jax.convert.weights import Weights
from suncet_jax.errors import UserError
from suncet_jax.evals.embed import embed
from suncet_jax.files import storage


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
    # It may be unpickled in another folder.
    self._source = os.fspath(storage.absolute(path))
    self._batch_size = batch_size
    self._part = part
    self._params, self._batch_stats = jax.device_put(weights.variables)
    self._features = jax.jit(make_features(weights))
    self._projection = jax.jit(make_projection(weights))

  def __call__(self, images: Given) -> np.ndarray:
    """Returns the features of images.

    Args:
      images: Images [n, h, w, c], uint8 or floating point in [0, 1]; grey ones
        may be [n, h, w]. n may be 0. Where `self.images.resize` is not 0,
        uint8 images of another size than `self.images.size` are resized and
        cropped. Or image files: paths of files, folders and CSV lists, one or
        a sequence of them; see `suncet_jax.data.folder.inputs`.

    Returns:
      Features [n, d], float32; not-a-number for files that cannot be decoded,
      each of which is warned of.

    Raises:
      TypeError: If images have another dtype.
      ValueError: If images have another shape, or are not in [0, 1].
    """
    return self._over(images, self._features, self.feature_size)

  def project(self, images: Given) -> np.ndarray:
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

  def _over(self, images: Given, apply: Features, size: int) -> np.ndarray:
    """Applies a function of the variables and images to all images."""
    given = GivenImages(images, self.images)
    if not given.count:
      return np.zeros((0, size), np.float32)
    rows = given.rows(self._batch_size)
    made = embed(
      lambda batch: apply(self._params, self._batch_stats, batch),
      given.batches(rows),
      batch_size=rows,
    )
    return given.without_bad(made.astype(np.float32))


def _load(path: str, batch_size: int, part: str = "") -> Encoder:
  return load_encoder(path, batch_size=batch_size, part=part)
