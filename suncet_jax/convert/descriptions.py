"""Folders of weights: our own, and those that other libraries load."""

import json
from typing import Any

from etils import epath

from suncet_jax.architectures import MODEL_NAMES
from suncet_jax.convert import tensor_files
from suncet_jax.convert.weights import Weights

OWN_FILE = "encoder.safetensors"
MODEL_FILE = "model.safetensors"  # the name that other libraries expect


def weights_file(folder: epath.Path) -> epath.Path | None:
  """Returns the file of weights in a folder; None without one."""
  for name in (OWN_FILE, MODEL_FILE):
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
  contents: dict[str, Any] = {}
  if layout == "huggingface":
    contents["config.json"] = _hugging_face_config(weights)
    contents["preprocessor_config.json"] = _processor(weights)
  elif layout == "timm":
    contents["config.json"] = _timm_config(weights)
  for name, content in contents.items():
    text = json.dumps(content, indent=2) + "\n"
    tensor_files.write_bytes(folder / name, text.encode())


def feature_sizes(weights: Weights) -> list[int]:
  """Returns the number of channels after each stage."""
  architecture = MODEL_NAMES[weights.model["name"]]
  expansion = 4 if architecture.block == "bottleneck" else 1
  factor = expansion * weights.model["width"]
  return [factor * planes for planes in architecture.planes]


def _hugging_face_config(weights: Weights) -> dict[str, Any]:
  architecture = MODEL_NAMES[weights.model["name"]]
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


def _processor(weights: Weights) -> dict[str, Any]:
  images = weights.images
  return {
    "image_processor_type": "BitImageProcessor",
    "do_resize": images.resize > 0,
    "size": {"shortest_edge": images.resize or images.size},
    "resample": 2,  # Pillow's number of bilinear
    "do_center_crop": images.resize > 0,
    "crop_size": {"height": images.size, "width": images.size},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": bool(images.mean),
    "image_mean": list(images.mean) or [0.0] * images.channels,
    "image_std": list(images.std) or [1.0] * images.channels,
  }


def _timm_config(weights: Weights) -> dict[str, Any]:
  images = weights.images
  return {
    "architecture": weights.model["name"],
    "num_classes": 0,
    "num_features": feature_sizes(weights)[-1],
    "pretrained_cfg": {
      "input_size": [images.channels, images.size, images.size],
      "crop_pct": images.size / images.resize if images.resize else 1.0,
      "interpolation": "bilinear",
      "mean": list(images.mean) or [0.0] * images.channels,
      "std": list(images.std) or [1.0] * images.channels,
      "num_classes": 0,
      "first_conv": "conv1",
      "classifier": "fc",
    },
  }
