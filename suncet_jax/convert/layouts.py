"""Names that other libraries give to our parameters.

One function per family of names, from our path to their names. Tensors differ
by a transposition only: PyTorch's kernels are [out, in, h, w] and [out, in].
Where a library has several tensors for one of ours, theirs are its rows.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from suncet_jax.architectures import RESNETS
from suncet_jax.convert import vit_names
from suncet_jax.convert.model_fields import HEAD_FIELDS
from suncet_jax.convert.vit_names import Model, is_vit
from suncet_jax.convert.weights import Path

_LEAVES = {
  "kernel": "weight",
  "scale": "weight",
  "bias": "bias",
  "mean": "running_mean",
  "var": "running_var",
}
# Of norms in PyTorch; nothing reads it.
COUNTER = "num_batches_tracked"
_TORCHVISION_RESNETS = (
  "resnet18",
  "resnet34",
  "resnet50",
  "resnet101",
  "resnet152",
)


class Layout(NamedTuple):
  """Names of one library.

  Attributes:
    describe: Description of the libraries that use the names.
    rename: Function from our path to the name of a tensor, or the names of
      several that are the parts of the parameter along PyTorch's first axis;
      none if the layout has no place for the parameter.
    fault: Function from a model and its channels to what the layout cannot
      express of them; empty if nothing.
  """

  describe: str
  rename: Callable[[Path, Model], tuple[str, ...]]
  fault: Callable[[Model, int], str]


def to_torch(array: np.ndarray, path: Path) -> np.ndarray:
  """Returns one of our leaves in PyTorch's order of axes."""
  if path[-1] != "kernel":
    return array
  return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def from_torch(array: np.ndarray, path: Path) -> np.ndarray:
  """Returns one of PyTorch's tensors in our order of axes."""
  if path[-1] != "kernel":
    return array
  return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def torch_shape(shape: tuple[int, ...], path: Path) -> tuple[int, ...]:
  """Returns the shape of PyTorch's tensor for one of our shapes."""
  return to_torch(np.broadcast_to(np.float32(0), shape), path).shape


def _pytorch_name(path: Path, model: Model) -> str:
  """Returns the name in torchvision's ResNet and facebookresearch/suncet."""
  leaf = _LEAVES[path[-1]]
  match path[:-1]:
    case ("backbone", "stem_conv") | ("backbone", "stem", "conv"):
      return f"conv1.{leaf}"
    case ("backbone", "final_norm") | ("backbone", "stem", "norm"):
      return f"bn1.{leaf}"
    case ("backbone", block, part):
      stage, index = _block(block)
      inner = {
        "shortcut_conv": "shortcut.0" if _is_wide(model) else "downsample.0",
        "shortcut_norm": "downsample.1",
      }.get(part, part.replace("norm", "bn"))
      return f"layer{stage + 1}.{index}.{inner}.{leaf}"
    case ("head", part):
      return f"fc.{_head_part(part, model)}.{leaf}"
  raise AssertionError(path)


def _head_part(part: str, model: Model) -> str:
  """Returns a name in a head: fc1, bn1, fc2, ... or, without norms, 0, 2."""
  kind, number = part[:-1], int(part[-1])
  if not model["head"]["batch_norm"]:
    return str(2 * (number - 1))  # a ReLU lies between two layers
  return f"{'fc' if kind == 'dense' else 'bn'}{number}"


def _without_head(path: Path, model: Model) -> str | None:
  return None if path[0] == "head" else _pytorch_name(path, model)


def _hugging_face_name(path: Path, model: Model) -> str | None:
  """Returns the name in ResNetModel of Hugging Face's transformers."""
  del model
  leaf = _LEAVES[path[-1]]
  match path[:-1]:
    case ("backbone", "stem", part):
      return f"embedder.embedder.{_hugging_face_part(part)}.{leaf}"
    case ("backbone", block, part):
      stage, index = _block(block)
      kind = _hugging_face_part("conv" if "conv" in part else "norm")
      is_shortcut = part.startswith("shortcut")
      inner = "shortcut" if is_shortcut else f"layer.{int(part[-1]) - 1}"
      return f"encoder.stages.{stage}.layers.{index}.{inner}.{kind}.{leaf}"
  return None


def _hugging_face_part(kind: str) -> str:
  return {"conv": "convolution", "norm": "normalization"}[kind]


def _block(name: str) -> tuple[int, int]:
  """Returns stage and index, from 0 on, of a block such as stage1_block1."""
  match = re.fullmatch(r"stage(\d+)_block(\d+)", name)
  assert match, name
  return int(match[1]) - 1, int(match[2]) - 1


def _is_wide(model: Model) -> bool:
  name = model["name"]
  return name in RESNETS and RESNETS[name].is_wide_resnet


def _either(
  resnet: Callable[[Path, Model], str | None],
  vit: Callable[[Path, Model], tuple[str, ...]] | None = None,
) -> Callable[[Path, Model], tuple[str, ...]]:
  """Returns the names of a layout for both kinds of networks."""

  def rename(path: Path, model: Model) -> tuple[str, ...]:
    if is_vit(model):
      return vit(path, model) if vit is not None else ()
    name = resnet(path, model)
    return (name,) if name else ()

  return rename


def _suncet_fault(model: Model, channels: int) -> str:
  del channels
  if is_vit(model):
    return "the model must be no vision transformer"
  if model["name"] == "wrn28_2_fixmatch":
    return "the model must not be wrn28_2_fixmatch, which it does not have"
  others = [name for name in model["head"] if name not in HEAD_FIELDS]
  if model["head"]["output_batch_norm"]:
    others.append("output_batch_norm")
  if others:
    return f"the projection head must not have {', '.join(others)}"
  return ""


def _torchvision_fault(model: Model, channels: int) -> str:
  if channels != 3:
    return f"images must have 3 channels, not {channels}"
  if model["name"] not in _TORCHVISION_RESNETS:
    return f"the model must be one of {', '.join(_TORCHVISION_RESNETS)}"
  return _plain_fault(model)


def _timm_fault(model: Model, channels: int) -> str:
  del channels
  if is_vit(model):
    return vit_names.timm_fault(model)
  names = (*_TORCHVISION_RESNETS, "resnet200")
  if model["name"] not in names:
    return f"the model must be one of {', '.join(names)}"
  return _plain_fault(model)


def _plain_fault(model: Model) -> str:
  if model["width"] != 1:
    return f"model.width must be 1, not {model['width']}"
  return _stem_fault(model)


def _hugging_face_fault(model: Model, channels: int) -> str:
  del channels
  if is_vit(model):
    return vit_names.hugging_face_fault(model)
  if _is_wide(model):
    return "the model must be a ResNet or a vision transformer"
  return _stem_fault(model)


def _dinov2_fault(model: Model, channels: int) -> str:
  del channels
  if not is_vit(model):
    return "the model must be a vision transformer"
  return vit_names.facebook_fault(model)


def _stem_fault(model: Model) -> str:
  if model["stem"] != "imagenet":
    return f"model.stem must be 'imagenet', not {model['stem']!r}"
  return ""


LAYOUTS: Mapping[str, Layout] = {
  "suncet": Layout(
    "facebookresearch/suncet and PAWS, heads included",
    _either(_pytorch_name),
    _suncet_fault,
  ),
  "torchvision": Layout(
    "torchvision.models.resnet18 to 152",
    _either(_without_head),
    _torchvision_fault,
  ),
  "timm": Layout(
    "timm's resnet18 to 200, vit_* and deit_*",
    _either(_without_head, vit_names.timm),
    _timm_fault,
  ),
  "dinov2": Layout(
    "facebookresearch's DeiT, DINO and DINOv2",
    _either(lambda path, model: None, vit_names.facebook),
    _dinov2_fault,
  ),
  "huggingface": Layout(
    "ResNetModel, ViTModel and Dinov2Model of Hugging Face's transformers",
    _either(_hugging_face_name, vit_names.hugging_face),
    _hugging_face_fault,
  ),
}
