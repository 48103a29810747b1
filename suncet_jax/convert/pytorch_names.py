"""Conversion between our weights and tensors with other libraries' names."""

import functools
import json
from collections.abc import Mapping

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from suncet_jax.convert.class_position import folded, unfolded
from suncet_jax.convert.layouts import (
  COUNTER,
  LAYOUTS,
  from_torch,
  to_torch,
  torch_shape,
)
from suncet_jax.convert.leftovers import sort_out
from suncet_jax.convert.model_fields import build
from suncet_jax.convert.parts import grouped
from suncet_jax.convert.recognise import Network, recognise
from suncet_jax.convert.vit_names import Model, is_dinov2, is_vit
from suncet_jax.convert.vit_recognise import with_known
from suncet_jax.convert.weights import (
  ConvertError,
  Images,
  Path,
  Weights,
  from_metadata,
)

NORMALISATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
  "none": ((), ()),
  # Means and standard deviations of the training images, per channel.
  "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
  "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # Google's vision transformers
  "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}

_ANY_SIZE = 32  # of images for a ResNet, whose shapes do not depend on it


def from_tensors(
  tensors: Mapping[str, np.ndarray],
  metadata: Mapping[str, str],
  *,
  wrapper: str = "",
  stem: str = "",
  part: str = "",
) -> Weights:
  """Returns the weights in the tensors of a file.

  Args:
    tensors: Tensors by name, in PyTorch's order of axes.
    metadata: Metadata of the file, which tells the preparation of images if
      this package wrote the file.
    wrapper: Key of the tensors in a PyTorch file.
    stem: Stem, one of `architectures.STEMS`; empty: the one that metadata or
      shapes tell.
    part: Part of the file, as `parts.choose` takes it.

  Raises:
    ConvertError: If the layout or network is unknown.
  """
  known = from_metadata(metadata) or {}
  stem = stem or known.get("model", {}).get("stem", "")
  shapes = {name: x.shape for name, x in tensors.items()}
  network = recognise(
    shapes, stem, part=part, wrapper=wrapper, is_known=bool(known)
  )
  if known:
    network = network._replace(
      layout=_known_layout(known["layout"]),
      model=with_known(network.model, known["model"]),
    )
  if network.model["vit"]["pool"] == "class" and network.positions:
    tensors = unfolded(tensors, network.names[network.positions])
    shapes = {name: x.shape for name, x in tensors.items()}
  names = _names(network.model, network.layout, shapes_of(network))
  kept, left_out = sort_out(names, network, shapes)
  parts: dict[Path, list[np.ndarray]] = {}
  for name, (path, _) in names.items():
    found = _as_float32(tensors[network.names[name]], name)
    parts.setdefault(path, []).append(found)
  leaves = {path: from_torch(_joined(x), path) for path, x in parts.items()}
  prefix = network.names[next(iter(names))].removesuffix(next(iter(names)))
  is_exact = (
    not left_out
    and "." not in wrapper
    and all(network.names[name] == prefix + name for name in names)
  )
  return Weights(
    model=network.model,
    precision=known.get("precision", "float32"),
    images=known.get("images") or _images(network),
    leaves=leaves,
    kept={(file if is_exact else own): tensors[file] for own, file in kept},
    origin={
      "layout": network.layout,
      "prefix": prefix if is_exact else "",
      "wrapper": wrapper if is_exact else "",
      "names": _described(network),
    },
    left_out=grouped(left_out, (network.names[name] for name in names)),
    tells_images="images" in known,
  )


def to_tensors(
  weights: Weights, layout: str
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Returns the weights as tensors with the names of another library.

  For the layout that the weights came from, this is the exact inverse of
  `from_tensors`.

  Args:
    weights: Weights to name.
    layout: Layout, one of `LAYOUTS`.

  Returns:
    Tensors by name, and names of the parts that were left out.

  Raises:
    ConvertError: If the library does not have such a network.
  """
  fault = LAYOUTS[layout].fault(weights.model, weights.images.channels)
  if fault:
    others = "--to=suncet_jax has names for all models."
    if not is_vit(weights.model):
      others = f"--to=suncet has names for most models. {others}"
    raise ConvertError(
      f"--to={layout} ({LAYOUTS[layout].describe}): {fault}. {others}"
    )
  is_back = weights.origin.get("layout") == layout
  prefix = weights.origin["prefix"] if is_back else ""
  rename = LAYOUTS[layout].rename
  leaves = folded(weights) if layout == "timm" else weights.leaves
  named = [(rename(path, weights.model), path, x) for path, x in leaves.items()]
  tensors = {
    prefix + name: part
    for names, path, x in named
    if names
    for name, part in zip(
      names, np.split(to_torch(x, path), len(names)), strict=True
    )
  }
  left_out = [] if all(names for names, _, _ in named) else ["projection head"]
  if is_back:
    clashes = sorted(tensors.keys() & weights.kept.keys())
    if clashes:
      raise ConvertError(
        f"the kept tensors {', '.join(clashes[:5])} have names that parameters "
        "get too."
      )
    return tensors | dict(weights.kept), left_out
  counters = {
    name.replace("running_mean", COUNTER): np.zeros((), np.int64)
    for name in tensors
    if name.endswith("running_mean")
  }
  left_out += [name for name in weights.kept if not name.endswith(COUNTER)]
  return tensors | counters, left_out


def _known_layout(layout: str) -> str:
  if layout not in LAYOUTS:
    raise ConvertError(
      f"its metadata names the layout {layout!r}, expected one of "
      f"{', '.join(LAYOUTS)}."
    )
  return layout


def shapes_of(network: Network) -> dict[Path, tuple[int, ...]]:
  """Returns the shapes of all leaves of a network, computing nothing."""
  shapes = _shapes(json.dumps(network.model), network.channels)
  return {
    path: shape
    for path, shape in shapes.items()
    if network.has_head or path[0] != "head"
  }


@functools.cache  # tracing takes a second
def _shapes(model: str, channels: int) -> Mapping[Path, tuple[int, ...]]:
  fields = json.loads(model)
  init = build(fields).init
  size = fields["vit"]["image_size"] or _ANY_SIZE
  shape = (size, size, channels)
  variables = jax.eval_shape(lambda: init(jax.random.key(0), shape))
  return {
    path: leaf.shape
    for tree in variables
    for path, leaf in flatten_dict(tree).items()
  }


def _images(network: Network) -> Images:
  """Returns the preparation of images in the library of a file."""
  if is_vit(network.model):
    return _images_of_vit(network)
  is_large = network.model["stem"] == "imagenet"
  if network.layout != "suncet" or not network.is_suncets:
    normalise = "imagenet"
  elif not network.model["head"]["batch_norm"] or not network.has_head:
    normalise = "none"  # the first release of facebookresearch/suncet
  else:
    normalise = "imagenet" if is_large else "cifar10"
  mean, std = NORMALISATIONS[normalise if network.channels == 3 else "none"]
  return Images(
    channels=network.channels,
    size=224 if is_large else 32,
    resize=256 if is_large else 0,
    mean=mean,
    std=std,
    crop="floored" if network.layout == "huggingface" else "rounded",
  )


def _images_of_vit(network: Network) -> Images:
  """Returns the preparation of images in the library of a vision transformer.

  Names do not tell who trained it: those of timm are taken for DeiT, DINO or
  DINOv2.
  """
  model, is_theirs = network.model, network.layout == "huggingface"
  normalise = "half" if is_theirs and not is_dinov2(model) else "imagenet"
  mean, std = NORMALISATIONS[normalise if network.channels == 3 else "none"]
  size = model["vit"]["image_size"]
  return Images(
    channels=network.channels,
    size=size,
    resize=round(size * 8 / 7),
    mean=mean,
    std=std,
    resample="bicubic",
    crop="floored" if is_theirs else "rounded",
  )


def _described(network: Network) -> str:
  """Returns words for the layout and the prefix of a file's names."""
  words = network.layout
  if network.layout == "suncet" and not network.is_suncets:
    words = "torchvision"  # for more networks than it has
  elif network.has_head and not network.model["head"]["batch_norm"]:
    words = "suncet, as in the first release, which does not normalise images"
  return words + (f", under {network.prefix!r}" if network.prefix else "")


def _names(
  model: Model, layout: str, shapes: Mapping[Path, tuple[int, ...]]
) -> dict[str, tuple[Path, tuple[int, ...]]]:
  """Returns our path and PyTorch's expected shape by name."""
  rename = LAYOUTS[layout].rename
  made = {}
  for path, shape in shapes.items():
    names = rename(path, model)
    for name in names:
      rows, *others = torch_shape(shape, path)
      made[name] = (path, (rows // len(names), *others))
  return made


def _joined(parts: list[np.ndarray]) -> np.ndarray:
  return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _as_float32(array: np.ndarray, name: str) -> np.ndarray:
  if array.dtype.name in ("float16", "bfloat16"):  # exact in float32
    return array.astype(np.float32)
  if array.dtype != np.float32:
    raise ConvertError(f"{name} is {array.dtype}, expected float32.")
  return array
