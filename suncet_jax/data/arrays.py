"""Images in memory: user-supplied arrays, and scikit-learn's digits."""

import dataclasses
import importlib.util
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from suncet_jax.data.source import Crop, Dataset, Request
from suncet_jax.errors import UserError
from suncet_jax.integers import exact_integers, mend
from suncet_jax.rng import permutation

CHANNELS = (1, 3)


@dataclasses.dataclass(frozen=True)
class ArraySource:
  """Images held in memory.

  Attributes:
    pixels: Images, uint8 [n, h, w, c].
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: Image names in the same order, or None.
  """

  pixels: np.ndarray
  labels: np.ndarray
  names: Sequence[str] | None = None
  crops_on_host: bool = dataclasses.field(default=False, init=False)
  failure: None = dataclasses.field(default=None, init=False)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """The (h, w, c) of every image."""
    return self.pixels.shape[1:]

  @property
  def row_shape(self) -> tuple[int, int, int]:
    """The same: a row is an image."""
    return self.image_shape

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
  ) -> Iterator[tuple[np.ndarray, ...]]:
    """Returns whole images; the training step crops them on the device."""
    del crops  # part of the protocol; only sources that crop need them
    return ((self.pixels[rows.indices],) for rows in requests)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Returns the images unchanged."""
    return (self.pixels[indices] for indices in batches)


def from_arrays(
  images: ArrayLike, labels: ArrayLike | None = None
) -> ArraySource:
  """Makes a source of images in memory.

  Two sources, for training and test, make a `Dataset`, on which
  `suncet_jax.train.run.run` trains.

  Args:
    images: Images, uint8 [n, h, w, c] with c 1 or 3, or [n, h, w].
    labels: Labels, integer [n], classes from 0 on; -1 means unlabelled. None:
      no image is labelled.

  Returns:
    The source, which shares memory with the arrays where no conversion is
    needed.

  Raises:
    TypeError: If images are not uint8, or labels not integers.
    ValueError: If shapes do not match, there is no image, or a label is below
      -1 or beyond 32 bits.

  Example:
    >>> import numpy as np
    >>> from suncet_jax.data import from_arrays
    >>> source = from_arrays(np.zeros((4, 8, 8), np.uint8), [0, 1, -1, -1])
    >>> source.pixels.shape, source.labels.tolist()
    ((4, 8, 8, 1), [0, 1, -1, -1])
  """
  pixels = np.asarray(images)
  if pixels.dtype != np.uint8:
    raise TypeError(f"images are {pixels.dtype}, expected uint8 (0 to 255).")
  if pixels.ndim == 3:
    if pixels.shape[2] in CHANNELS:
      raise UserError(
        f"images have shape {pixels.shape}, which may be one image [h, w, c] "
        "or many [n, h, w]: give images[None] or images[..., None]."
      )
    pixels = pixels[..., None]
  if pixels.ndim != 4 or pixels.shape[3] not in CHANNELS or not pixels.size:
    raise UserError(
      f"images have shape {pixels.shape}, expected [n, h, w, c] with c 1 or 3 "
      f"and at least one image{shape_hint(pixels.shape, CHANNELS)}."
    )
  if labels is None:
    labels = np.full(len(pixels), -1)
  return ArraySource(pixels, _checked_labels(labels, len(pixels)))


def _checked_labels(labels: ArrayLike, count: int) -> np.ndarray:
  """Returns labels int32 [count] after checking them."""
  numbers = exact_integers("labels", labels)
  if numbers.shape != (count,):
    raise UserError(
      f"labels have shape {numbers.shape}, expected {(count,)}: one per image."
      + mend("labels", numbers.shape, numbers.dtype)
    )
  if numbers.min() < -1:
    raise UserError(
      f"label {numbers.min()} of image {numbers.argmin()}: expected a class "
      "from 0 on, or -1 for unlabelled."
    )
  highest = np.iinfo(np.int32).max
  if numbers.max() > highest:
    raise UserError(
      f"label {numbers.max()} of image {numbers.argmax()}: expected at most "
      f"{highest}. Number the classes from 0 on; of labels without -1, "
      "np.unique(labels, return_inverse=True)[1] does."
    )
  return numbers.astype(np.int32)


def shape_hint(shape: Sequence[int], channels: Collection[int]) -> str:
  """Returns how images of another layout are converted, for messages.

  Args:
    shape: Shape of the images.
    channels: Numbers of channels that are expected.

  Returns:
    The end of a sentence; empty if the layout is not known either.
  """
  if len(shape) == 4 and shape[1] in channels:
    return "; of images [n, c, h, w], np.moveaxis(images, 1, -1)"
  if len(shape) == 4 and shape[3] in (2, 4) and shape[3] - 1 in channels:
    return "; of images with transparency, images[..., :-1]"
  if len(shape) == 4 and shape[3] == 1 and 3 in channels:
    return "; of grey images, np.repeat(images, 3, -1)"
  if len(shape) == 3 and shape[2] in channels:
    return "; of a single image, image[None]"
  if len(shape) == 3 and 3 in channels:
    return "; of grey images, np.repeat(images[..., None], 3, -1)"
  return ""


def digits() -> Dataset:
  """Returns scikit-learn's 1,797 digits, 8 x 8; every fifth is a test image."""
  table = _digits_table()
  images = table[:, :-1].reshape(-1, 8, 8, 1)
  pixels = np.rint(images * (255 / 16)).astype(np.uint8)
  labels = table[:, -1].astype(np.int32)
  # The file is ordered by writer: shuffled, both parts have all writers.
  order = permutation(len(labels), 0)
  is_test = np.zeros(len(labels), bool)
  for label in range(10):
    of_class = order[labels[order] == label]
    is_test[of_class[: len(of_class) // 5]] = True
  return Dataset(
    "digits",
    ArraySource(pixels[~is_test], labels[~is_test]),
    ArraySource(pixels[is_test], labels[is_test]),
    tuple(map(str, range(10))),
  )


def _digits_table() -> np.ndarray:
  """Returns the digits: pixels from 0 to 16, then the label, [n, 65]."""
  # Importing scikit-learn takes longer than importing JAX.
  spec = importlib.util.find_spec("sklearn")
  if spec and spec.origin:
    path = Path(spec.origin).with_name("datasets") / "data" / "digits.csv.gz"
    if path.exists():
      return np.loadtxt(path, delimiter=",")
  from sklearn import datasets

  return np.column_stack(datasets.load_digits(return_X_y=True))
