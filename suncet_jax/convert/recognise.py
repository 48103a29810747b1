"""Recognition of a network by the names and shapes of its tensors."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from suncet_jax.architectures import MODEL_NAMES, STEMS, WIDTHS, model_faults
from suncet_jax.config import base
from suncet_jax.console.words import shorten
from suncet_jax.convert.layouts import LAYOUTS
from suncet_jax.convert.weights import ConvertError

Shapes = Mapping[str, tuple[int, ...]]

_HUGGING_FACE_STEM = "embedder.embedder.convolution.weight"
_PYTORCH_STEM = "conv1.weight"


class Network(NamedTuple):
  """A network as its names and shapes describe it.

  Attributes:
    layout: Layout, one of `LAYOUTS`.
    prefix: Prefix of every name of the network, such as "module.".
    channels: Number of channels of the images.
    model: Fields of `config.model`.
    has_head: Whether there is a projection head.
  """

  layout: str
  prefix: str
  channels: int
  model: dict[str, Any]
  has_head: bool


class _Family(NamedTuple):
  """Names of one family of layouts that tell the architecture."""

  stem: str
  first_block: str
  # Function from stage and index of a block, from 0 on, to its first
  # convolution.
  block: Callable[[int, int], str]
  # A convolution that only bottlenecks have.
  third: str


_FAMILIES = {
  "pytorch": _Family(
    _PYTORCH_STEM,
    "layer1.0.conv1.weight",
    lambda stage, i: f"layer{stage + 1}.{i}.conv1.weight",
    "layer1.0.conv3.weight",
  ),
  "huggingface": _Family(
    _HUGGING_FACE_STEM,
    "encoder.stages.0.layers.0.layer.0.convolution.weight",
    lambda stage, i: (
      f"encoder.stages.{stage}.layers.{i}.layer.0.convolution.weight"
    ),
    "encoder.stages.0.layers.0.layer.2.convolution.weight",
  ),
}


def recognise(shapes: Shapes, stem: str = "") -> Network:
  """Returns the network that tensors belong to.

  Args:
    shapes: Shapes by name, as in PyTorch.
    stem: Stem, one of `architectures.STEMS`, where it is known. A kernel of
      3 x 3 does not tell its stride; without a stem, 1 is assumed.

  Raises:
    ConvertError: If this package does not have the network.
  """
  family, prefix = _find(shapes)
  names = {
    name.removeprefix(prefix): shape
    for name, shape in shapes.items()
    if name.startswith(prefix)
  }
  spec = _FAMILIES[family]
  stem_shape = names[spec.stem]
  if len(stem_shape) != 4:
    raise ConvertError(
      f"{prefix}{spec.stem} has shape {list(stem_shape)}, expected four axes."
    )
  name = _model_name(names, spec)
  head = _head(names)
  model = base().model
  model.name = name
  model.width = _width(stem_shape[0], name)
  model.stem = stem or _stem(stem_shape[2], name)
  model.head.update(head)
  faults = model_faults(model)
  if faults:
    raise ConvertError(" ".join(faults))
  layout = _layout(family, names, model, channels=stem_shape[1])
  return Network(layout, prefix, stem_shape[1], model.to_dict(), bool(head))


def _find(shapes: Shapes) -> tuple[str, str]:
  """Returns the family and the prefix of the only network."""
  found = [
    (family, name.removesuffix(spec.stem))
    for family, spec in _FAMILIES.items()
    for name in shapes
    if name.endswith(spec.stem)
    and name.removesuffix(spec.stem) + spec.first_block in shapes
  ]
  if not found:
    raise ConvertError(
      "it is of no layout that is known: there is neither conv1.weight with "
      "layer1.0.conv1.weight (torchvision, timm, facebookresearch/suncet, "
      f"PAWS) nor {_HUGGING_FACE_STEM} (Hugging Face). It holds "
      f"{shorten(list(shapes), 3) or 'nothing'}."
    )
  if len(found) > 1:
    prefixes = " and ".join(repr(prefix) for _, prefix in found)
    raise ConvertError(
      f"it holds several networks, with the prefixes {prefixes}; expected one."
    )
  return found[0]


def _model_name(names: Shapes, spec: _Family) -> str:
  depths: list[int] = []
  while spec.block(len(depths), 0) in names:
    depth = 1
    while spec.block(len(depths), depth) in names:
      depth += 1
    depths.append(depth)
  if "conv1.bias" in names:
    block = "preactivation"
  else:
    block = "bottleneck" if spec.third in names else "basic"
  for name, architecture in MODEL_NAMES.items():
    if (architecture.block, architecture.depths) == (block, tuple(depths)):
      return name
  known = ", ".join(
    f"{name} {architecture.depths}"
    for name, architecture in MODEL_NAMES.items()
    if architecture.block == block
  )
  raise ConvertError(
    f"it has {block} blocks in stages of {tuple(depths)}, expected one of "
    f"{known}."
  )


def _width(stem_planes: int, name: str) -> int:
  width, rest = divmod(stem_planes, MODEL_NAMES[name].stem_planes)
  if rest or width not in WIDTHS:
    planes = MODEL_NAMES[name].stem_planes
    expected = ", ".join(str(w * planes) for w in WIDTHS)
    raise ConvertError(
      f"its stem has {stem_planes} channels, expected one of {expected} for "
      f"{name}."
    )
  return width


def _stem(kernel_size: int, name: str) -> str:
  for stem, spec in STEMS.items():
    if spec.kernel_size == kernel_size:
      return stem
  sizes = sorted({spec.kernel_size for spec in STEMS.values()})
  raise ConvertError(
    f"its stem's kernel is {kernel_size} wide, expected one of {sizes} for "
    f"{name}."
  )


def _head(names: Shapes) -> dict[str, Any]:
  """Returns the fields of the projection head; empty without one."""
  named = re.compile(r"fc\.fc\d+\.weight")
  numbered = re.compile(r"fc\.\d+\.weight")
  layers = [
    name for name in names if named.fullmatch(name) or numbered.fullmatch(name)
  ]
  if not layers:
    return {}
  flat = [name for name in layers if not names[name]]
  if flat:
    raise ConvertError(f"{', '.join(flat)} has no axes, expected two.")
  layers.sort(key=lambda name: int("".join(filter(str.isdigit, name))))
  return {
    "layers": len(layers),
    "hidden": names[layers[0]][0] if len(layers) > 1 else 0,
    "out": names[layers[-1]][0],
    "batch_norm": any(map(named.fullmatch, layers)),
    "output_batch_norm": False,
  }


def _layout(
  family: str, names: Shapes, model: ConfigDict, *, channels: int
) -> str:
  """Returns the layout of a family that can express the network."""
  if family == "huggingface":
    return "huggingface"
  has_head = any(name.startswith(("fc.fc", "fc.0.", "pred.")) for name in names)
  if has_head or LAYOUTS["torchvision"].fault(model, channels):
    return "suncet"
  return "torchvision"
