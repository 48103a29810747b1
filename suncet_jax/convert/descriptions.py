"""Folders of weights: our own, and those that other libraries load."""

import json
import math
from typing import Any

from etils import epath
from PIL import Image

from suncet_jax.architectures import RESNETS
from suncet_jax.convert import tensor_files, vit_json
from suncet_jax.convert.vit_names import is_vit
from suncet_jax.convert.weights import Images, Weights

OWN_FILE = "encoder.safetensors"
MODEL_FILE = "model.safetensors"  # the name that other libraries expect
# Beside these the JSON files of a library count; the other one is PyTorch's.
LIBRARY_FILES = (MODEL_FILE, "pytorch_model.bin")
CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"


def weights_file(folder: epath.Path) -> epath.Path | None:
  """Returns the file of weights in a folder; None without one."""
  for name in (OWN_FILE, *LIBRARY_FILES):
    if (folder / name).exists():
      return folder / name
  return None


def write_descriptions(
  folder: epath.Path, weights: Weights, layout: str
) -> None:
  """Writes the JSON files that a library needs beside the weights.

  Raises:
    ConvertError: If they cannot be written.
  """
  for name, content in descriptions(weights, layout).items():
    text = json.dumps(content, indent=2) + "\n"
    tensor_files.write_bytes(folder / name, text.encode())


def descriptions(weights: Weights, layout: str) -> dict[str, dict[str, Any]]:
  """Returns the content of the JSON files of a library by name."""
  if layout == "huggingface":
    return {
      CONFIG: _hugging_face_config(weights),
      PROCESSOR: _processor(weights.images),
    }
  return {CONFIG: _timm_config(weights)} if layout == "timm" else {}


def feature_sizes(weights: Weights) -> list[int]:
  """Returns the number of channels after each stage."""
  architecture = RESNETS[weights.model["name"]]
  expansion = 4 if architecture.block == "bottleneck" else 1
  factor = expansion * weights.model["width"]
  return [factor * planes for planes in architecture.planes]


def _hugging_face_config(weights: Weights) -> dict[str, Any]:
  if is_vit(weights.model):
    return vit_json.hugging_face_config(weights)
  architecture = RESNETS[weights.model["name"]]
  return {
    "architectures": ["ResNetModel"],
    "model_type": "resnet",
    "num_channels": weights.images.channels,
    "embedding_size": architecture.stem_planes * weights.model["width"],
    "hidden_sizes": feature_sizes(weights),
    "depths": list(architecture.depths),
    "layer_type": architecture.block,
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
    "torch_dtype": "float32",
  }


def _processor(images: Images) -> dict[str, Any]:
  side = images.resize or images.size
  is_whole = images.crop == "whole"
  return {
    "image_processor_type": "BitImageProcessor",
    # It would make three channels of one.
    "do_convert_rgb": images.channels == 3,
    "do_resize": images.resize > 0,
    "size": {"height": side, "width": side}
    if is_whole
    else {"shortest_edge": side},
    "resample": int(Image.Resampling[images.resample.upper()]),
    "do_center_crop": images.resize > 0 and not is_whole,
    "crop_size": {"height": images.size, "width": images.size},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": bool(images.mean),
    "image_mean": list(images.mean) or [0.0] * images.channels,
    "image_std": list(images.std) or [1.0] * images.channels,
  }


def _timm_config(weights: Weights) -> dict[str, Any]:
  images, first, last = weights.images, "conv1", "fc"
  network: dict[str, Any]
  if is_vit(weights.model):
    network = vit_json.timm_config(weights)
    first, last = "patch_embed.proj", "head"
  else:
    network = {
      "architecture": weights.model["name"],
      "num_features": feature_sizes(weights)[-1],
      "model_args": {"in_chans": images.channels},
    }
  return {
    **network,
    "num_classes": 0,
    "pretrained_cfg": {
      "input_size": [images.channels, images.size, images.size],
      "crop_pct": _crop_share(images),
      "interpolation": images.resample,
      "crop_mode": "squash" if images.crop == "whole" else "center",
      "mean": list(images.mean) or [0.0] * images.channels,
      "std": list(images.std) or [1.0] * images.channels,
      "num_classes": 0,
      "first_conv": first,
      "classifier": last,
    },
  }


def _crop_share(images: Images) -> float:
  """Returns timm's share of an image in its centre."""
  resize = images.resize or images.size
  share = images.size / resize
  # timm rounds size / share down, and must come back to the same length.
  is_back = math.floor(images.size / share) == resize
  return share if is_back else math.nextafter(share, 0)
