"""Weights that a run starts from: read, fitted to its model, said."""

import functools
import hashlib
import json

import jax
import numpy as np
import pytest
import tiny
import torch
import torch_networks as networks
from ml_collections import ConfigDict
from safetensors import numpy as safetensors

from suncet_jax import optim
from suncet_jax.config import ConfigError, as_begun, from_dict, validate
from suncet_jax.convert import files
from suncet_jax.convert.run import gathered
from suncet_jax.errors import UserError
from suncet_jax.train import normalization, starting
from suncet_jax.train.experiment import build
from suncet_jax.workdir.folder import FolderError, RunFolder


@functools.cache
def _small(seed=0, channels=3):
  """A ResNet-8 in PyTorch, and its tensors with torchvision's names."""
  network = networks.ResNet(
    networks.Basic, (1, 1, 1), planes=16, channels=channels, stem=3
  )
  return network, networks.tensors(networks.filled(network, seed))


def _saved(path, *parts, **more):
  """Writes a file of networks under prefixes; returns its path as text."""
  named = {p + k: x for p, tensors in parts for k, x in tensors.items()}
  safetensors.save_file(named | more, path)
  return str(path)


def _started(weights, method="simclr", **fields):
  """Returns the experiment that starts from weights, and its first state."""
  given = {"init.weights": weights, **fields}
  made = tiny.experiment(method=method, **given)
  return made, made.initial_state()


_TINY = {"model.stem": "cifar", "evals.every_epochs": 0.0}


def _features(made, state, images):
  features, _ = made.model.apply_backbone(
    state.params["backbone"],
    state.batch_stats["backbone"],
    images,
    train=False,
  )
  return features


def test_a_real_resnet_18_of_moco_on_grey_images(tmp_path, capsys):
  # Three equal channels are what the summed kernel sees of a grey image.
  network = networks.ResNet(networks.Basic, (2, 2, 2, 2))
  tensors = networks.tensors(networks.filled(network, 3))
  state = {
    f"module.{encoder}.{name}": torch.from_numpy(x + (encoder == "encoder_k"))
    for encoder in ("encoder_q", "encoder_k")
    for name, x in tensors.items()
    if x.dtype == np.float32
  }
  state["module.queue"] = torch.zeros(4, 8)
  path = str(tmp_path / "moco.pth.tar")
  torch.save({"state_dict": state, "epoch": 3}, path)
  made, first = _started(
    path,
    **{
      "init.network": "encoder_q",
      "model.name": "resnet18",
      "model.stem": "imagenet",
      "evals.every_epochs": 0.0,
    },
  )
  images = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
  with torch.no_grad():
    grey = torch.from_numpy(images.transpose(0, 3, 1, 2)).expand(-1, 3, -1, -1)
    expected = network.features(grey).numpy()
  np.testing.assert_allclose(
    _features(made, first, images), expected, rtol=1e-3, atol=1e-4
  )
  about = made.start.about
  assert about["taken"] == {"backbone": 100}
  assert about["drawn"] == ["projection"]
  assert any("encoder_k" in name for name in about["left_over"])
  assert any("queue" in name for name in about["left_over"])
  with open(path, "rb") as file:
    sha256 = hashlib.sha256(file.read()).hexdigest()
  assert made.config.init.sha256 == about["sha256"] == sha256
  # ImageNet's, which is only usual of such a file, as one number.
  assert made.config.augment.mean == (0.449,)
  starting.show(about)
  said = capsys.readouterr().out
  for words in (
    f"Starting from {path} (torchvision, under 'module.encoder_q.'",
    sha256[:16],
    "taken: backbone (100 tensors)",
    "drawn anew: projection",
    "backbone/stem/conv/kernel: its 3 channels summed to 1",
    "as is usual of such names, for the file does not tell",
  ):
    assert words in said, words


def test_a_kernel_of_grey_images_gets_colour(tmp_path):
  weights = _saved(tmp_path / "grey.safetensors", ("", _small(1, 1)[1]))
  config, _ = tiny.settings(
    method="simclr", **_TINY, **{"init.weights": weights}
  )
  made = tiny.experiment(method="simclr", **_TINY)
  found = starting.read(config, made.model, (8, 8, 3))
  kernel = found.params["backbone"]["stem"]["conv"]["kernel"]
  expected = _small(1, 1)[1]["conv1.weight"].transpose(2, 3, 1, 0)
  assert kernel.shape == (3, 3, 3, 16)
  np.testing.assert_allclose(kernel.sum(2, keepdims=True), expected, rtol=1e-6)
  assert "a third each" in found.about["changes"][0]


@pytest.mark.parametrize("prefix", ["", "module.", "teacher.backbone."])
def test_every_method_starts_from_them(tmp_path, prefix):
  weights = _saved(
    tmp_path / "swav.safetensors",
    (prefix, _small()[1]),
    **{"prototypes.weight": np.zeros((3, 8), np.float32)},
  )
  _, reference = _started(weights, **_TINY)
  made, state = _started(
    weights,
    method="comatch",
    **_TINY,
    **{"train.ema_decay": 0.9, "method.momentum_encoder": True},
  )
  for trees in (
    (state.params["backbone"], reference.params["backbone"]),
    (state.batch_stats["backbone"], reference.batch_stats["backbone"]),
    # Teacher and average begin as copies of what was read.
    (state.method_state["teacher"], state.params),
    (state.method_state["teacher_stats"], state.batch_stats),
    (state.average[0], state.params),
    (state.average[1], state.batch_stats),
  ):
    jax.tree.map(np.testing.assert_array_equal, *trees)
  kernel = state.params["backbone"]["stage3_block1"]["conv2"]["kernel"]
  np.testing.assert_array_equal(
    kernel, _small()[1]["layer3.0.conv2.weight"].transpose(2, 3, 1, 0)
  )
  assert "prototypes.weight" in made.start.about["left_over"]
  # What is drawn anew is what a run from nothing draws.
  drawn = tiny.experiment(method="comatch", **_TINY).initial_state()
  jax.tree.map(
    np.testing.assert_array_equal, state.params["head"], drawn.params["head"]
  )


def test_a_run_of_ours_with_its_head(small_run, tmp_path):
  config = from_dict(json.loads((small_run / "config.json").read_text()))
  config.init.weights = str(small_run)
  config.init.parts = ("backbone", "projection")
  made = build(config)
  state = made.initial_state()
  weights = files.read(small_run)
  params, batch_stats = weights.variables
  jax.tree.map(np.testing.assert_array_equal, state.params, params)
  jax.tree.map(np.testing.assert_array_equal, state.batch_stats, batch_stats)
  assert made.start.about["drawn"] == []
  # The same from an exported file, with another digest.
  exported = tmp_path / "digits.safetensors"
  files.write(weights, exported, "suncet_jax")
  config.init.weights = str(exported)
  again = build(config)
  jax.tree.map(
    np.testing.assert_array_equal, again.initial_state().params, params
  )
  assert again.config.init.sha256 != made.config.init.sha256


def test_what_does_not_fit_is_one_error(tmp_path):
  weights = _saved(tmp_path / "x.safetensors", ("", _small()[1]))
  with pytest.raises(UserError) as raised:
    _started(
      weights,
      **_TINY,
      **{
        "model.name": "resnet14",
        "init.parts": ("backbone", "projection"),
      },
    )
  message = str(raised.value)
  for words in (
    f"--config.init.weights={weights}",
    "set --config.model.name=resnet8",
    "missing in the weights: backbone/stage1_block2/conv1/kernel "
    "[3, 3, 16, 16]",
    "leave projection out of --config.init.parts",
    "head/dense1/kernel",
  ):
    assert words in message, words
  with pytest.raises(UserError) as raised:
    _started(weights, **_TINY | {"model.stem": "imagenet"})
  assert (
    "of another shape (weights -> config.model): backbone/stem/conv/kernel "
    "[3, 3, 1, 16] -> [7, 7, 1, 16]"
  ) in str(raised.value)
  assert "--config.model.stem=cifar" in str(raised.value)


def test_which_network_is_asked_in_fields(tmp_path):
  tensors = _small()[1]
  weights = _saved(
    tmp_path / "x.safetensors", ("student.", tensors), ("teacher.", tensors)
  )
  with pytest.raises(UserError, match=r"--config\.init\.network=student"):
    _started(weights, **_TINY)


def test_another_file_than_is_pinned_is_refused(tmp_path):
  weights = _saved(tmp_path / "x.safetensors", ("", _small()[1]))
  with pytest.raises(UserError, match=r"init\.sha256 is 00.*was changed"):
    _started(weights, **_TINY, **{"init.sha256": "0" * 64})


@pytest.mark.parametrize(
  ("fields", "expected"),
  [
    (
      {"init.weights": "x", "init.parts": ("backbone", "logits")},
      r"init\.parts names 'logits', expected some of backbone, projection",
    ),
    ({"init.network": "teacher"}, r"but there are no init\.weights"),
    (
      {"init.weights": "x", "init.sha256": "f00"},
      r"init\.sha256 is 'f00', expected 64 hexadecimal digits",
    ),
  ],
)
def test_faulty_fields(fields, expected):
  config, _ = tiny.settings(method="simclr", **_TINY, **fields)
  with pytest.raises(ConfigError, match=expected):
    validate(config)


_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CIFAR = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def _normalized(given, *, tells, images=_IMAGENET, channels=3):
  weights = files.Weights(
    {},
    "float32",
    starting.source.run.Images(3, 32, mean=images[0], std=images[1]),
    {},
    tells_images=tells,
  )
  augment = ConfigDict({"mean": given[0], "std": given[1]})
  return normalization.of(weights, channels, augment)


def test_normalization_follows_the_file_or_is_refused():
  nothing = (), ()
  assert _normalized(nothing, tells=True)[:2] == _IMAGENET
  assert _normalized(nothing, tells=False)[:2] == _IMAGENET
  near = (0.4853, 0.456, 0.406), _IMAGENET[1]
  assert _normalized(near, tells=True)[:2] == near
  # Who knows better than a name may say so.
  *found, words = _normalized(_CIFAR, tells=False)
  assert tuple(found) == _CIFAR
  assert "usual of such names" in words
  with pytest.raises(UserError, match=r"mean \(0\.485.*augment\.mean and"):
    _normalized(_CIFAR, tells=True)
  with pytest.raises(UserError, match=r"not normalised, but config\.augment"):
    _normalized(_CIFAR, tells=True, images=nothing)


def test_a_timm_folder_tells_its_normalization(tmp_path):
  network = networks.ResNet(networks.Basic, (2, 2, 2, 2))
  tensors = networks.tensors(networks.filled(network))
  _saved(tmp_path / "model.safetensors", ("", tensors))
  about = {
    "architecture": "resnet18",
    "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
  }
  (tmp_path / "config.json").write_text(json.dumps(about))
  fields = {
    "model.name": "resnet18",
    "model.stem": "imagenet",
    "evals.every_epochs": 0.0,
  }
  config, _ = tiny.settings(
    method="simclr", **fields, **{"init.weights": str(tmp_path)}
  )
  model = tiny.experiment(method="simclr", **fields).model
  found = starting.read(config, model, (8, 8, 3))
  assert found.about["mean"] == [0.5] * 3
  assert "as the weights' file says" in found.about["changes"][-1]


def test_going_on_asks_for_the_same_weights_by_name(tmp_path):
  weights = _saved(tmp_path / "x.safetensors", ("", _small()[1]))
  made, _ = _started(weights, **_TINY)
  folder = RunFolder(tmp_path / "run")
  given, _ = tiny.settings(
    method="simclr", **_TINY, **{"init.weights": weights}
  )
  assert folder.claim(given) == {}
  folder.keep_config(made.config)
  kept = RunFolder(tmp_path / "run").config()
  assert as_begun(given, kept).to_dict() == made.config.to_dict()
  folder._lock.close()
  for fields, said in (
    ({"init.weights": "y"}, f'init.weights: "{weights}" -> "y"'),
    ({"init.parts": ("projection",)}, "init.parts: "),
    ({}, "init.weights: "),
  ):
    other = {"init.weights": weights} | fields if fields else {}
    changed, _ = tiny.settings(method="simclr", **_TINY, **other)
    with pytest.raises(FolderError, match="another configuration") as raised:
      RunFolder(tmp_path / "run").claim(changed)
    assert said in str(raised.value)


def test_a_vision_transformer_of_other_images(tmp_path):
  vit = {"model.name": "vit_mu4", "evals.every_epochs": 0.0}
  first = tiny.experiment(method="simclr", **vit)
  state = first.initial_state()
  weights = gathered(first.config, state.encoder, channels=1, head=None)
  path = str(tmp_path / "vit.safetensors")
  files.write(weights, path, "suncet_jax")
  larger = {"augment.size": 16, **vit}
  with pytest.raises(UserError) as raised:
    _started(path, **larger)
  assert "set --config.model.vit.image_size=8, and they are" in str(
    raised.value
  )
  assert "backbone/positions [1, 5, " in str(raised.value)
  made, again = _started(path, **larger, **{"model.vit.image_size": 8})
  jax.tree.map(
    np.testing.assert_array_equal,
    again.params["backbone"],
    state.params["backbone"],
  )
  assert _features(made, again, np.zeros((1, 16, 16, 1), np.float32)).any()
  with pytest.raises(UserError, match=r"--config\.model\.vit\.pool=class"):
    _started(path, **vit, **{"model.vit.pool": "mean"})
  # By depth: the tokens as the stem, the last norm as the heads.
  factors = optim.rate_factors(again.params, layer_decay=0.5)["backbone"]
  depth = len([name for name in factors if name.startswith("block")])
  assert factors["positions"] == factors["class_token"] == 0.5 ** (depth + 1)
  assert factors[f"block{depth}"]["attention"]["qkv"]["kernel"] == 0.5
  assert factors["norm"]["scale"] == 1
