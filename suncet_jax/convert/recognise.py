"""Recognition of a network by the names and shapes of its tensors."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from suncet_jax.architectures import (
  HEAD_LAYERS,
  RESNETS,
  STEMS,
  WIDTHS,
  model_faults,
)
from suncet_jax.config import base
from suncet_jax.convert import parts
from suncet_jax.convert.families import FAMILIES, Family, Shapes
from suncet_jax.convert.layouts import COUNTER, LAYOUTS
from suncet_jax.convert.vit_recognise import positions_name, vit_model
from suncet_jax.convert.weights import ConvertError

# Where facebookresearch/suncet saves an encoder.
_WRAPPERS = ("", "encoder", "target_encoder")
_PREFIXES = ("", "module.")

_TRUNK = re.compile(r"(conv|bn|layer)\d+\.")
_OWN = re.compile(rf"{_TRUNK.pattern}|(fc|pred)\.")
_NAMED = re.compile(r"fc\.fc\d+\.weight")
_NORM = ("weight", "bias", "running_mean", "running_var")
_NUMBERED = re.compile(r"fc\.\d+\.weight")


class Network(NamedTuple):
  """A network as its names and shapes describe it.

  Attributes:
    layout: Layout, one of `LAYOUTS`.
    prefix: Prefix of every name of the network, such as "module.".
    channels: Number of channels of the images.
    model: Fields of `config.model`.
    has_head: Whether there is a projection head.
    is_suncets: Whether names and place are those of facebookresearch/suncet,
      not only the layout that can express the network.
    names: Names in the file by name under the prefix, heads included.
    others: Prefixes of the other networks of the file.
    positions: Name of the position embeddings of a vision transformer.
  """

  layout: str
  prefix: str
  channels: int
  model: dict[str, Any]
  has_head: bool
  is_suncets: bool = False
  names: Mapping[str, str] = {}
  others: Sequence[str] = ()
  positions: str = ""


def recognise(
  shapes: Shapes,
  stem: str = "",
  *,
  part: str = "",
  wrapper: str = "",
  is_known: bool = False,
) -> Network:
  """Returns the network that tensors belong to.

  Args:
    shapes: Shapes by name, as in PyTorch.
    stem: Stem, one of `architectures.STEMS`, where it is known. A kernel of
      3 x 3 does not tell its stride; without a stem, 1 is assumed.
    part: Part of the file, as `parts.choose` takes it.
    wrapper: Key of the tensors in a PyTorch file.
    is_known: Whether this package wrote the file.

  Raises:
    ConvertError: If this package does not have the network.
  """
  chosen, others = parts.choose(shapes, part)
  names = {name: shapes[file] for name, file in chosen.names.items()}
  spec = FAMILIES[chosen.family]
  stem_shape = names[spec.stem]
  if len(stem_shape) != 4:
    raise ConvertError(
      f"{chosen.prefix}{spec.stem} has shape {list(stem_shape)}, expected four "
      "axes."
    )
  if spec.is_vit:
    layout, vit = vit_model(names, chosen.family)
    return Network(
      layout,
      chosen.prefix,
      stem_shape[1],
      vit.to_dict(),
      has_head=False,
      names=chosen.names,
      others=others,
      positions=positions_name(chosen.family),
    )
  is_place = is_known or (
    chosen.is_literal
    and chosen.prefix in _PREFIXES
    and wrapper in _WRAPPERS
    and len(names) == len(shapes)
    and all(map(_OWN.match, names))
  )
  head = _head(names, is_place)
  model = base().model
  model.name = _model_name(names, spec)
  model.width = _width(stem_shape[0], model.name)
  model.stem = stem or _stem(stem_shape[2], model.name)
  model.head.update(head)
  faults = model_faults(model)
  if faults:
    raise ConvertError(" ".join(faults))
  fits = LAYOUTS["torchvision"].fault(model, stem_shape[1]) == ""
  layout = "suncet" if head or not fits else "torchvision"
  return Network(
    "huggingface" if chosen.family == "huggingface" else layout,
    chosen.prefix,
    stem_shape[1],
    model.to_dict(),
    bool(head),
    is_suncets=bool(head)
    or (is_place and wrapper != "" and all(map(_TRUNK.match, names))),
    names=chosen.names,
    others=others,
  )


def _model_name(names: Shapes, spec: Family) -> str:
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
  for name, architecture in RESNETS.items():
    if (architecture.block, architecture.depths) == (block, tuple(depths)):
      return name
  known = ", ".join(
    f"{name} {architecture.depths}"
    for name, architecture in RESNETS.items()
    if architecture.block == block
  )
  raise ConvertError(
    f"it has {block} blocks in stages of {tuple(depths)}, expected one of "
    f"{known}."
  )


def _width(stem_planes: int, name: str) -> int:
  width, rest = divmod(stem_planes, RESNETS[name].stem_planes)
  if rest or width not in WIDTHS:
    planes = RESNETS[name].stem_planes
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


def _head(names: Shapes, is_place: bool) -> dict[str, Any]:
  """Returns the fields of the projection head; empty without one.

  Others call their heads fc too, such as MoCo v2: without norms they count as
  facebookresearch/suncet's only in its place, with norms in full only.
  """
  fc = {name for name in names if name.startswith("fc.")}
  named = sorted(filter(_NAMED.fullmatch, fc), key=_number)
  numbered = sorted(filter(_NUMBERED.fullmatch, fc), key=_number)
  has_norms = any(name.startswith("fc.bn") for name in fc)
  if named and (_is_in_full(fc, named) or (is_place and has_norms)):
    layers = named
    flat = [name for name in layers if not names[name]]
    if flat:
      raise ConvertError(f"{', '.join(flat)} has no axes, expected two.")
  elif is_place and _is_dense(names, fc, numbered):
    layers = numbered
  else:
    return {}
  return {
    "layers": len(layers),
    "hidden": names[layers[0]][0] if len(layers) > 1 else 0,
    "out": names[layers[-1]][0],
    "batch_norm": layers is named,
    "output_batch_norm": False,
  }


def _is_in_full(fc: set[str], layers: Sequence[str]) -> bool:
  """Returns whether fc is fc1, bn1, ..., fcN with all of their tensors."""
  expected = set()
  for i in range(1, len(layers) + 1):
    expected |= {f"fc.fc{i}.{leaf}" for leaf in ("weight", "bias")}
    if i < len(layers):
      expected |= {f"fc.bn{i}.{leaf}" for leaf in _NORM}
  return {name for name in fc if not name.endswith(COUNTER)} == expected


def _is_dense(names: Shapes, fc: set[str], layers: Sequence[str]) -> bool:
  """Returns whether fc is dense layers 0, 2, ... with ReLUs between them."""
  return (
    0 < len(layers) <= max(HEAD_LAYERS)
    and all(len(names[layer]) == 2 for layer in layers)
    and fc
    == {
      f"fc.{2 * i}.{leaf}"
      for i in range(len(layers))
      for leaf in ("weight", "bias")
    }
  )


def _number(name: str) -> int:
  return int("".join(filter(str.isdigit, name)))
