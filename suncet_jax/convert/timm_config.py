"""timm's config.json, as its folders and those of the Hugging Face hub have."""

import math
import re
from collections.abc import Mapping

from suncet_jax.convert import vit_json
from suncet_jax.convert.fields import Fields
from suncet_jax.convert.pytorch_names import NORMALISATIONS
from suncet_jax.convert.vit_names import is_vit
from suncet_jax.convert.weights import Images, Weights

_IMAGENET = NORMALISATIONS["imagenet"]
_RESAMPLES = ("bilinear", "bicubic", "nearest", "lanczos", "box", "hamming")
# The same network by the names of those who trained it; others of these names
# differ in what has no weights, such as resnetblur50 and resnetaa50.
_NETWORK = re.compile(
  r"(?:tv_|gluon_|ssl_|swsl_)?(resnet(?:18|34|50|101|152|200))(?:_v1b)?"
)
# Arguments that change nothing of the features.
_HARMLESS = ("num_classes", "in_chans", "img_size", "drop_rate", "pretrained")


def is_timms(config: Fields) -> bool:
  """Returns whether a config.json is of timm."""
  return "architecture" in config.content or "pretrained_cfg" in config.content


def images(config: Fields, weights: Weights) -> Images:
  """Returns the preparation of images that timm's config.json names.

  Raises:
    ConvertError: If it is of another network, or names what our models or
      preparation do not have.
  """
  is_resnet = not is_vit(weights.model)
  if is_resnet:
    _check_network(config, weights)
  else:
    vit_json.check_timm(config, weights)
  nested = config.get("pretrained_cfg", None)
  cfg = config
  if nested is not None:
    if not isinstance(nested, Mapping):
      raise config.fault("pretrained_cfg", nested, "an object")
    cfg = Fields(config.path, nested)
  if is_resnet:
    _check_arguments(cfg)
  channels = weights.images.channels
  mean = cfg.channels("mean", _IMAGENET[0], channels)
  std = cfg.channels("std", _IMAGENET[1], channels)
  if min(std) <= 0:
    raise cfg.fault("std", list(std), "numbers above 0")
  size = _size(cfg, channels)
  resize = math.floor(size / cfg.number("crop_pct", 0.875))
  mode = cfg.word("crop_mode", "center", ("center", "squash"))
  if mode == "squash" and resize != size:
    raise cfg.fault("crop_mode", mode, "center where crop_pct is not 1")
  if resize < size:
    raise cfg.fault("crop_pct", cfg.get("crop_pct", None), "at most 1")
  return Images(
    channels=channels,
    size=size,
    resize=resize,
    mean=mean,
    std=std,
    resample=cfg.word("interpolation", "bicubic", _RESAMPLES),
    crop="whole" if mode == "squash" else "rounded",
  )


def _check_network(config: Fields, weights: Weights) -> None:
  name = weights.model["name"]
  architecture = config.get("architecture", name)
  match = _NETWORK.fullmatch(str(architecture).partition(".")[0])
  if not match or match[1] != name:
    raise config.fault("architecture", architecture, name)
  _check_arguments(config)
  arguments = config.get("model_args", {})
  if not isinstance(arguments, Mapping):
    raise config.fault("model_args", arguments, "an object")
  inner = Fields(config.path, arguments)
  _check_arguments(inner)
  for key, value in arguments.items():
    if key not in (*_HARMLESS, "output_stride", "global_pool"):
      raise inner.fault(f"model_args.{key}", value, "no such argument")


def _check_arguments(fields: Fields) -> None:
  fields.expect("output_stride", 32, 32)
  if fields.get("global_pool", "avg"):  # none: the average is ours
    fields.expect("global_pool", "avg", "avg")


def _size(cfg: Fields, channels: int) -> int:
  value = cfg.get("input_size", [channels, 224, 224])
  if (
    not isinstance(value, list | tuple)
    or len(value) != 3
    or value[0] != channels
    or value[1] != value[2]
  ):
    raise cfg.fault("input_size", value, f"[{channels}, size, size]")
  return cfg.pixels("input_size", value[1])
