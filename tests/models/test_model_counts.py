"""Parameter counts of the reference implementation; nothing is computed."""

import pytest
from model_testing import abstract_variables, count, model_config

from suncet_jax import models
from suncet_jax.architectures import MLP

_IMAGENET = {"stem": "imagenet"}


@pytest.mark.parametrize(
  ("name", "width", "params", "stats"),
  [
    ("resnet18", 1, 11_176_512, None),
    ("resnet34", 1, 21_284_672, None),
    # The reference's buffers, without its counter of batches in each norm.
    ("resnet50", 1, 23_508_032, 53_120),
    ("resnet50", 2, 93_907_072, 106_240),
    ("resnet50", 4, 375_378_176, 212_480),
    ("resnet101", 1, 42_500_160, 105_344),
    ("resnet152", 1, 58_143_808, 151_424),
    ("resnet200", 1, 62_624_832, 176_000),
  ],
)
def test_resnet_backbone_has_the_reference_count(name, width, params, stats):
  model = models.build(model_config(name=name, width=width, **_IMAGENET))
  shapes, stat_shapes = abstract_variables(model, (224, 224, 3))
  assert count(shapes["backbone"]) == params
  if stats is not None:
    assert count(stat_shapes["backbone"]) == stats


def test_wide_resnet_has_the_reference_counts():
  head = {"layers": 3, "out": 128, "batch_norm": True}
  model = models.build(model_config(head=head, name="wrn28_2"))
  params, stats = abstract_variables(model)
  assert count(params["backbone"]) == 1_468_352
  assert count(stats["backbone"]) == 3_616
  assert count(params["head"]) == 50_048


def test_fixmatchs_wide_resnet_has_its_count():
  """As published, with the classifier of 10 classes."""
  model = models.build(
    model_config(name="wrn28_2_fixmatch"),
    heads={"logits": MLP(layers=1, out=10, init="glorot")},
  )
  assert count(abstract_variables(model)[0]) == 1_467_610


def test_cifar_resnets_have_6n_plus_2_layers():
  """He et al. 2015, table 6: 0.27 M parameters for 20 layers."""
  for name, layers in (("resnet8", 8), ("resnet14", 14), ("resnet20", 20)):
    params = abstract_variables(models.build(model_config(name=name)))[0]
    backbone = params["backbone"]
    convs = 1 + sum(
      part.startswith("conv") for block in backbone.values() for part in block
    )
    # The stem's own "conv" is counted by the sum; 1 is the classifier.
    assert convs == layers
  # 269,722 without the 650 of the classifier, with two projection shortcuts:
  # 1x1 kernels and norms.
  shortcuts = (16 * 32 + 64) + (32 * 64 + 128)
  assert count(backbone) == 269_722 - 650 + shortcuts


@pytest.mark.parametrize(
  ("head", "size"),
  [
    # Golden counts of ResNet-50's head, out 128 and 2048.
    ({"layers": 3, "out": 128, "batch_norm": True}, 8_663_168),
    ({"layers": 3, "out": 2048, "batch_norm": True}, 12_597_248),
    # Two biased layers.
    ({"layers": 2, "out": 128}, 2049 * 2048 + 2049 * 128),
    ({"layers": 2, "hidden": 64, "out": 128}, 2049 * 64 + 65 * 128),
    # No bias; gamma and beta after the hidden layers, gamma at the end.
    (
      {
        "layers": 3,
        "out": 128,
        "batch_norm": True,
        "output_batch_norm": True,
      },
      2 * (2048 + 2) * 2048 + (2048 + 1) * 128,
    ),
  ],
)
def test_head_has_the_written_out_count(head, size):
  model = models.build(model_config(head=head, name="resnet50", **_IMAGENET))
  assert count(abstract_variables(model)[0]["head"]) == size


def test_feature_size_is_that_of_the_features():
  for name, width, size in (
    ("resnet8", 4, 256),
    ("resnet18", 1, 512),
    ("resnet50", 2, 4096),
    ("wrn28_2", 1, 128),
    ("wrn28_2_fixmatch", 1, 128),
  ):
    model = models.build(model_config(name=name, width=width))
    assert model.feature_size == size
    dense = abstract_variables(model)[0]["head"]["dense1"]
    assert dense["kernel"].shape[0] == size


def test_names_are_readable():
  model = models.build(model_config(head={"batch_norm": True}))
  params, stats = abstract_variables(model)
  assert set(params) == set(stats) == {"backbone", "head"}
  assert set(params["backbone"]) == {
    "stem",
    "stage1_block1",
    "stage2_block1",
    "stage3_block1",
  }
  assert set(params["backbone"]["stage2_block1"]) == {
    "conv1",
    "norm1",
    "conv2",
    "norm2",
    "shortcut_conv",
    "shortcut_norm",
  }
  assert set(params["head"]) == {"dense1", "norm1", "dense2"}
  assert set(params["head"]["norm1"]) == {"scale", "bias"}
  assert set(stats["head"]["norm1"]) == {"mean", "var"}
