"""What `build` accepts and what it says of the rest."""

import types

import pytest
from model_testing import model_config

from suncet_jax import models


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    (
      {"name": "resnet51"},
      "model.name .*resnet8, .*wrn28_2, .*; got 'resnet51'",
    ),
    ({"width": 3}, "model.width must be one of 1, 2, 4; got 3"),
    ({"stem": "vgg"}, "model.stem .*imagenet, cifar, cifar_stride2; got 'vgg'"),
    (
      {"head": {"layers": 4}},
      "model.head.layers must be one of 1, 2, 3; got 4",
    ),
    ({"head": {"hidden": -1}}, "model.head.hidden .*got -1"),
    ({"head": {"out": 0}}, "model.head.out must be >= 1; got 0"),
    ({"name": "wrn28_2", "stem": "imagenet"}, "only model.stem = 'cifar'"),
    ({"name": "wrn28_2", "width": 2}, "only model.width = 1; got 2"),
    ({"name": "vit_s14", "width": 2}, "vit_s14 takes only model.width = 1"),
    ({"name": "vit_s14", "vit": {"pool": "max"}}, "one of class, mean; got"),
    ({"name": "vit_s14", "vit": {"registers": -1}}, "registers must be >= 0"),
    ({"name": "vit_s14", "vit": {"image_size": 224 + 1}}, "a multiple of 14"),
    ({"name": "vit_s14", "vit": {"norm_epsilon": 0.0}}, "must be > 0; got 0"),
    (
      {"name": "wrn28_2", "zero_init_residual": True},
      "only model.zero_init_residual = False",
    ),
    (
      {"name": "wrn28_2_fixmatch", "stem": "imagenet", "width": 4},
      "wrn28_2_fixmatch takes only model.width = 1.*model.stem = 'cifar'",
    ),
  ],
)
def test_build_says_what_is_wrong(fields, message):
  with pytest.raises(ValueError, match=message):
    models.build(model_config(**fields))


@pytest.mark.parametrize(
  ("precision", "message"),
  [
    ("float16", "precision .*float32, bfloat16.*'float16'"),
    ("float64", "JAX_ENABLE_X64"),
  ],
)
def test_build_says_which_precisions_there_are(precision, message):
  with pytest.raises(ValueError, match=message):
    models.build(model_config(), precision)


def test_build_reports_all_faults_at_once():
  with pytest.raises(ValueError, match=r"model\.name.*model\.width"):
    models.build(model_config(name="vit", width=0))


def test_build_takes_any_object_with_attributes():
  config = model_config()
  plain = types.SimpleNamespace(**config.to_dict())
  plain.head = types.SimpleNamespace(**config.head.to_dict())
  assert models.build(plain) == models.build(config)
