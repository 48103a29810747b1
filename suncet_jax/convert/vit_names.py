"""Names that other libraries give to the parameters of vision transformers.

From our path to their names: of timm, of facebookresearch's DINO, DeiT and
DINOv2, whose registers alone have another name, and of Hugging Face's ViTModel
and Dinov2Model, which keep queries, keys and values apart.
"""

from collections.abc import Mapping
from typing import Any

from suncet_jax.architectures import TRANSFORMERS
from suncet_jax.convert.weights import Path

Model = Mapping[str, Any]  # config.model as nested dicts

_LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias"}
_TIMM = {
  "norm1": "norm1",
  "norm2": "norm2",
  "attention/qkv": "attn.qkv",
  "attention/out": "attn.proj",
  "mlp/dense1": "mlp.fc1",
  "mlp/dense2": "mlp.fc2",
}
_DINOV2_HUGGING_FACE = {
  "norm1": "norm1",
  "norm2": "norm2",
  "attention/out": "attention.output.dense",
  "mlp/dense1": "mlp.fc1",
  "mlp/dense2": "mlp.fc2",
}
_VIT_HUGGING_FACE = {
  "norm1": "layernorm_before",
  "norm2": "layernorm_after",
  "attention/out": "attention.output.dense",
  "mlp/dense1": "intermediate.dense",
  "mlp/dense2": "output.dense",
}
_USUAL_EPSILON = 1e-6


def is_vit(model: Model) -> bool:
  """Returns whether a model is a vision transformer."""
  return model["name"] in TRANSFORMERS


def timm(path: Path, model: Model) -> tuple[str, ...]:
  """Returns the name in timm's VisionTransformer; none for a head."""
  norm = "norm" if model["vit"]["pool"] == "class" else "fc_norm"
  return _short(path, registers="reg_token", norm=norm)


def facebook(path: Path, model: Model) -> tuple[str, ...]:
  """Returns the name in facebookresearch's DINOv2; none for a head."""
  del model
  return _short(path, registers="register_tokens", norm="norm")


def _short(path: Path, *, registers: str, norm: str) -> tuple[str, ...]:
  match path:
    case ("backbone", token):
      return (
        {
          "class_token": "cls_token",
          "registers": registers,
          "positions": "pos_embed",
        }[token],
      )
    case ("backbone", "patches", leaf):
      return (f"patch_embed.proj.{_LEAVES[leaf]}",)
    case ("backbone", "norm", leaf):
      return (f"{norm}.{_LEAVES[leaf]}",)
    case ("backbone", block, "layer_scale1" | "layer_scale2" as part, _):
      return (f"blocks.{_number(block)}.ls{part[-1]}.gamma",)
    case ("backbone", block, *inner, leaf):
      name = _TIMM["/".join(inner)]
      return (f"blocks.{_number(block)}.{name}.{_LEAVES[leaf]}",)
  return ()


def hugging_face(path: Path, model: Model) -> tuple[str, ...]:
  """Returns the names in ViTModel or Dinov2Model; none for a head.

  Those of several tensors are in the order of our rows.
  """
  match path:
    case ("backbone", token):
      return (
        {
          "class_token": "embeddings.cls_token",
          "registers": "embeddings.register_tokens",
          "positions": "embeddings.position_embeddings",
        }[token],
      )
    case ("backbone", "patches", leaf):
      return (f"embeddings.patch_embeddings.projection.{_LEAVES[leaf]}",)
    case ("backbone", "norm", leaf):
      return (f"layernorm.{_LEAVES[leaf]}",)
    case ("backbone", block, *inner, leaf):
      layer = f"encoder.layer.{_number(block)}"
      return _in_layer(layer, "/".join(inner), leaf, model)
  return ()


def _in_layer(
  layer: str, part: str, leaf: str, model: Model
) -> tuple[str, ...]:
  if part.startswith("layer_scale"):
    return (f"{layer}.{part}.lambda1",)
  if part == "attention/qkv":
    return tuple(
      f"{layer}.attention.attention.{kind}.{_LEAVES[leaf]}"
      for kind in ("query", "key", "value")
    )
  names = _DINOV2_HUGGING_FACE if is_dinov2(model) else _VIT_HUGGING_FACE
  return (f"{layer}.{names[part]}.{_LEAVES[leaf]}",)


def is_dinov2(model: Model) -> bool:
  """Returns whether Hugging Face's class is Dinov2Model, not ViTModel."""
  return bool(model["vit"]["layer_scale"])


def timm_fault(model: Model) -> str:
  """Returns what timm's VisionTransformer cannot express of a model."""
  if model["name"].startswith("vit_mu"):
    return "the model must be vit_ti, vit_s, vit_b or vit_l, not vit_mu"
  return _epsilon_fault(model)


def facebook_fault(model: Model) -> str:
  """Returns what facebookresearch's DINOv2 cannot express of a model."""
  if model["vit"]["pool"] != "class":
    return "model.vit.pool must be 'class', not 'mean'"
  return _epsilon_fault(model)


def hugging_face_fault(model: Model) -> str:
  """Returns what ViTModel and Dinov2Model cannot express of a model."""
  if model["vit"]["pool"] != "class":
    return "model.vit.pool must be 'class', not 'mean'"
  if model["vit"]["registers"] and not is_dinov2(model):
    return "registers need a layer scale (Dinov2WithRegistersModel)"
  return ""


def _epsilon_fault(model: Model) -> str:
  epsilon = model["vit"]["norm_epsilon"]
  if epsilon != _USUAL_EPSILON:
    return f"model.vit.norm_epsilon must be {_USUAL_EPSILON}, not {epsilon}"
  return ""


def _number(block: str) -> int:
  """Returns the index, from 0 on, of a block such as block1."""
  return int(block.removeprefix("block")) - 1
