"""Weights of an encoder with all that is needed to use them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import unflatten_dict

from suncet_jax.errors import UserError

FORMAT = "suncet_jax"
_VERSION = 1

# Where in a network a parameter or statistic is: ("backbone", ..., "kernel").
Path = tuple[str, ...]
Leaves = dict[Path, np.ndarray]

_STATISTICS = ("mean", "var")


class ConvertError(UserError):
  """A file cannot be read, written or understood; the message says why."""


class Images(NamedTuple):
  """How images are prepared for a network.

  Attributes:
    channels: 1 or 3.
    size: Height and width, in pixels.
    resize: The short side is resized to so many pixels, then the centre of
      `size` is taken; 0: images are taken as they come, of any size.
    mean: Subtracted per channel from values in [0, 1]; empty: nothing is.
    std: Divided by after that; empty exactly if `mean` is.
    evaluated: Height and width that all are resized to at last, in pixels; 0:
      they are not (`config.evals.image_size`).
  """

  channels: int
  size: int
  resize: int = 0
  mean: tuple[float, ...] = ()
  std: tuple[float, ...] = ()
  evaluated: int = 0


class Weights(NamedTuple):
  """An encoder, as this package has it.

  Attributes:
    model: `config.model` as nested dicts.
    precision: One of `model_names.PRECISIONS`.
    images: How images are prepared.
    leaves: Parameters and batch-norm statistics by their path, float32. Paths
      begin with "backbone" or "head"; there may be no head.
    kept: What the model has no place for, under its name in the file it came
      from, so that the way back is exact.
    origin: Layout, prefix and wrapper in that file; empty for a run.
  """

  model: dict[str, Any]
  precision: str
  images: Images
  leaves: Leaves
  kept: Mapping[str, np.ndarray] = {}
  origin: Mapping[str, Any] = {}

  @property
  def has_head(self) -> bool:
    """Whether there is a projection head."""
    return any(path[0] == "head" for path in self.leaves)

  @property
  def variables(self) -> tuple[dict[str, Any], dict[str, Any]]:
    """(params, batch_stats) as nested dicts, as `Model.apply` takes them."""
    kinds: tuple[Leaves, Leaves] = {}, {}
    for path, leaf in self.leaves.items():
      kinds[is_statistic(path)][path] = leaf
    # A network without a head has an empty one.
    params, batch_stats = (
      {"backbone": {}, "head": {}} | unflatten_dict(kind) for kind in kinds
    )
    return params, batch_stats


def is_statistic(path: Path) -> bool:
  """Whether a leaf is a running statistic rather than a parameter."""
  return path[-1] in _STATISTICS


def to_metadata(weights: Weights, layout: str) -> dict[str, str]:
  """Returns what a file says of weights besides their values, as text."""
  content = {
    "version": _VERSION,
    "layout": layout,
    "model": weights.model,
    "precision": weights.precision,
    "images": weights.images._asdict(),
    "origin": dict(weights.origin),
  }
  return {FORMAT: json.dumps(content)}


def from_metadata(metadata: Mapping[str, str]) -> dict[str, Any] | None:
  """Returns what `to_metadata` has written; None if a file is not ours.

  Raises:
    ConvertError: If it is damaged or of a later version.
  """
  if FORMAT not in metadata:
    return None
  try:
    content = json.loads(metadata[FORMAT])
    version = content["version"]
    if version == _VERSION:
      images = content["images"]
      images |= {name: tuple(images[name]) for name in ("mean", "std")}
      content["images"] = Images(**images)
  except (ValueError, KeyError, TypeError) as error:
    raise ConvertError(
      f"its metadata {FORMAT!r} is damaged: {error!r}."
    ) from error
  if version != _VERSION:
    raise ConvertError(
      f"its metadata is of version {version}, expected {_VERSION}: update "
      "suncet_jax."
    )
  return content


class TensorFile(NamedTuple):
  """What a file holds.

  Attributes:
    tensors: By name.
    metadata: Text by name; empty if the format or the file has none.
    wrapper: For a PyTorch file: the key under which the tensors were; empty if
      they were at the top.
  """

  tensors: dict[str, np.ndarray]
  metadata: dict[str, str]
  wrapper: str = ""
