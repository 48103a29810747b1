"""The JSON files of timm and Hugging Face that describe vision transformers."""

import re
from collections.abc import Mapping
from typing import Any

from suncet_jax.architectures import TRANSFORMERS
from suncet_jax.convert.class_position import is_folded
from suncet_jax.convert.fields import Fields
from suncet_jax.convert.vit_names import is_dinov2
from suncet_jax.convert.weights import Weights

_TIMM_SIZES = {"ti": "tiny", "s": "small", "b": "base", "l": "large"}
# Names of timm whose networks are ours; others, such as those of CLIP, differ
# in what has no weights.
_ARCHITECTURE = re.compile(
  r"(?:vit|deit|deit3)_(tiny|small|base|large)_patch(\d+)"
  r"(?:_reg\d+)?_(?:\d+|gap_\d+|dinov2)"
)
# Arguments that change nothing of the features, or are in the weights.
_HARMLESS = (
  *("num_classes", "in_chans", "img_size", "pretrained", "dynamic_img_size"),
  *("init_values", "reg_tokens", "no_embed_class", "class_token", "fc_norm"),
  *("drop_rate", "drop_path_rate", "embed_dim", "depth", "num_heads"),
)


def hugging_face_config(weights: Weights) -> dict[str, Any]:
  """Returns the content of a config.json of ViTModel or Dinov2Model."""
  model, vit = weights.model, weights.model["vit"]
  architecture = TRANSFORMERS[model["name"]]
  kind, name = "vit", "ViTModel"
  own: dict[str, Any] = {"intermediate_size": 4 * architecture.width}
  if is_dinov2(model):
    kind, name = "dinov2", "Dinov2Model"
    own = {"mlp_ratio": 4, "layerscale_value": vit["layer_scale"]}
    own["use_swiglu_ffn"] = False
    if vit["registers"]:
      kind, name = "dinov2_with_registers", "Dinov2WithRegistersModel"
      own["num_register_tokens"] = vit["registers"]
  return {
    "architectures": [name],
    "model_type": kind,
    "num_channels": weights.images.channels,
    "image_size": vit["image_size"],
    "patch_size": architecture.patch,
    "hidden_size": architecture.width,
    "num_hidden_layers": architecture.depth,
    "num_attention_heads": architecture.heads,
    "hidden_act": "gelu",
    "layer_norm_eps": vit["norm_epsilon"],
    "qkv_bias": True,
    "torch_dtype": "float32",
    **own,
  }


def checked_hugging_face(config: Fields, weights: Weights) -> Weights:
  """Returns weights with the epsilon that a config.json names.

  Raises:
    ConvertError: If it is of another network.
  """
  expected = hugging_face_config(weights)
  config.expect("model_type", "vit", expected["model_type"])
  config.expect("num_channels", 3, weights.images.channels)
  config.expect("image_size", 224, expected["image_size"])
  for name in ("patch_size", "hidden_size", "num_hidden_layers"):
    config.expect(name, expected[name], expected[name])
  for name in ("num_attention_heads", "intermediate_size", "mlp_ratio"):
    if name in expected:
      config.expect(name, expected[name], expected[name])
  config.expect("hidden_act", "gelu", "gelu")
  config.expect("qkv_bias", True, True)
  config.expect("use_swiglu_ffn", False, False)
  own = weights.model["vit"]
  epsilon = config.number("layer_norm_eps", own["norm_epsilon"])
  vit = {**own, "norm_epsilon": epsilon}
  return weights._replace(model={**weights.model, "vit": vit})


def timm_config(weights: Weights) -> dict[str, Any]:
  """Returns what timm's config.json says of the network.

  Whatever the patch, the name is that of patch 16: the arguments say the rest.
  """
  model, vit = weights.model, weights.model["vit"]
  architecture = TRANSFORMERS[model["name"]]
  size = model["name"].removeprefix("vit_").rstrip("0123456789")
  has_class = vit["pool"] == "class"
  arguments: dict[str, Any] = {
    "in_chans": weights.images.channels,
    "img_size": vit["image_size"],
    "patch_size": architecture.patch,
    "class_token": has_class,
    "global_pool": "token" if has_class else "avg",
    "reg_tokens": vit["registers"],
    "no_embed_class": is_folded(weights),
  }
  if vit["layer_scale"]:
    arguments["init_values"] = vit["layer_scale"]
  return {
    "architecture": f"vit_{_TIMM_SIZES[size]}_patch16_224",
    "num_features": architecture.width,
    "model_args": arguments,
  }


def check_timm(config: Fields, weights: Weights) -> None:
  """Checks that timm's config.json is of the network of the weights.

  Raises:
    ConvertError: If it is not, or names what our models do not have.
  """
  own = timm_config(weights)
  name = config.get("architecture", own["architecture"])
  match = _ARCHITECTURE.fullmatch(str(name).partition(".")[0])
  arguments = config.get("model_args", {})
  if not isinstance(arguments, Mapping):
    raise config.fault("model_args", arguments, "an object")
  inner = Fields(config.path, arguments)
  patch = TRANSFORMERS[weights.model["name"]].patch
  size = own["architecture"].split("_")[1]
  if not match or match[1] != size:
    raise config.fault(
      "architecture", name, f"vit_{size}_patch{patch}_* or deit_{size}_*"
    )
  inner.expect("patch_size", int(match[2]), patch)
  for key, value in arguments.items():
    if key not in (*_HARMLESS, "global_pool", "patch_size"):
      raise inner.fault(f"model_args.{key}", value, "no such argument")
  pool = own["model_args"]["global_pool"]
  for fields in (config, inner):
    fields.expect("global_pool", pool, pool)
