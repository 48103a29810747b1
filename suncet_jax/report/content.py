"""What a report is made of."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class ReportContent:
  """Everything the report of one run shows.

  An array without elements, an empty history and an absent metric are all
  fine: the report leaves that part out and says so.

  Attributes:
    title: name of the run, e.g. "digits, suncet".
    result: content of the run's `result.json`; its "metrics" are fractions.
    history: rows of `metrics.csv`; a missing value is an absent key.
    config_text: JSON of the config.
    command: the command line that was run.
    embeddings: [n, d] float, backbone features of a sample of test images.
    labels: [n] integer, their classes; negative means unlabelled.
    class_names: name of each class, indexed by label.
    views: [rows, columns, h, w, c] uint8, per row an image and its views.
    view_titles: one title per column of `views`.
    neighbours: [rows, 1 + k, h, w, c] uint8, a query and its k nearest images.
    neighbour_labels: [rows, 1 + k] integer, the true classes of `neighbours`.

  Raises:
    ValueError: if shapes do not fit each other.
    TypeError: if images are not uint8.
  """

  title: str
  result: Mapping[str, Any]
  history: list[dict[str, float]]
  config_text: str
  command: str
  embeddings: np.ndarray
  labels: np.ndarray
  class_names: Sequence[str]
  views: np.ndarray
  view_titles: Sequence[str]
  neighbours: np.ndarray
  neighbour_labels: np.ndarray

  def __post_init__(self) -> None:
    _check_embeddings(self.embeddings, self.labels)
    _check_images("views", self.views)
    _check_images("neighbours", self.neighbours)
    if self.views.size and len(self.view_titles) != self.views.shape[1]:
      raise ValueError(
        "view_titles must name every column of views: expected "
        f"{self.views.shape[1]}, got {len(self.view_titles)}"
      )
    expected = self.neighbours.shape[:2]
    if self.neighbours.size and self.neighbour_labels.shape != expected:
      raise ValueError(
        "neighbour_labels must have one label per image of neighbours: "
        f"expected shape {expected}, got {self.neighbour_labels.shape}"
      )


def _check_embeddings(embeddings: np.ndarray, labels: np.ndarray) -> None:
  if not embeddings.size:
    return
  if embeddings.ndim != 2:
    raise ValueError(f"embeddings must be [n, d], got shape {embeddings.shape}")
  if labels.shape != embeddings.shape[:1]:
    raise ValueError(
      "labels must have one entry per row of embeddings: expected shape "
      f"{embeddings.shape[:1]}, got {labels.shape}"
    )


def _check_images(name: str, images: np.ndarray) -> None:
  if not images.size:
    return
  if images.ndim != 5 or images.shape[-1] not in (1, 3):
    raise ValueError(
      f"{name} must be [rows, columns, h, w, c] with c 1 or 3, "
      f"got shape {images.shape}"
    )
  if images.dtype != np.uint8:
    raise TypeError(f"{name} must be uint8, got {images.dtype}")
