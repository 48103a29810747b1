"""Weights fitted to the model of a run, tensor by tensor."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from suncet_jax.architectures import STEMS, TRANSFORMERS, part_name
from suncet_jax.console.words import fault_list
from suncet_jax.convert.source import ANY_HEAD, Source
from suncet_jax.convert.weights import Leaves, Path, Weights
from suncet_jax.errors import UserError
from suncet_jax.models.model import Model

_BACKBONE = "backbone"
# Of the model; the head is compared by its tensors.
_FIELDS = ("name", "width", "stem")


class Template(NamedTuple):
  """Shapes of a model.

  Attributes:
    leaves: Shape and dtype of each parameter and statistic by path.
    inputs: Paths of the kernels whose inputs are the channels of images.
  """

  leaves: Mapping[Path, jax.ShapeDtypeStruct]
  inputs: frozenset[Path]

  def of(self, part: str) -> dict[Path, jax.ShapeDtypeStruct]:
    """Returns the leaves of a part of the parameters."""
    return {p: x for p, x in self.leaves.items() if p[0] == part}


def template(model: Model, image_shape: tuple[int, int, int]) -> Template:
  """Returns the shapes of a model, computing nothing.

  Args:
    model: Model of a run.
    image_shape: Shape of the views, (h, w, c).
  """
  height, width, channels = image_shape
  leaves = _shapes(model, image_shape)
  others = _shapes(model, (height, width, channels + 1))
  return Template(
    leaves,
    frozenset(p for p, x in leaves.items() if x.shape != others[p].shape),
  )


def fitted(
  source: Source, parts: Collection[str], wanted: Template, config: ConfigDict
) -> tuple[Leaves, list[str]]:
  """Returns the leaves of the parts that are taken, and words on changes.

  Args:
    source: Weights that were read.
    parts: Names of the parts: "backbone", and heads by name.
    wanted: Shapes of the model.
    config: `config.model`.

  Raises:
    UserError: If tensors are missing or of another shape; all parts are in one
      message, with both shapes and what to set.
  """
  taken: Leaves = {}
  faults, words = [], []
  for name in parts:
    part = part_name(name)
    found = (
      source.weights.leaves
      if name == _BACKBONE
      else _head(source, name, part, parts)
    )
    leaves, said = _with_channels(found, wanted)
    words += said
    about = _differences(leaves, wanted.of(part))
    other = _other_model(source.weights, config) if name == _BACKBONE else ""
    other += _other_size(source.weights, leaves, wanted, other)
    if about or other:
      faults.append(_fault(name, about, other))
    else:
      taken |= {
        path: leaves[path].astype(x.dtype)
        for path, x in wanted.of(part).items()
      }
  if faults:
    raise UserError("\n".join(faults))
  return taken, words


def _shapes(
  model: Model, image_shape: tuple[int, int, int]
) -> dict[Path, jax.ShapeDtypeStruct]:
  variables = jax.eval_shape(lambda: model.init(jax.random.key(0), image_shape))
  return {
    path: leaf
    for tree in variables
    for path, leaf in flatten_dict(tree).items()
  }


def _head(
  source: Source, name: str, part: str, parts: Collection[str]
) -> Leaves:
  """Returns the leaves of a head, under the key that it has in the model."""
  heads = source.heads
  is_only = len([other for other in parts if other != _BACKBONE]) == 1
  if name not in heads and ANY_HEAD in heads and is_only:
    name = ANY_HEAD
  return {(part, *p[1:]): x for p, x in heads.get(name, {}).items()}


def _with_channels(found: Leaves, wanted: Template) -> tuple[Leaves, list[str]]:
  """Returns leaves whose first kernel has the channels of the images."""
  changed, words = dict(found), []
  for path in wanted.inputs & found.keys():
    kernel, (*_, given, _) = found[path], found[path].shape
    channels = wanted.leaves[path].shape[-2]
    if (given, channels) == (3, 1):
      changed[path] = kernel.sum(axis=-2, keepdims=True)
      words.append(f"{_named(path)}: its 3 channels summed to 1")
    elif (given, channels) == (1, 3):
      changed[path] = np.repeat(kernel, 3, axis=-2) / 3
      words.append(f"{_named(path)}: its channel repeated, a third each")
  return changed, words


def _differences(
  found: Leaves, wanted: Mapping[Path, Any]
) -> dict[str, list[str]]:
  """Returns the tensors that do not fit, by kind of fault."""
  kinds = {
    "of another shape (weights -> config.model)": [
      f"{_named(p)} {list(found[p].shape)} -> {list(x.shape)}"
      for p, x in wanted.items()
      if p in found and found[p].shape != x.shape
    ],
    "missing in the weights": [
      f"{_named(p)} {list(x.shape)}"
      for p, x in wanted.items()
      if p not in found
    ],
    "without a place in config.model": [
      f"{_named(p)} {list(x.shape)}"
      for p, x in found.items()
      if p not in wanted
    ],
  }
  return {kind: names for kind, names in kinds.items() if names}


def _other_model(weights: Weights, config: ConfigDict) -> str:
  """Returns flags that give the model of the weights; empty if it is that."""
  differing = {
    name: weights.model[name]
    for name in _FIELDS
    if name in weights.model and weights.model[name] != config[name]
  }
  # A kernel of 3 x 3 does not tell its stride, but in files of our own.
  sizes = {STEMS[weights.model["stem"]][0], STEMS[config.stem][0]}
  is_same = config.name in TRANSFORMERS or (len(sizes) == 1 and weights.origin)
  if is_same:
    differing.pop("stem", None)
  if config.name in TRANSFORMERS and weights.model["name"] in TRANSFORMERS:
    differing |= _of_transformers(weights.model["vit"], config.vit)
  return " ".join(f"--config.model.{k}={v}" for k, v in differing.items())


def _of_transformers(
  given: Mapping[str, Any], config: ConfigDict
) -> dict[str, Any]:
  """Returns the fields of transformers that differ, with their values."""
  found = {
    f"vit.{name}": given[name]
    for name in ("pool", "registers", "norm_epsilon")
    if given[name] != config[name]
  }
  # Its number is only what the factors start from.
  if bool(given["layer_scale"]) != bool(config.layer_scale):
    found["vit.layer_scale"] = given["layer_scale"]
  return found


def _other_size(
  weights: Weights, found: Leaves, wanted: Template, other: str
) -> str:
  """Returns the flag for the image size of position embeddings that differ."""
  positions = (_BACKBONE, "positions")
  if positions not in found or positions not in wanted.leaves or other:
    return ""
  if found[positions].shape == wanted.leaves[positions].shape:
    return ""
  size = weights.model["vit"]["image_size"]
  return f"--config.model.vit.image_size={size}, and they are interpolated"


def _fault(name: str, about: Mapping[str, list[str]], other: str) -> str:
  """Returns what is wrong with a part, and what to set."""
  if name == _BACKBONE:
    advice = f"set {other}" if other else "take other weights"
  else:
    advice = (
      f"leave {name} out of --config.init.parts, so that it is drawn anew, or "
      "set the fields of the head as those weights have them"
    )
  lines = [f"{name} of the weights is not that of config.model: {advice}."]
  return "\n".join([*lines, *filter(None, [fault_list(about)])])


def _named(path: Path) -> str:
  return "/".join(path)
