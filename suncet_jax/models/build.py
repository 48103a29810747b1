"""Builds a model from the model part of a config."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from flax.core import FrozenDict

from suncet_jax.architectures import (
  ACTIVATIONS,
  CLIP_NETWORKS,
  HEAD_INITS,
  MLP,
  RESNETS,
  STEMS,
  TRANSFORMERS,
  ConformerSizes,
  GlobalLocalSizes,
  LiRASizes,
  model_faults,
)
from suncet_jax.errors import UserError
from suncet_jax.models.global_local import GlobalLocal
from suncet_jax.models.heads import MLPHead
from suncet_jax.models.lira import LiRA
from suncet_jax.models.model import Head, Model, Network
from suncet_jax.models.numerics import Numerics, numerics_of
from suncet_jax.models.resnet import ResNet
from suncet_jax.models.vit import VisionTransformer
from suncet_jax.models.wide_resnet import WideResNet


def build(
  config: Any,
  precision: str = "float32",
  *,
  heads: Mapping[str, MLP] | None = None,
  remat: bool = False,
) -> Model:
  """Builds the model that a config describes.

  Args:
    config: `config.model`, an object with the attributes:
      name: One of `architectures.MODEL_NAMES`.
      width: Factor 1, 2 or 4 of all channels; ResNets only.
      stem: One of `architectures.STEMS`; WideResNets take only "cifar", vision
        transformers do not look at it.
      convolution: "auto" or "xla"; see `suncet_jax.convolution.convolve`.
      zero_init_residual: Whether each residual block of a ResNet starts as its
        shortcut.
      head: Projection head, with `layers` (1 to 3), `hidden` (0: size of the
        features), `out`, `batch_norm` and `output_batch_norm` (see `MLPHead`).
      vit: Of vision transformers only, with `pool`, `registers`,
        `layer_scale`, `image_size` and `norm_epsilon` (see
        `VisionTransformer`).
      global_local: Of the network of this name only, with the fields of
        `architectures.GlobalLocalSizes`.
      lira: Likewise, with those of `LiRASizes` and `ConformerSizes`.
    precision: Precision of activations and products, one of
      `architectures.PRECISIONS`. Parameters and statistics are float32 unless
      it is "float64".
    heads: Heads by name, in order; by default the projection head that
      `config.head` describes.
    remat: Whether the gradient computes the activations of blocks again instead
      of keeping them (Chen et al. 2016, arXiv 1604.06174).

  Raises:
    ValueError: A value is not valid; the message lists every such value.
  """
  faults = model_faults(config)
  if faults:
    raise UserError(" ".join(faults))
  numerics = numerics_of(precision, config.convolution)
  if heads is None:
    heads = {"projection": MLP.from_config(config.head)}
  return Model(
    feature_size=_feature_size(config),
    backbone=Network(_backbone(config, numerics, remat)),
    # Hashable, so that functions of a model can be cached by it.
    heads=FrozenDict(
      {name: _head(name, mlp, numerics) for name, mlp in heads.items()}
    ),
  )


def _head(name: str, mlp: MLP, numerics: Numerics) -> Head:
  for field, value, valid in (
    ("activation", mlp.activation, ACTIVATIONS),
    ("init", mlp.init, HEAD_INITS),
  ):
    if value not in valid:
      raise UserError(
        f"{field} of the head {name!r} must be one of {', '.join(valid)}; got"
        f" {value!r}."
      )
  return Head(Network(MLPHead(mlp, numerics)), mlp.of, mlp.over_all_views)


def _feature_size(config: Any) -> int:
  if config.name in TRANSFORMERS:
    return TRANSFORMERS[config.name].width
  if config.name == "lira":
    return config.lira.width
  if config.name == "global_local":
    sizes = config.global_local
    return (sizes.slow + sizes.fast) * 2 ** (len(sizes.depths) - 1)
  architecture = RESNETS[config.name]
  expansion = 4 if architecture.block == "bottleneck" else 1
  return expansion * config.width * architecture.planes[-1]


def _backbone(config: Any, numerics: Numerics, remat: bool) -> nn.Module:
  if config.name in CLIP_NETWORKS:
    return _clip_network(config, numerics, remat)
  if config.name in TRANSFORMERS:
    return VisionTransformer(
      TRANSFORMERS[config.name],
      numerics,
      pool=config.vit.pool,
      registers=config.vit.registers,
      layer_scale=config.vit.layer_scale,
      image_size=config.vit.image_size,
      norm_epsilon=config.vit.norm_epsilon,
      remat=remat,
    )
  architecture = RESNETS[config.name]
  if architecture.is_wide_resnet:
    return WideResNet(architecture, numerics, remat)
  return ResNet(
    architecture,
    STEMS[config.stem],
    config.width,
    config.zero_init_residual,
    numerics,
    remat,
  )


def _clip_network(config: Any, numerics: Numerics, remat: bool) -> nn.Module:
  fields = config[config.name].to_dict()
  fields["depths"] = tuple(fields["depths"])
  if config.name == "global_local":
    return GlobalLocal(GlobalLocalSizes(**fields), numerics, remat)
  conformer = ConformerSizes(
    **{name: fields.pop(name) for name in ConformerSizes._fields}
  )
  return LiRA(LiRASizes(**fields, conformer=conformer), numerics, remat)
