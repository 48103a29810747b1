"""Weights of an encoder, with everything that is needed to use them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import unflatten_dict

from suncet_jax.errors import UserError
from suncet_jax.workdir.digest import tree_digest

FORMAT = "suncet_jax"
# Key of the metadata of a file of adapters alone.
ADAPTERS = "suncet_jax_adapters"
_VERSION = 1

# Path of a parameter or statistic in a network: ("backbone", ..., "kernel").
Path = tuple[str, ...]
Leaves = dict[Path, np.ndarray]

_STATISTICS = ("mean", "var")


class ConvertError(UserError):
  """A file cannot be read, written or understood; the message says why."""


class Images(NamedTuple):
  """Preparation of images for a network.

  Attributes:
    channels: Number of channels, 1 or 3.
    size: Height and width, in pixels.
    resize: Length in pixels that the short side is resized to, before the
      centre of `size` is taken; 0: images of any size are used as they are.
    mean: Mean per channel that is subtracted from values in [0, 1]; empty: no
      normalisation.
    std: Standard deviation per channel to divide by after that; empty if and
      only if `mean` is.
    evaluated: Height and width that all images are resized to at the end, in
      pixels (`config.evals.image_size`); 0: they are not.
    resample: Filter that resizes, by the name that Pillow has for it.
    crop: Kind of crop after resizing: "rounded" or "floored" (left and top of
      the centre, in pixels), or "whole" (all of the image is resized to `size`,
      whatever its shape).
  """

  channels: int
  size: int
  resize: int = 0
  mean: tuple[float, ...] = ()
  std: tuple[float, ...] = ()
  evaluated: int = 0
  resample: str = "bilinear"
  crop: str = "rounded"


# Of a classifier on features: as in `suncet_jax.evals.linear.LinearProbe`.
CLASSIFIER_ARRAYS = ("kernel", "bias", "mean", "scale")


class Classifier(NamedTuple):
  """A linear classifier on an encoder, and what is known of it.

  Attributes:
    kind: Name of the evaluation that it is of, such as "linear".
    classes: Names of the classes.
    arrays: Kernel [f, c], bias [c], mean [f] and scale [f] of the features, by
      name; empty where the encoder's head itself has one output per class.
    head_layers: Layers of the head between the features and the kernel; the
      others are not used.
    temperature: Number that logits are divided by for probabilities.
    about: What the run said of it, as JSON values.
  """

  kind: str
  classes: tuple[str, ...]
  arrays: dict[str, np.ndarray]
  head_layers: int = 0
  temperature: float = 1.0
  about: Mapping[str, Any] = {}


class Weights(NamedTuple):
  """Weights of an encoder in the layout of this package.

  Attributes:
    model: Fields of `config.model` as nested dicts.
    precision: Precision, one of `architectures.PRECISIONS`.
    images: Preparation of images.
    leaves: Parameters and batch-norm statistics by path, float32. Paths begin
      with "backbone" or "head"; there may be no head.
    kept: Tensors that the model has no place for, by their names in the
      original file, so that converting back is exact.
    origin: Layout, prefix and wrapper in that file, and words for its names;
      empty for a run.
    left_out: Names of the tensors of the file that are not kept: heads and
      other networks; many under one prefix as that prefix.
    classifier: Classifier on the encoder, if there is one.
    tells_images: Whether `images` is what the file or the run says; otherwise
      what is usual of its names.
  """

  model: dict[str, Any]
  precision: str
  images: Images
  leaves: Leaves
  kept: Mapping[str, np.ndarray] = {}
  origin: Mapping[str, Any] = {}
  left_out: Sequence[str] = ()
  classifier: Classifier | None = None
  tells_images: bool = False

  @property
  def has_head(self) -> bool:
    """Returns whether there is a projection head."""
    return any(path[0] == "head" for path in self.leaves)

  @property
  def variables(self) -> tuple[dict[str, Any], dict[str, Any]]:
    """Nested dicts (params, batch_stats), as `Model.apply` takes them."""
    kinds: tuple[Leaves, Leaves] = {}, {}
    for path, leaf in self.leaves.items():
      kinds[is_statistic(path)][path] = leaf
    # Without a projection head its dict is empty.
    params, batch_stats = (
      {"backbone": {}, "head": {}} | unflatten_dict(kind) for kind in kinds
    )
    return params, batch_stats


def is_statistic(path: Path) -> bool:
  """Returns whether a leaf is a running statistic, not a parameter."""
  return path[-1] in _STATISTICS


def to_metadata(weights: Weights, layout: str) -> dict[str, str]:
  """Returns the metadata of a file of weights, as text."""
  content = {
    "version": _VERSION,
    "layout": layout,
    "model": weights.model,
    "precision": weights.precision,
    "images": _described(weights.images),
    "origin": dict(weights.origin),
  }
  if weights.classifier is not None and layout == FORMAT:
    content["classifier"] = _of_classifier(weights)
  return {FORMAT: json.dumps(content)}


def digest_of(weights: Weights) -> str:
  """Returns the digest of all arrays of a classifier and its encoder."""
  arrays = weights.classifier.arrays if weights.classifier else {}
  leaves = {"/".join(path): x for path, x in weights.leaves.items()}
  return tree_digest((leaves, arrays))


def _of_classifier(weights: Weights) -> dict[str, Any]:
  """Returns what is known of the classifier, with the digest of all arrays."""
  assert weights.classifier is not None
  fields = weights.classifier._asdict()
  del fields["arrays"]
  return {**fields, "digest": digest_of(weights)}


def _described(images: Images) -> dict[str, Any]:
  """Returns the fields of images; new ones, which old readers lack, if used."""
  fields, usual = images._asdict(), Images._field_defaults
  for name in ("resample", "crop"):
    if fields[name] == usual[name]:
      del fields[name]
  return fields


def from_metadata(metadata: Mapping[str, str]) -> dict[str, Any] | None:
  """Returns the content of `to_metadata`; None if a file is not ours.

  Raises:
    ConvertError: If the metadata is damaged or of a later version.
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
  """Content of a file of tensors.

  Attributes:
    tensors: Tensors by name.
    metadata: Metadata, text by name; empty if the format or the file has none.
    wrapper: Key of the tensors in a PyTorch file; empty if they are at the top.
    dicts: Dicts in a PyTorch file that hold tensors, as paths of keys with
      dots, which are prefixes of the tensors' names.
  """

  tensors: dict[str, np.ndarray]
  metadata: dict[str, str]
  wrapper: str = ""
  dicts: Sequence[str] = ()
