"""Data that a finished run keeps for its report: images, classes, positions.

They are one file of arrays, so that a page can be made again, or runs be
compared, without the data set, JAX or TensorFlow.
"""

import dataclasses
import io
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.formats import read_npz
from suncet_jax.files.paths import expanded

_NAME = "report/data.npz"  # path in the folder of the run
_TEXTS = frozenset(
  (
    *("command", "predicted_by", "class_names"),
    *("view_titles", "drawn_titles", "heard_titles"),
  )
)


@dataclasses.dataclass(frozen=True)
class ReportData:
  """Arrays of one run; any of them may be empty.

  Attributes:
    command: Command that started the run.
    class_names: Name of each class, str [c]; empty if they have none.
    labels: True classes of all test images, int [n].
    predictions: Predicted classes of all test images, int [n]; -1: none.
    predicted_by: Title of the classifier, e.g. "linear probe".
    mapped: Rows of `labels` of the images on the map, int [m].
    positions: Positions of these images on the map, float [m, 2].
    thumbnails: Small versions of these images, uint8 [m, h, w, c].
    neighbours: A query and its k nearest images per row, uint8
      [rows, 1 + k, h, w, c].
    neighbour_labels: True classes of `neighbours`, int [rows, 1 + k].
    views: An image and its views per row, uint8 [rows, columns, h, w, c].
    view_titles: Title of each column of `views`, str [columns].
    drawn: Images that the method's networks draw, uint8
      [rows, columns, h, w, c].
    drawn_titles: Title of each row of `drawn`, str [rows].
    heard: Frames of a clip per row, bright where its sound is heard, uint8
      [rows, columns, h, w, c]; of methods of clips alone.
    heard_titles: Title of each column of `heard`, str [columns].

  Raises:
    ValueError: If the shapes do not match.
  """

  command: str
  class_names: Sequence[str]
  labels: np.ndarray
  predictions: np.ndarray
  predicted_by: str
  mapped: np.ndarray
  positions: np.ndarray
  thumbnails: np.ndarray
  neighbours: np.ndarray
  neighbour_labels: np.ndarray
  views: np.ndarray
  view_titles: Sequence[str]
  drawn: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((0, 0, 0, 0, 1), np.uint8)
  )
  drawn_titles: Sequence[str] = dataclasses.field(default_factory=list)
  heard: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((0, 0, 0, 0, 1), np.uint8)
  )
  heard_titles: Sequence[str] = dataclasses.field(default_factory=list)

  def __post_init__(self) -> None:
    _check_lengths("predictions", self.predictions, "labels", self.labels)
    _check_lengths("positions", self.positions, "mapped", self.mapped)
    _check_lengths("thumbnails", self.thumbnails, "mapped", self.mapped)
    _check_images(self.thumbnails, 4)
    for array in (self.neighbours, self.views, self.drawn, self.heard):
      _check_images(array, 5)
    _check_titles("views", self.views, self.view_titles)
    _check_titles("heard", self.heard, self.heard_titles)
    _check_lengths("drawn_titles", self.drawn_titles, "drawn", self.drawn)
    expected = self.neighbours.shape[:2]
    if self.neighbours.size and self.neighbour_labels.shape != expected:
      raise UserError(
        "neighbour_labels must have one label per image of neighbours: "
        f"expected shape {expected}, got {self.neighbour_labels.shape}"
      )

  def class_name(self, label: int) -> str:
    """Returns the name of a class, or its number if it has no name."""
    if label < 0:
      return "none"
    if label < len(self.class_names):
      return str(self.class_names[label])
    return str(label)


def save_data(folder: epath.PathLike, data: ReportData) -> None:
  """Writes report/data.npz of a run.

  Args:
    folder: Folder of the run, on disk or in a bucket.
    data: Report data to write.

  Raises:
    OSError: If the file is not writable.
  """
  buffer = io.BytesIO()
  arrays: dict[str, Any] = {
    field.name: np.asarray(getattr(data, field.name))
    for field in dataclasses.fields(data)
  }
  for name in _TEXTS:
    arrays[name] = arrays[name].astype(np.str_)
  np.savez_compressed(buffer, **arrays)
  storage.write(expanded(folder) / _NAME, buffer.getvalue())


def load_data(folder: epath.PathLike) -> ReportData | None:
  """Reads report/data.npz of a run.

  Args:
    folder: Folder of the run, on disk or in a bucket.

  Returns:
    The report data, or None if there is no such file (yet).

  Raises:
    OSError: If the file is not readable.
    ValueError: If it was not written by `save_data`.
  """
  path = expanded(folder) / _NAME
  if not path.is_file():
    return None
  try:
    kept = read_npz(storage.read(path))
    arrays: dict[str, Any] = {
      field.name: kept[field.name]
      for field in dataclasses.fields(ReportData)
      # Files of earlier versions have none of these.
      if field.name in kept or not field.name.startswith(("drawn", "heard"))
    }
    for name in _TEXTS & arrays.keys():
      arrays[name] = arrays[name].tolist()
    return ReportData(**arrays)
  except (KeyError, ValueError) as error:
    raise UserError(
      f"{path} does not hold the data of a report ({error}): remove it, or "
      "run suncet_jax.main on the folder again"
    ) from error


def _check_lengths(
  name: str, array: Sized, other_name: str, other: Sized
) -> None:
  if len(array) != len(other):
    raise UserError(
      f"{name} must have one entry per row of {other_name}: expected "
      f"{len(other)}, got {len(array)}"
    )


def _check_titles(name: str, images: np.ndarray, titles: Sequence[str]) -> None:
  if images.size and len(titles) != images.shape[1]:
    raise UserError(
      f"{name.removesuffix('s')}_titles must name every column of {name}: "
      f"expected {images.shape[1]}, got {len(titles)}"
    )


def _check_images(images: np.ndarray, rank: int) -> None:
  if not images.size:
    return
  is_shape = images.ndim == rank and images.shape[-1] in (1, 3)
  if not is_shape or images.dtype != np.uint8:
    raise UserError(
      f"images must be uint8 of rank {rank} with 1 or 3 channels, got "
      f"{images.dtype} of shape {images.shape}"
    )
