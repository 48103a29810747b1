"""Every layout there and back, bit for bit, and the same features."""

import functools
import json

import jax
import numpy as np
import pytest
import torch
import torch_networks as networks
from golden_tensors import golden_tensor
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.convert import own_names, pytorch_names
from suncet_jax.convert.layouts import LAYOUTS
from suncet_jax.convert.weights import FORMAT, ConvertError, to_metadata


def _torchvision():
  network = networks.ResNet(networks.Basic, (2, 2, 2, 2))
  network.fc = torch.nn.Linear(512, 10)
  return network


def _first_release():
  network = _shallow()
  network.fc = networks.numbered_head(64, 16)
  return network


def _paws():
  network = _shallow(planes=32, channels=1)
  network.fc = networks.named_head(128, 16)
  network.pred = networks.prediction_head(16)
  return network


def _wide():
  network = networks.WideResNet()
  network.fc = networks.named_head(128, 128)
  return network


def _hugging_face():
  return networks.HuggingFace(networks.ResNet(networks.Basic, (2, 2, 2, 2)))


def _shallow(planes=16, channels=3):
  return networks.ResNet(
    networks.Basic, (1, 1, 1), planes=planes, channels=channels, stem=3
  )


# Layout, network, model, prefix, kept tensors that are no counters.
_CASES = {
  "torchvision": (_torchvision, "torchvision", "resnet18", "", 2),
  "first release": (_first_release, "suncet", "resnet8", "module.", 0),
  "paws": (_paws, "suncet", "resnet8", "module.", 12),
  "wide": (_wide, "suncet", "wrn28_2", "", 0),
  "hugging face": (_hugging_face, "huggingface", "resnet18", "resnet.", 0),
}


@functools.cache
def _state(case):
  make, _, _, prefix, _ = _CASES[case]
  network = networks.filled(make())
  state = {prefix + k: x for k, x in networks.tensors(network).items()}
  return network, state


def _assert_same(actual, expected):
  assert actual.keys() == expected.keys()
  for name, x in expected.items():
    assert actual[name].dtype == x.dtype, name
    np.testing.assert_array_equal(actual[name], x, err_msg=name)


@pytest.mark.parametrize("case", _CASES)
def test_there_and_back_is_exact(case):
  _, layout, name, prefix, kept = _CASES[case]
  _, state = _state(case)
  weights = pytorch_names.from_tensors(state, {})
  assert weights.model["name"] == name
  assert weights.origin["layout"] == layout
  assert weights.origin["prefix"] == prefix
  others = [k for k in weights.kept if not k.endswith("num_batches_tracked")]
  assert len(others) == kept
  # Through our own file's names too.
  own = own_names.from_tensors(
    own_names.to_tensors(weights), to_metadata(weights, FORMAT)
  )
  assert own.images == weights.images
  back, left_out = pytorch_names.to_tensors(own, layout)
  _assert_same(back, state)
  assert left_out == []


@pytest.mark.parametrize("layout", ["huggingface", "suncet"])
def test_bottlenecks_there_and_back(layout):
  network = networks.ResNet(networks.Bottleneck, (3, 4, 6, 3))
  if layout == "suncet":
    network.fc = networks.named_head(2048, 32)
  else:
    network = networks.HuggingFace(network)
  state = networks.tensors(network)
  weights = pytorch_names.from_tensors(state, {})
  assert weights.model["name"] == "resnet50"
  assert weights.has_head == (layout == "suncet")
  _assert_same(pytorch_names.to_tensors(weights, layout)[0], state)


@pytest.mark.parametrize("layout", [x for x in LAYOUTS if x != "dinov2"])
def test_ours_through_every_layout(layout):
  _, state = _state("torchvision")
  ours = pytorch_names.from_tensors(state, {})._replace(kept={}, origin={})
  there, _ = pytorch_names.to_tensors(ours, layout)
  metadata = to_metadata(ours, layout)
  again = pytorch_names.from_tensors(there, metadata)
  assert again.origin["layout"] == layout
  assert again.model == ours.model
  assert again.images == ours.images
  _assert_same(again.leaves, ours.leaves)


@functools.cache
def _apply(model):
  """Compiles a model once for all layouts that have it."""
  model = models.build(ConfigDict(json.loads(model)))
  # Compiling is most of the time here.
  quick = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
  )
  return quick(functools.partial(model.apply, train=False)), quick(
    functools.partial(model.apply_backbone, train=False)
  )


def _ours(weights, images):
  """Returns features and, if there is a head, projections of NCHW images."""
  whole, backbone = _apply(json.dumps(weights.model))
  params, stats = weights.variables
  x = images.transpose(0, 2, 3, 1)
  if weights.has_head:
    outputs, _ = whole(params, stats, x)
    return outputs["features"], outputs["projection"]
  return backbone(params["backbone"], stats["backbone"], x)[0], None


@pytest.mark.parametrize(
  "case", ["torchvision", "first release", "paws", "wide"]
)
def test_features_are_pytorchs(case):
  network, state = _state(case)
  weights = pytorch_names.from_tensors(state, {})
  shape = (2, weights.images.channels, 33, 17)
  images = np.random.default_rng(1).random(shape, np.float32)
  features, projection = _ours(weights, images)
  with torch.no_grad():
    expected = network.features(torch.from_numpy(images))
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
    if projection is not None:
      np.testing.assert_allclose(
        projection, network.fc(expected), rtol=1e-4, atol=1e-4
      )


def test_hugging_faces_names_mean_the_same():
  network, state = _state("torchvision")
  other = networks.tensors(networks.HuggingFace(network))
  first = pytorch_names.from_tensors(state, {})
  second = pytorch_names.from_tensors(other, {})
  _assert_same(second.leaves, first.leaves)


def test_features_of_resnet50_are_the_references(golden):
  expected = golden("forward_resnet50")
  network = networks.ResNet(networks.Bottleneck, (3, 4, 6, 3))
  network.fc = networks.named_head(2048, 128)
  state = {
    name: golden_tensor(name, x.shape).astype(np.float32)
    for name, x in networks.tensors(network).items()
    if not name.endswith("num_batches_tracked")
  }
  weights = pytorch_names.from_tensors(state, {})
  rng = np.random.RandomState(expected["x_seed"])
  images = rng.standard_normal(expected["x_shape"]).astype(np.float32)
  features, projection = _ours(weights, images)
  np.testing.assert_allclose(features, expected["feat_eval"], atol=1e-4)
  np.testing.assert_allclose(projection, expected["proj_eval"], atol=1e-4)


def test_how_images_are_normalised_is_known():
  imagenet = pytorch_names.NORMALISATIONS["imagenet"]
  cifar = pytorch_names.NORMALISATIONS["cifar10"]
  for case, size, resize, expected in (
    ("torchvision", 224, 256, imagenet),
    ("hugging face", 224, 256, imagenet),
    ("wide", 32, 0, cifar),
    ("first release", 32, 0, ((), ())),
  ):
    images = pytorch_names.from_tensors(_state(case)[1], {}).images
    assert (images.size, images.resize) == (size, resize)
    assert (images.mean, images.std) == expected


@pytest.mark.parametrize("layout", ["torchvision", "timm", "huggingface"])
def test_what_a_library_has_not_is_refused(layout):
  weights = pytorch_names.from_tensors(_state("paws")[1], {})
  with pytest.raises(ConvertError, match=f"--to={layout}.*must"):
    pytorch_names.to_tensors(weights, layout)


def test_what_is_left_out_is_said():
  weights = pytorch_names.from_tensors(_state("torchvision")[1], {})
  tensors, left_out = pytorch_names.to_tensors(weights, "huggingface")
  assert left_out == ["fc.weight", "fc.bias"]
  assert sum(name.endswith("num_batches_tracked") for name in tensors) == 20
