"""Models and precisions that a config may name, and checks of a model.

This module must not import JAX: a config is validated before JAX is loaded.
"""

import types
from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Architecture(NamedTuple):
  """Architecture that a model's name stands for.

  Attributes:
    block: Kind of block: "basic" (two 3x3), "bottleneck" (1x1, 3x3, 1x1; four
      times as wide at its end) or "preactivation" (two 3x3, norms first).
    stem_planes: Number of channels after the stem, at width 1.
    planes: Number of inner channels of the blocks of each stage, at width 1.
    depths: Number of blocks in each stage. Stages after the first halve the
      resolution.
  """

  block: str
  stem_planes: int
  planes: tuple[int, ...]
  depths: tuple[int, ...]

  @property
  def is_wide_resnet(self) -> bool:
    """Whether it is a WideResNet, with the norms of a block first."""
    return self.block.startswith("preactivation")


class Transformer(NamedTuple):
  """Vision transformer that a model's name stands for.

  Attributes:
    patch: Height and width of a patch, in pixels.
    width: Number of channels of a token.
    depth: Number of blocks.
    heads: Number of heads of the attention.
  """

  patch: int
  width: int
  depth: int
  heads: int


class GlobalLocalSizes(NamedTuple):
  """Sizes of the networks of frames and sound of Global-Local.

  Channels of a stage are twice those of the one before.

  Attributes:
    slow: Number of channels of the slow network's first stage.
    fast: The same of the fast one.
    audio: The same of the network of sound.
    depths: Number of blocks in each stage.
    slow_every: Frames from one that the slow network sees to the next.
    max_pool: Whether a 3x3 max pool of stride 2 follows the first layer.
    out: Number of channels that clips and places are compared in.
    local_out: Number of channels that frames and sounds are compared in.
  """

  slow: int
  fast: int
  audio: int
  depths: tuple[int, ...]
  slow_every: int
  max_pool: bool
  out: int
  local_out: int


class ConformerSizes(NamedTuple):
  """Sizes of a Conformer.

  Attributes:
    width: Number of channels of a frame.
    hidden: Number of units within its MLPs.
    blocks: Number of blocks.
    heads: Number of heads of the attention, which divides the width.
    kernel: Frames of its convolution, an odd number.
    dropout: Share of numbers that dropout takes away.
  """

  width: int
  hidden: int
  blocks: int
  heads: int
  kernel: int
  dropout: float


class LiRASizes(NamedTuple):
  """Sizes of LiRA's encoder of frames.

  Attributes:
    planes: Number of channels of the first layer and the first stage; doubled
      from stage to stage.
    depths: Number of blocks in each stage.
    max_pool: Whether a 3x3 max pool of stride 2 follows the first layer.
    conformer: Sizes of the Conformer.
  """

  planes: int
  depths: tuple[int, ...]
  max_pool: bool
  conformer: ConformerSizes


class Stem(NamedTuple):
  """First convolution of a ResNet, and the pool after it.

  Attributes:
    kernel_size: Height and width of the kernel.
    stride: Stride of the convolution.
    max_pool: Whether a 3x3 max pool of stride 2 follows.
  """

  kernel_size: int
  stride: int
  max_pool: bool


class MLP(NamedTuple):
  """A head of dense layers with an activation between them.

  Attributes:
    layers: Number of dense layers, 1 to 3; 1: a linear map.
    out: Number of units of the last layer.
    hidden: Number of units of all other layers; 0: the size of the input.
    batch_norm: Whether a norm follows each hidden layer, before its activation.
    output_batch_norm: Whether a norm without bias follows the last layer. The
      dense layers then have no bias.
    of: Input of the head: "features", or the name of an earlier head.
    over_all_views: Whether its norms see the views of all sizes together;
      otherwise each size by itself, like those of the backbone.
    activation: Activation after each hidden layer, one of `ACTIVATIONS`;
      "leaky_relu" has the slope 0.1.
    input_batch_norm: Whether a norm comes before the first layer.
    unit_inputs: Whether rows of the input are scaled to length 1 first.
    use_bias: Whether the dense layers have a bias.
    init: Start of the dense layers, one of `HEAD_INITS`: "uniform" is PyTorch's
      default for kernels and biases; "glorot" has normal kernels of variance
      2 / (inputs + units) and biases of 0.
  """

  layers: int
  out: int
  hidden: int = 0
  batch_norm: bool = False
  output_batch_norm: bool = False
  of: str = "features"
  over_all_views: bool = False
  activation: str = "relu"
  input_batch_norm: bool = False
  unit_inputs: bool = False
  use_bias: bool = True
  init: str = "uniform"

  @classmethod
  def from_config(cls, config: Any) -> Self:
    """Returns the projection head that `config.model.head` describes."""
    return cls(
      layers=config.layers,
      out=config.out,
      hidden=config.hidden,
      batch_norm=config.batch_norm,
      output_batch_norm=config.output_batch_norm,
    )


def _imagenet(block: str, *depths: int) -> Architecture:
  return Architecture(block, 64, (64, 128, 256, 512), depths)


def _wide(block: str) -> Architecture:
  return Architecture(block, 16, (32, 64, 128), (4, 4, 4))


def _cifar(depth: int) -> Architecture:
  return Architecture("basic", 16, (16, 32, 64), (depth, depth, depth))


# ResNets: He et al. 2015 (arXiv 1512.03385), table 1 and, of 6n+2 layers,
# section 4.2; 200 layers: He et al. 2016 (arXiv 1603.05027), table 5.
# WRN-28-2: Zagoruyko and Komodakis 2016 (arXiv 1605.07146), table 1.
RESNETS: Mapping[str, Architecture] = types.MappingProxyType(
  {
    "resnet8": _cifar(1),
    "resnet14": _cifar(2),
    "resnet20": _cifar(3),
    "resnet18": _imagenet("basic", 2, 2, 2, 2),
    "resnet34": _imagenet("basic", 3, 4, 6, 3),
    "resnet50": _imagenet("bottleneck", 3, 4, 6, 3),
    "resnet101": _imagenet("bottleneck", 3, 4, 23, 3),
    "resnet152": _imagenet("bottleneck", 3, 8, 36, 3),
    "resnet200": _imagenet("bottleneck", 3, 24, 36, 3),
    "wrn28_2": _wide("preactivation"),
    "wrn28_2_fixmatch": _wide("preactivation_fixmatch"),
  }
)

# Width, depth and heads. Ti and S: Touvron et al. 2021 (arXiv 2012.12877),
# table 1; B and L: Dosovitskiy et al. 2021 (arXiv 2010.11929), table 1. "mu" is
# for tests and images of a few pixels.
_SIZES = {
  "mu": (64, 2, 2),
  "ti": (192, 12, 3),
  "s": (384, 12, 6),
  "b": (768, 12, 12),
  "l": (1024, 24, 16),
}
TRANSFORMERS: Mapping[str, Transformer] = types.MappingProxyType(
  {
    f"vit_{size}{patch}": Transformer(patch, *_SIZES[size])
    for sizes, patches in (
      (("mu", "ti"), (4,)),
      (("ti", "s", "b", "l"), (14, 16)),
    )
    for size in sizes
    for patch in patches
  }
)

# Networks of clips; each has a group of fields of its name.
CLIP_NETWORKS = ("global_local", "lira")

MODEL_NAMES: tuple[str, ...] = (*RESNETS, *TRANSFORMERS, *CLIP_NETWORKS)

STEMS: Mapping[str, Stem] = types.MappingProxyType(
  {
    "imagenet": Stem(kernel_size=7, stride=2, max_pool=True),
    "cifar": Stem(kernel_size=3, stride=1, max_pool=False),
    "cifar_stride2": Stem(kernel_size=3, stride=2, max_pool=False),
  }
)

# Keys of the parameters of heads that have another one than the head's name, so
# that old checkpoints stay valid.
_KEPT_AS = {"projection": "head"}

PRECISIONS = ("float32", "bfloat16", "float64")
CONVOLUTIONS = ("auto", "xla")
WIDTHS = (1, 2, 4)
POOLS = ("class", "mean")
HEAD_LAYERS = (1, 2, 3)
ACTIVATIONS = ("relu", "leaky_relu")
HEAD_INITS = ("uniform", "glorot")


def part_name(head: str) -> str:
  """Returns the key of a head's parameters: "head" for the projection."""
  return _KEPT_AS.get(head, head)


def model_faults(config: Any) -> list[str]:
  """Returns all faults of the model part of a config.

  Args:
    config: `config.model`, an object with the attributes `name`, `width`,
      `stem`, `convolution`, `zero_init_residual`, `head` (with `layers`,
      `hidden`, `out`, `batch_norm` and `output_batch_norm`) and, for vision
      transformers alone, `vit` (with `pool`, `registers`, `layer_scale`,
      `image_size` and `norm_epsilon`).

  Returns:
    One sentence per fault, with the value and the expected ones; empty if there
    is none.
  """
  faults = [
    f"model.{field} must be one of {', '.join(map(str, valid))}; got {value!r}."
    for field, value, valid in (
      ("name", config.name, MODEL_NAMES),
      ("width", config.width, WIDTHS),
      ("stem", config.stem, STEMS),
      ("convolution", config.convolution, CONVOLUTIONS),
      ("head.layers", config.head.layers, HEAD_LAYERS),
    )
    if value not in valid
  ]
  if config.head.hidden < 0:
    faults.append(
      "model.head.hidden must be > 0, or 0 for the size of the features; got"
      f" {config.head.hidden}."
    )
  if config.head.out < 1:
    faults.append(f"model.head.out must be >= 1; got {config.head.out}.")
  faults.extend(
    f"{config.name} takes only model.{field} = {only!r}; got {value!r}."
    for field, only in _only(config.name).items()
    if (value := getattr(config, field)) != only
  )
  if config.name in TRANSFORMERS:
    faults.extend(_transformer_faults(config))
  return faults


def _only(name: str) -> Mapping[str, Any]:
  """Returns the one value of each field that only ResNets choose."""
  # Which have no such stem, whatever the field says.
  if name in TRANSFORMERS or name in CLIP_NETWORKS:
    return {"width": 1, "zero_init_residual": False}
  if name in RESNETS and RESNETS[name].is_wide_resnet:
    # Its blocks end in a convolution: there is no gamma to start at 0.
    return {"width": 1, "stem": "cifar", "zero_init_residual": False}
  return {}


def _transformer_faults(config: Any) -> list[str]:
  """Returns the faults of options that only vision transformers have."""
  vit, patch = config.vit, TRANSFORMERS[config.name].patch
  faults = []
  if vit.pool not in POOLS:
    faults.append(
      f"model.vit.pool must be one of {', '.join(POOLS)}; got {vit.pool!r}."
    )
  for field in ("registers", "layer_scale", "image_size"):
    if (value := getattr(vit, field)) < 0:
      faults.append(f"model.vit.{field} must be >= 0; got {value}.")
  if vit.norm_epsilon <= 0:
    faults.append(
      f"model.vit.norm_epsilon must be > 0; got {vit.norm_epsilon}."
    )
  if vit.image_size % patch:
    faults.append(
      f"model.vit.image_size must be a multiple of {patch}, the patch of"
      f" {config.name}, or 0; got {vit.image_size}."
    )
  return faults
