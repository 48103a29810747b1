"""Methods: what a training step optimises, behind one protocol."""

import dataclasses

import jax
from ml_collections import ConfigDict

from suncet_jax.data.augment import Augmentation
from suncet_jax.methods.base import (
  BatchSpec,
  Encode,
  Method,
  StepOutput,
  Views,
)
from suncet_jax.methods.encode import make_encode
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.suncet.method import SuNCEt
from suncet_jax.methods.supervised.method import Supervised

__all__ = [
  "BatchSpec",
  "Encode",
  "Method",
  "SimCLR",
  "StepOutput",
  "SuNCEt",
  "Supervised",
  "Views",
  "make_encode",
  "make_method",
]


def make_method(
  config: ConfigDict, augmentation: Augmentation, mesh: jax.sharding.Mesh
) -> Method:
  """Builds the method that `config.method` names.

  Args:
    config: The whole configuration.
    augmentation: Of every view; small ones differ in size and crop only.
    mesh: The devices that rows are spread over.

  Returns:
    The method.
  """
  if config.method.name == "supervised":
    return Supervised(augmentation, mesh, config.data.labelled.views)
  multicrop = config.multicrop
  small = dataclasses.replace(
    augmentation,
    size=multicrop.size,
    crop_scale=tuple(multicrop.crop_scale),
  )
  simclr = SimCLR(
    augmentation,
    mesh,
    temperature=config.method.temperature,
    stop_gradient_keys=config.method.stop_gradient_keys,
    small_views=(small,) * multicrop.views,
  )
  if config.method.name == "simclr":
    return simclr
  return SuNCEt(
    simclr,
    weight=config.method.suncet_weight,
    supervised_epochs=config.method.supervised_epochs,
    labelled_views=config.data.labelled.views,
  )
