"""From the model part of a config to a model."""

from typing import Any

import flax.linen as nn

from suncet_jax.architectures import MODEL_NAMES, STEMS, model_faults
from suncet_jax.errors import UserError
from suncet_jax.models.heads import ProjectionHead
from suncet_jax.models.model import Model
from suncet_jax.models.numerics import Numerics, numerics_of
from suncet_jax.models.resnet import ResNet
from suncet_jax.models.wide_resnet import WideResNet


def build(
  config: Any, precision: str = "float32", *, remat: bool = False
) -> Model:
  """Builds the model a config names.

  Args:
    config: `config.model`, an object with the attributes:
      name: one of `model_names.MODEL_NAMES`.
      width: factor 1, 2 or 4 of all channels; ResNets only.
      stem: one of `model_names.STEMS`; WideResNets take only "cifar".
      convolution: "auto" or "xla"; see `suncet_jax.convolution.convolve`.
      zero_init_residual: bool, whether each residual block of a ResNet starts
        as its shortcut.
      head: `layers` (1 to 3), `hidden` (0 = size of the features), `out`,
        `batch_norm` and `output_batch_norm` (see `ProjectionHead`).
    precision: one of `model_names.PRECISIONS`, of activations and products.
      Parameters and statistics are float32 unless it is "float64".
    remat: whether the gradient computes residual blocks again rather than
      keeping what is inside them (Chen et al. 2016, arXiv 1604.06174).

  Raises:
    ValueError: a value is none of the valid ones; the message lists every
      such value.
  """
  faults = model_faults(config)
  if faults:
    raise UserError(" ".join(faults))
  numerics = numerics_of(precision, config.convolution)
  feature_size = _feature_size(config)
  return Model(
    feature_size=feature_size,
    backbone=_backbone(config, numerics, remat),
    head=ProjectionHead(
      layers=config.head.layers,
      hidden=config.head.hidden or feature_size,
      out=config.head.out,
      batch_norm=config.head.batch_norm,
      output_batch_norm=config.head.output_batch_norm,
      numerics=numerics,
    ),
  )


def _feature_size(config: Any) -> int:
  architecture = MODEL_NAMES[config.name]
  expansion = 4 if architecture.block == "bottleneck" else 1
  return expansion * config.width * architecture.planes[-1]


def _backbone(config: Any, numerics: Numerics, remat: bool) -> nn.Module:
  architecture = MODEL_NAMES[config.name]
  if architecture.block == "preactivation":
    return WideResNet(architecture, numerics, remat)
  return ResNet(
    architecture,
    STEMS[config.stem],
    config.width,
    config.zero_init_residual,
    numerics,
    remat,
  )
