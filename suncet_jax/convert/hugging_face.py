"""Hugging Face's config.json and preprocessor_config.json of a network."""

from typing import Any, NamedTuple

from PIL import Image

from suncet_jax.architectures import RESNETS
from suncet_jax.convert import vit_json
from suncet_jax.convert.descriptions import feature_sizes
from suncet_jax.convert.fields import Fields
from suncet_jax.convert.pytorch_names import NORMALISATIONS
from suncet_jax.convert.vit_names import is_vit
from suncet_jax.convert.weights import Images, Weights

# The images of a ConvNext processor of this size or larger are not cropped.
_WHOLE_FROM = 384
_HALF = (0.5, 0.5, 0.5)
_IMAGENET = NORMALISATIONS["imagenet"]
_CLIP = (
  (0.48145466, 0.4578275, 0.40821073),
  (0.26862954, 0.26130258, 0.27577711),
)
_STEPS = ("resize", "center_crop", "rescale", "normalize", "convert_rgb")


class _Kind(NamedTuple):
  """What a class of processors does with what its file does not say.

  Attributes:
    size: Size that images are resized to.
    crop_size: Size of the centre, or None where another field tells it.
    resample: Pillow's number of the filter.
    mean: Mean per channel.
    std: Standard deviation per channel.
  """

  size: Any
  crop_size: int | None
  resample: int
  mean: tuple[float, ...]
  std: tuple[float, ...]


_KINDS = {
  "ConvNext": _Kind({"shortest_edge": 384}, None, 3, _HALF, _HALF),
  "Bit": _Kind({"shortest_edge": 224}, 224, 3, *_CLIP),
  "CLIP": _Kind({"shortest_edge": 224}, 224, 3, *_CLIP),
  "ViT": _Kind({"height": 224, "width": 224}, None, 2, _HALF, _HALF),
}
# Of a file that names no class: as ResNets are evaluated on ImageNet.
_UNNAMED = _Kind({"shortest_edge": 224}, None, 2, *_IMAGENET)


def checked(config: Fields, weights: Weights) -> Weights:
  """Returns weights with what a config.json says beyond names and shapes.

  Raises:
    ConvertError: If it does not, or names what our models do not have.
  """
  is_theirs = weights.origin.get("layout") == "huggingface"
  if not config.content or not (is_theirs or "model_type" in config.content):
    return weights
  if is_vit(weights.model):
    return vit_json.checked_hugging_face(config, weights)
  architecture = RESNETS[weights.model["name"]]
  for name, default, expected in (
    ("model_type", "resnet", "resnet"),
    ("num_channels", 3, weights.images.channels),
    (
      "embedding_size",
      64,
      architecture.stem_planes * weights.model["width"],
    ),
    ("hidden_sizes", [256, 512, 1024, 2048], feature_sizes(weights)),
    ("depths", [3, 4, 6, 3], list(architecture.depths)),
    ("layer_type", "bottleneck", architecture.block),
    ("hidden_act", "relu", "relu"),
    ("downsample_in_first_stage", False, False),
    ("downsample_in_bottleneck", False, False),
  ):
    config.expect(name, default, expected)
  return weights


def images(processor: Fields, channels: int) -> Images | None:
  """Returns the preparation of images that a preprocessor_config.json names.

  Args:
    processor: Its fields; without any, None is returned.
    channels: Number of channels of the network.

  Raises:
    ConvertError: If it names what our preparation does not have.
  """
  if not processor.content:
    return None
  for name, value in processor.content.items():
    if name.startswith("do_") and value and name[3:] not in _STEPS:
      raise processor.fault(name, value, "false")
  name, kind = _kind(processor)
  mean, std = _normalisation(processor, kind, channels)
  size, resize, crop = _sizes(processor, name, kind)
  return Images(
    channels=channels,
    size=size,
    resize=resize,
    mean=mean,
    std=std,
    resample=_resample(processor, kind),
    crop=crop,
  )


def _kind(processor: Fields) -> tuple[str, _Kind]:
  field = "image_processor_type"
  if processor.get(field, None) is None:
    field = "feature_extractor_type"  # its name until 2022
  value = processor.get(field, "")
  for name, kind in _KINDS.items():
    if str(value).startswith(name):
      return name, kind
  if value:
    raise processor.fault(
      field, value, f"one for {', '.join(_KINDS)} with the usual steps"
    )
  is_bit = processor.get("crop_size", None) is not None
  return ("Bit" if is_bit else "ConvNext"), _UNNAMED


def _normalisation(
  processor: Fields, kind: _Kind, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
  """Returns mean and std for values in [0, 1]; theirs may be of others."""
  scale = 255.0  # of their values, before the mean is subtracted
  if processor.flag("do_rescale", True):
    scale *= processor.number("rescale_factor", 1 / 255)
  is_usual = abs(scale - 1) < 1e-6
  if not processor.flag("do_normalize", True):
    if is_usual:
      return (), ()
    return (0.0,) * channels, (1 / scale,) * channels
  mean = processor.channels("image_mean", kind.mean, channels)
  std = processor.channels("image_std", kind.std, channels)
  if min(std) <= 0:
    raise processor.fault("image_std", list(std), "numbers above 0")
  if is_usual:
    return mean, std
  return tuple(x / scale for x in mean), tuple(x / scale for x in std)


def _resample(processor: Fields, kind: _Kind) -> str:
  number = processor.get("resample", kind.resample)
  names = {int(x): x.name.lower() for x in Image.Resampling}
  if type(number) is not int or number not in names:
    raise processor.fault("resample", number, f"one of {names}")
  return names[number]


def _sizes(processor: Fields, name: str, kind: _Kind) -> tuple[int, int, str]:
  """Returns size, resize and crop, as `Images` has them."""
  value = processor.get("size", kind.size)
  side = _side(processor, "size", value)
  is_cropped = processor.flag("do_center_crop", name in ("Bit", "CLIP"))
  if not processor.flag("do_resize", True):
    if is_cropped:
      raise processor.fault("do_resize", False, "true where do_center_crop is")
    return side, 0, "floored"
  size, resize, crop = _of_class(processor, name, side)
  if crop != "whole" and isinstance(value, dict) and "height" in value:
    size, resize, crop = side, side, "whole"
  elif crop != "whole" and name != "ConvNext" and not is_cropped:
    raise processor.fault("do_center_crop", False, "true, or size as a square")
  if is_cropped:
    centre = processor.get("crop_size", kind.crop_size or side)
    centre = _side(processor, "crop_size", centre)
    if centre > side or (
      centre != side and (crop == "whole" or name == "ConvNext")
    ):
      raise processor.fault("crop_size", centre, f"{side}, as in size")
    size = min(size, centre)
  return size, resize, crop


def _of_class(processor: Fields, name: str, side: int) -> tuple[int, int, str]:
  """Returns size, resize and crop for one number of pixels."""
  if name == "ViT" or (name == "ConvNext" and side >= _WHOLE_FROM):
    return side, side, "whole"
  if name != "ConvNext":
    return side, side, "floored"
  share = processor.number("crop_pct", 224 / 256)
  if share > 1:
    raise processor.fault("crop_pct", share, "at most 1")
  return side, int(side / share), "floored"


def _side(processor: Fields, name: str, value: Any) -> int:
  """Returns the pixels in a field: a number, or a dict of them."""
  if isinstance(value, dict):
    sides = {x for x in value.values() if x is not None}
    known = {"shortest_edge"}, {"height", "width"}
    if {k for k, x in value.items() if x is not None} not in known or (
      len(sides) != 1
    ):
      raise processor.fault(
        name, value, "shortest_edge, or the same height and width"
      )
    (value,) = sides
  return processor.pixels(name, value)
