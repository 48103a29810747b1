"""Conversion between our weights and tensors with other libraries' names."""

import functools
import json
import re
from collections.abc import Collection, Mapping

import jax
import numpy as np
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.console.words import fault_list
from suncet_jax.convert.layouts import (
  LAYOUTS,
  Model,
  from_torch,
  to_torch,
  torch_shape,
)
from suncet_jax.convert.parts import grouped
from suncet_jax.convert.recognise import Network, recognise
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
  "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}

_COUNTER = "num_batches_tracked"
# Tensors that a network of these layouts may hold and our model does not:
# counters of norms that nothing reads, classifiers, and the prediction head of
# PAWS.
_CLASSIFIERS = {
  "torchvision": re.compile(r"fc\.(weight|bias)"),
  "suncet": re.compile(r"fc\.(weight|bias)|pred\..+"),
  "huggingface": re.compile(r"classifier\.1\.(weight|bias)"),
}
_CLASSIFIERS["timm"] = _CLASSIFIERS["torchvision"]
# What changes the features of a ResNet: no head, whatever it is. Outside the
# prefix only what cannot be a head's name.
_TRUNK = re.compile(
  r"((conv|bn|gn|norm|layer|att)\d*|stem|maxpool|(global_|attn|avg)?pool(ing)?"
  r"|gem|embedder|encoder|pooler)\..+"
)
_STRAY = re.compile(r"((conv|bn)\d+|layer\d+)\..+")
_ANY_SIZE = 32  # size of images; shapes of parameters do not depend on it


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
    network = network._replace(layout=_known_layout(known["layout"]))
  names = _names(network.model, network.layout, shapes_of(network))
  kept, left_out = _checked(names, network, shapes)
  leaves = {
    path: from_torch(_as_float32(tensors[network.names[name]], name), path)
    for name, (path, _) in names.items()
  }
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
    raise ConvertError(
      f"--to={layout} ({LAYOUTS[layout].describe}): {fault}. --to=suncet has "
      "names for every model."
    )
  is_back = weights.origin.get("layout") == layout
  prefix = weights.origin["prefix"] if is_back else ""
  rename = LAYOUTS[layout].rename
  named = [
    (rename(path, weights.model), path, x) for path, x in weights.leaves.items()
  ]
  tensors = {
    prefix + name: to_torch(x, path) for name, path, x in named if name
  }
  left_out = [] if all(name for name, _, _ in named) else ["projection head"]
  if is_back:
    clashes = sorted(tensors.keys() & weights.kept.keys())
    if clashes:
      raise ConvertError(
        f"the kept tensors {', '.join(clashes[:5])} have names that parameters "
        "get too."
      )
    return tensors | dict(weights.kept), left_out
  counters = {
    name.replace("running_mean", _COUNTER): np.zeros((), np.int64)
    for name in tensors
    if name.endswith("running_mean")
  }
  left_out += [name for name in weights.kept if not name.endswith(_COUNTER)]
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
  init = models.build(ConfigDict(json.loads(model))).init
  shape = (_ANY_SIZE, _ANY_SIZE, channels)
  variables = jax.eval_shape(lambda: init(jax.random.key(0), shape))
  return {
    path: leaf.shape
    for tree in variables
    for path, leaf in flatten_dict(tree).items()
  }


def _images(network: Network) -> Images:
  """Returns the preparation of images in the library of a file."""
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
  return {
    name: (path, torch_shape(shape, path))
    for path, shape in shapes.items()
    if (name := rename(path, model))
  }


def _checked(
  names: Mapping[str, tuple[Path, tuple[int, ...]]],
  network: Network,
  shapes: Mapping[str, tuple[int, ...]],
) -> tuple[list[tuple[str, str]], list[str]]:
  """Checks names and shapes, and sorts what is not of the network.

  Returns:
    Tensors to keep, by their names under the prefix and in the file, and names
    in the file of those to leave out: heads and other networks.

  Raises:
    ConvertError: If some are missing, unknown or of another shape; all of them
      are listed, up to a limit.
  """
  found = network.names
  kept, left_out, unexpected = _sorted_out(names, network, shapes)
  misshapen = [
    f"{name} {list(shapes[found[name]])} (expected {list(shape)})"
    for name, (_, shape) in names.items()
    if name in found and shapes[found[name]] != shape
  ]
  faults = fault_list(
    {
      "missing": [name for name in names if name not in found],
      "unexpected": unexpected,
      "of another shape": misshapen,
    }
  )
  if faults:
    model = network.model
    width = f" of width {model['width']}" if model["width"] > 1 else ""
    raise ConvertError(
      f"it looks like {model['name']}{width} with the names of "
      f"{network.layout}, but these tensors are not as expected:\n{faults}"
    )
  return kept, left_out


def _sorted_out(
  names: Collection[str],
  network: Network,
  shapes: Mapping[str, tuple[int, ...]],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
  """Returns the tensors to keep, to leave out, and those of no such network."""
  kept, left_out, unexpected = [], [], []
  own = {file: name for name, file in network.names.items()}
  is_others = network.layout == "suncet" and not network.is_suncets
  classifier = _CLASSIFIERS["torchvision" if is_others else network.layout]
  for file in shapes:
    name = own.get(file, file)
    module, _, leaf = name.rpartition(".")
    if name in names and file in own:
      continue
    if (
      leaf == _COUNTER and f"{module}.running_mean" in names
    ) or classifier.fullmatch(name):
      kept.append((name, file))
    elif _is_trunk(name, file, network, is_own=file in own):
      unexpected.append(file)
    else:
      left_out.append(file)
  return kept, left_out, unexpected


def _is_trunk(name: str, file: str, network: Network, *, is_own: bool) -> bool:
  """Returns whether a tensor without a place would change the features."""
  if is_own:
    return bool(_TRUNK.fullmatch(name))
  is_others = any(file.startswith(prefix) for prefix in network.others)
  return bool(_STRAY.fullmatch(name)) and not is_others


def _as_float32(array: np.ndarray, name: str) -> np.ndarray:
  if array.dtype.name in ("float16", "bfloat16"):  # exact in float32
    return array.astype(np.float32)
  if array.dtype != np.float32:
    raise ConvertError(f"{name} is {array.dtype}, expected float32.")
  return array
