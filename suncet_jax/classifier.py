"""The classifier that a run has kept, as a function from images to classes."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from etils import epath

from suncet_jax.convert import files
from suncet_jax.convert.features import make_probabilities
from suncet_jax.convert.given import Given, GivenImages
from suncet_jax.convert.weights import Weights
from suncet_jax.errors import UserError
from suncet_jax.evals.embed import embed
from suncet_jax.files import storage


def load_classifier(
  path: epath.PathLike, *, batch_size: int = 256
) -> "Classifier":
  """Loads a trained classifier.

  Args:
    path: Folder of a finished run; or a file or folder that `python -m
      suncet_jax.convert RUN --part=classifier` writes. Local or gs://.
    batch_size: Number of images that go through the network at a time.

  Returns:
    Classifier, to be called with images.

  Raises:
    ValueError: If the run is not finished or has no classifier, or the file
      holds none or is damaged.

  Example: `classify = load_classifier("runs/mine")`, then
  `classes, probabilities = classify("photographs/")`.
  """
  if batch_size < 1:
    raise UserError(f"batch_size must be at least 1; got {batch_size}.")
  return Classifier(files.read(path, part="classifier"), path, batch_size)


class Predictions(NamedTuple):
  """Classes of images.

  Attributes:
    classes: Name of the likeliest class of each image, [n]; empty for files
      that cannot be decoded.
    probabilities: Calibrated probabilities [n, c], float32, in the order of
      `Classifier.classes`; not-a-number for files that cannot be decoded.
  """

  classes: np.ndarray
  probabilities: np.ndarray


class Classifier:
  """A function from images to classes; made by `load_classifier`.

  Images are prepared as in the evaluation of the run. A classifier is
  immutable, and is pickled as the path that it was loaded from.

  Attributes:
    classes: Names of the classes, in the order of the probabilities.
    kind: Name of the evaluation that it is of: "linear", "finetune" or
      "classifier", the method's own.
    temperature: Number that logits were divided by, fitted on validation
      images; 1 without any.
    images: Preparation of images.
    about: What the run said of it: how it was chosen and calibrated.
  """

  def __init__(
    self, weights: Weights, path: epath.PathLike, batch_size: int
  ) -> None:
    """Initializes without compiling; use `load_classifier`."""
    found = weights.classifier
    if found is None:
      raise UserError(f"{path} holds an encoder, but no classifier.")
    self.classes, self.kind = found.classes, found.kind
    self.temperature, self.about = found.temperature, dict(found.about)
    self.images = weights.images
    # It may be unpickled in another folder.
    self._source = os.fspath(storage.absolute(path))
    self._batch_size = batch_size
    self._arguments = jax.device_put((weights.variables, dict(found.arrays)))
    self._apply = jax.jit(make_probabilities(weights))

  def __call__(self, images: Given) -> Predictions:
    """Returns the classes of images.

    Args:
      images: Images [n, h, w, c], uint8 or floating point in [0, 1], as
        `load_encoder` takes them; or paths of image files, folders and CSV
        lists, one or a sequence of them.

    Returns:
      Names of the likeliest classes and all probabilities, in the order of the
      images. Files that cannot be decoded stay as rows, and are warned of.

    Raises:
      TypeError: If an array has another dtype.
      ValueError: If an array has another shape or is not in [0, 1], or there is
        no image at a path.
    """
    given = GivenImages(images, self.images)
    parts = [np.zeros((0, len(self.classes)), np.float32)]
    parts += self.stream(given)
    probabilities = np.concatenate(parts)
    return Predictions(self.names_of(probabilities), probabilities)

  def stream(self, given: GivenImages) -> Iterator[np.ndarray]:
    """Yields the probabilities of one batch of images after another.

    Args:
      given: Images, with `images` of this classifier as their preparation.

    Yields:
      Probabilities [b, c], float32; not-a-number where a file cannot be
      decoded.
    """
    rows, start = given.rows(self._batch_size), 0
    for batch in given.batches(rows):
      made = embed(
        lambda pixels: self._apply(*self._arguments, pixels),
        [batch],
        batch_size=rows,
      )
      yield given.without_bad(made, start)
      start += len(made)

  def names_of(self, probabilities: np.ndarray) -> np.ndarray:
    """Returns the name of the likeliest class of each row, [n].

    Args:
      probabilities: Probabilities [n, c]; a row of not-a-number has no class.
    """
    names = np.array([*self.classes, ""], dtype=str)
    is_bad = np.isnan(probabilities).any(axis=1)
    likeliest = np.where(is_bad, -1, probabilities.argmax(axis=1))
    return names[likeliest]

  def __repr__(self) -> str:
    """Returns the representation."""
    return f"load_classifier({self._source!r}, batch_size={self._batch_size})"

  def __reduce__(self) -> tuple[Any, ...]:
    """Returns the path for pickling; unpickling reads the weights again."""
    return _load, (self._source, self._batch_size)

  def __deepcopy__(self, memo: dict[int, Any]) -> "Classifier":
    """Returns the classifier itself, as it is immutable."""
    return self


def _load(path: str, batch_size: int) -> Classifier:
  return load_classifier(path, batch_size=batch_size)
