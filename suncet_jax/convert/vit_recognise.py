"""Recognition of a vision transformer by its names and shapes."""

import math
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from suncet_jax.architectures import TRANSFORMERS
from suncet_jax.config import base
from suncet_jax.convert.class_position import is_square
from suncet_jax.convert.families import FAMILIES, Shapes
from suncet_jax.convert.weights import ConvertError

# What a checkpoint does not tell is where a layer scale began.
_LAYER_SCALE = 1e-5


class _Names(NamedTuple):
  """Names that tell the shape of a vision transformer.

  Attributes:
    positions: Name of the position embeddings.
    class_token: Name of the class token.
    registers: Names of registers, by the layout that has them.
    layer_scale: Name of the first layer scale.
    layout: Layout without registers.
    norm_epsilon: What the norms of the layout add to variances.
  """

  positions: str
  class_token: str
  registers: dict[str, str]
  layer_scale: str
  layout: str


_NAMES = {
  "vit": _Names(
    "pos_embed",
    "cls_token",
    {"timm": "reg_token", "dinov2": "register_tokens"},
    "blocks.0.ls1.gamma",
    "timm",
  ),
  "vit_huggingface": _Names(
    "embeddings.position_embeddings",
    "embeddings.cls_token",
    {"huggingface": "embeddings.register_tokens"},
    "encoder.layer.0.layer_scale1.lambda1",
    "huggingface",
  ),
}


def vit_model(names: Shapes, family: str) -> tuple[str, ConfigDict]:
  """Returns layout and fields of the model that tensors belong to.

  Args:
    names: Shapes by name, without the prefix.
    family: Family of the names, a key of `families.FAMILIES`.

  Raises:
    ConvertError: If this package does not have the network.
  """
  own = _NAMES[family]
  kernel = names[FAMILIES[family].stem]
  has_class = own.class_token in names
  model = base().model
  model.name = _name(names, family)
  has_scale = own.layer_scale in names
  layout, registers = own.layout, 0
  for found, name in own.registers.items():
    if name in names:
      layout, registers = found, names[name][1]
  is_hugging_faces_vit = layout == "huggingface" and not has_scale
  model.vit.update(
    pool="class" if has_class else "mean",
    registers=registers,
    layer_scale=_LAYER_SCALE if has_scale else 0.0,
    image_size=kernel[2] * _side(names, own.positions, has_class),
    norm_epsilon=1e-12 if is_hugging_faces_vit else 1e-6,
  )
  return layout, model


def positions_name(family: str) -> str:
  """Returns the name of the position embeddings in a family."""
  return _NAMES[family].positions


def with_known(model: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
  """Returns fields of a model with what its metadata says beyond its shapes."""
  kept = {
    field: known["vit"][field]
    for field in ("layer_scale", "norm_epsilon")
    if field in known.get("vit", {})
  }
  return {**model, "vit": {**model["vit"], **kept}}


def _name(names: Shapes, family: str) -> str:
  spec = FAMILIES[family]
  width, _, patch, _ = names[spec.stem]
  depth = 1
  while spec.block(0, depth) in names:
    depth += 1
  for name, found in TRANSFORMERS.items():
    if (found.patch, found.width, found.depth) == (patch, width, depth):
      return name
  known = ", ".join(
    f"{name} ({x.patch}, {x.width}, {x.depth})"
    for name, x in TRANSFORMERS.items()
  )
  raise ConvertError(
    f"it is a vision transformer of patch {patch}, width {width} and {depth} "
    f"blocks, expected one of {known}."
  )


def _side(names: Shapes, positions: str, has_class: bool) -> int:
  """Returns the number of patches in height and width."""
  shape = names.get(positions, ())
  if len(shape) != 3:
    raise ConvertError(
      f"it is a vision transformer with {positions} of shape {list(shape)}, "
      "expected position embeddings [1, tokens, width]."
    )
  # Some have no embedding of the class token.
  for count in (shape[1] - has_class, shape[1]):
    if is_square(count):
      return math.isqrt(count)
  raise ConvertError(
    f"its {positions} are of {shape[1]} tokens, expected those of a square of "
    "patches, with or without the class token; registers have none here."
  )
