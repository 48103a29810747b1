"""Backbones amid the heads, copies and queues of other people's checkpoints."""

import functools
import pickle

import numpy as np
import pytest
import torch
import torch_networks as networks
from safetensors import numpy as safetensors

from suncet_jax import load_encoder
from suncet_jax.convert import files, pytorch_names
from suncet_jax.convert.__main__ import main
from suncet_jax.convert.weights import ConvertError

_IMAGENET = pytorch_names.NORMALISATIONS["imagenet"]


@functools.cache
def _backbone(seed=0, stem=7):
  """Returns a network and its tensors, without a head."""
  depths, planes = ((2, 2, 2, 2), 64) if stem == 7 else ((1, 1, 1), 16)
  network = networks.ResNet(networks.Basic, depths, planes=planes, stem=stem)
  return network, networks.tensors(networks.filled(network, seed))


def _small(prefix="", seed=0):
  state = _backbone(seed, stem=3)[1]
  return {prefix + name: x for name, x in state.items()}


def _head(prefix, *names):
  """Returns tensors of a head, counters of its norms included."""
  return {
    f"{prefix}{name}": np.zeros(() if "num_" in name else (3,), np.float32)
    for name in names
  }


_MLP = ("0.weight", "0.bias", "2.weight", "2.bias")
_NORMED = ("0.weight", "1.weight", "1.running_mean", "1.num_batches_tracked")


def _sequential(state, prefix, numbers):
  """Returns names as `nn.Sequential(*resnet.children())` gives them."""
  renamed = {}
  for name, x in state.items():
    module, _, rest = name.partition(".")
    renamed[f"{prefix}{numbers[module]}.{rest}"] = x
  return renamed


def _with_pool(state, prefix):
  names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
  return _sequential(state, prefix, {name: i for i, name in enumerate(names)})


def _dense(state, prefix):
  names = ("conv1", "bn1", "layer1", "layer2", "layer3")
  numbers = {name: i for i, name in enumerate(names)}
  return {
    name.replace("downsample", "shortcut"): x
    for name, x in _sequential(state, prefix, numbers).items()
  }


def _compiled(state):
  return {
    f"_orig_mod.{name}".replace("layer2.", "layer2._orig_mod.").replace(
      "layer3.0.", "layer3.0.module."
    ): x
    for name, x in state.items()
  }


def _vissl():
  trunk = _small("_feature_blocks.")
  heads = _head("0.clf.", "0.weight", "0.bias")
  model = {"model": {"trunk": trunk, "heads": heads}}
  return {"classy_state_dict": {"base_model": model}, "iteration": 3}


_Q, _K = "module.encoder_q.", "module.encoder_k."
# Contents of a file, part that is meant, and one name of each head.
_CHECKPOINTS = {
  "MoCo v2": lambda: (
    {"state_dict": _small(_Q) | _head(_Q + "fc.", *_MLP), "arch": "resnet50"},
    "",
    [_Q + "fc.0.weight", _Q + "fc.2.bias"],
  ),
  "MoCo, both and queue": lambda: (
    {
      "state_dict": _small(_Q)
      | _head(_Q + "fc.", *_MLP)
      | _small(_K, seed=1)
      | _head(_K + "fc.", *_MLP)
      | _head("module.", "queue", "queue_ptr")
    },
    "encoder_q",
    ["module.encoder_k.* (", "module.queue", _Q + "fc.0.weight"],
  ),
  "MoCo v1, k": lambda: (
    {"state_dict": _small(_Q, seed=1) | _small(_K)},
    "module.encoder_k.",
    ["module.encoder_q.* ("],
  ),
  "MoCo v3": lambda: (
    {
      "state_dict": _small("module.base_encoder.")
      | _head("module.base_encoder.fc.", *_NORMED)
      | _small("module.momentum_encoder.", seed=1)
      | _head("module.predictor.", *_NORMED)
    },
    "base_encoder",
    ["module.base_encoder.fc.1.weight", "module.predictor.0.weight"],
  ),
  "solo-learn": lambda: (
    {
      "state_dict": _small("backbone.")
      | _head("classifier.", "weight", "bias")
      | _head("projector.", *_NORMED),
      "epoch": 3,
    },
    "",
    ["classifier.weight", "projector.1.running_mean"],
  ),
  "lightly": lambda: (
    {
      "state_dict": _with_pool(_small(), "backbone.")
      | _head("projection_head.layers.", *_NORMED)
    },
    "",
    ["projection_head.layers.0.weight"],
  ),
  "lightly's small ResNets": lambda: (
    {"state_dict": _dense(_small(), "model.backbone.")},
    "",
    [],
  ),
  "SupContrast": lambda: (
    {
      "model": {
        name.replace("downsample", "shortcut"): x
        for name, x in _small("encoder.module.").items()
      }
      | _head("head.", *_MLP)
    },
    "",
    ["head.0.weight"],
  ),
  "SwAV": lambda: (
    _small("module.")
    | _head("module.projection_head.", *_NORMED)
    | _head("module.prototypes.", "weight"),
    "",
    ["module.projection_head.0.weight", "module.prototypes.weight"],
  ),
  "MMSelfSup": lambda: (
    {
      "meta": {"epoch": 3},
      "state_dict": _small("backbone.")
      | _head("neck.", *_NORMED)
      | _head("head.", "predictor.weight"),
    },
    "",
    ["neck.0.weight", "head.predictor.weight"],
  ),
  "DINO": lambda: (
    {
      "student": _small("module.backbone.", seed=1)
      | _head("module.head.mlp.", *_MLP),
      "teacher": _small("backbone.") | _head("head.mlp.", *_MLP),
      "optimizer": {"state": {0: {"exp_avg": np.zeros(3, np.float32)}}},
      "dino_loss": _head("", "center"),
    },
    "teacher",
    ["student.* (", "head.mlp.0.weight", "dino_loss.center"],
  ),
  "BYOL": lambda: (
    _small("net.", seed=2)
    | _small("online_encoder.net.")
    | _head("online_encoder.projector.", *_NORMED)
    | _small("target_encoder.net.", seed=1),
    "online_encoder",
    ["online_encoder.projector.0.weight", "target_encoder.* (", "net.* ("],
  ),
  "VISSL": lambda: (_vissl(), "", ["heads.0.clf.0.weight"]),
  "averaged, of PyTorch": lambda: (
    _small("module.") | {"n_averaged": np.array(3)},
    "",
    ["n_averaged"],
  ),
  "compiled": lambda: ({"model": _compiled(_small())}, "", []),
  "Barlow Twins": lambda: (
    {
      "model": _small("backbone.")
      | _head("projector.", *_NORMED)
      | _head("bn.", "running_mean", "num_batches_tracked")
    },
    "",
    ["projector.0.weight", "bn.running_mean"],
  ),
  "with an average beside it": lambda: (
    {"state_dict": _small(), "state_dict_ema": _small(seed=1)},
    "state_dict",
    ["state_dict_ema.* ("],
  ),
}


def _saved(content, path):
  """Writes a checkpoint, whatever dicts it is of."""

  def converted(value):
    if isinstance(value, dict):
      return {key: converted(x) for key, x in value.items()}
    return torch.tensor(value) if isinstance(value, np.ndarray) else value

  torch.save(converted(content), path)
  return path


@pytest.fixture(scope="module")
def plain():
  return pytorch_names.from_tensors(_small(), {})


def _assert_same(actual, expected):
  assert actual.keys() == expected.keys()
  for name, x in expected.items():
    np.testing.assert_array_equal(actual[name], x, err_msg=str(name))


@pytest.mark.parametrize("case", _CHECKPOINTS)
def test_a_backbone_is_read_and_its_heads_are_named(
  tmp_path, capsys, plain, case
):
  content, part, heads = _CHECKPOINTS[case]()
  path = _saved(content, tmp_path / "checkpoint.pth")
  weights = files.read(path, part=part)
  _assert_same(weights.leaves, plain.leaves)
  assert not weights.has_head
  assert (weights.images.mean, weights.images.std) == _IMAGENET
  out = tmp_path / "plain.npz"
  arguments = [str(path), f"--out={out}", "--to=suncet", f"--part={part}"]
  assert main(arguments) == 0
  output = capsys.readouterr().out
  for name in heads:
    assert name in output.partition("Left out, ")[2]
  assert ("Left out" in output) == bool(heads)
  if heads:  # torchvision's names, not those of the checkpoint
    with np.load(out) as file:
      written = {name: file[name] for name in file.files}
    del written["__metadata__"]
    _assert_same(written, _small())


@pytest.mark.parametrize(
  "case", [name for name, make in _CHECKPOINTS.items() if make()[1]]
)
def test_several_networks_need_a_choice(tmp_path, case):
  content, part, _ = _CHECKPOINTS[case]()
  path = _saved(content, tmp_path / "checkpoint.pth")
  with pytest.raises(ConvertError, match=r"several networks.*--part=") as error:
    files.read(path)
  assert part.strip(".") in str(error.value)
  with pytest.raises(ConvertError, match=r"no network 'teached'.*prefixes '"):
    files.read(path, part="teached")


def test_moco_v2_is_no_first_release(tmp_path):
  network, state = _backbone()
  fc = networks.tensors(networks.filled(networks.numbered_head(512, 16)))
  moco = {_Q + k: x for k, x in state.items()}
  moco |= {f"{_Q}fc.{k}": x for k, x in fc.items()}
  safetensors.save_file(moco, tmp_path / "moco.safetensors")
  encode = load_encoder(tmp_path / "moco.safetensors")
  assert encode.projection_size == 0
  images = np.random.default_rng(0).random((2, 224, 224, 3), np.float32)
  mean, std = np.float32(_IMAGENET)
  prepared = ((images - mean) / std).transpose(0, 3, 1, 2)
  with torch.no_grad():
    expected = network.features(torch.from_numpy(prepared))
  np.testing.assert_allclose(encode(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
  ("prefix", "wrapper", "names"),
  [
    ("backbone.", "state_dict", "fc.0 fc.2"),  # SimCLR
    ("module.", "state_dict", "fc.0 fc.2"),
    ("", "model", "fc.0 fc.2"),
    ("module.", "encoder", "fc.0 fc.2 predictor.0"),
    ("module.", "encoder", "fc.1 fc.3"),
    ("module.", "encoder", "fc.0 fc.2 queue.0"),
    ("module.", "encoder", "fc.fc1 fc.fc2"),
  ],
)
def test_look_alikes_of_the_first_release(tmp_path, prefix, wrapper, names):
  state = _small(prefix)
  for name in names.split():
    state[f"{prefix}{name}.weight"] = np.zeros((64, 64), np.float32)
    state[f"{prefix}{name}.bias"] = np.zeros(64, np.float32)
  path = _saved({wrapper: state}, tmp_path / "checkpoint.pth")
  weights = files.read(path)
  assert not weights.has_head
  assert (weights.images.mean, weights.images.std) == _IMAGENET
  assert f"{prefix}{names.split()[0]}.weight" in weights.left_out


def test_the_first_release_is_known_where_it_is_saved(tmp_path, capsys):
  state = _small("module.")
  head = networks.filled(networks.numbered_head(64, 16))
  state |= {f"module.fc.{k}": x for k, x in networks.tensors(head).items()}
  path = _saved({"encoder": state, "epoch": 3}, tmp_path / "a.pth.tar")
  weights = files.read(path)
  assert weights.has_head
  assert weights.images.mean == ()
  main([str(path), f"--out={tmp_path / 'a.npz'}"])
  assert "first release, which does not normalise" in capsys.readouterr().out


@pytest.mark.parametrize(
  "name",
  [
    "layer1.0.se.fc.weight",
    "layer3.1.conv3.weight",
    "attnpool.positional_embedding",
    "pool.p",
    "norm.weight",
  ],
)
def test_what_changes_the_features_is_no_head(name):
  state = _small("backbone.") | _head("backbone.", name)
  with pytest.raises(ConvertError, match=rf"unexpected: backbone\.{name}"):
    pytorch_names.from_tensors(state, {})


@pytest.mark.parametrize(
  ("names", "message"),
  [
    (["module.base_encoder.patch_embed.proj.weight"], "is a transformer"),
    (["backbone.blocks.0.attn.qkv.weight"], "is a transformer"),
    (["stem.conv1.weight", "res2.0.conv1.weight"], "no layout that is known"),
    (["backbone.0.0.weight", "backbone.4.0.conv1.weight"], "no layout"),
    (["0.weight", "1.weight", "2.weight", "4.0.conv1.weight"], "no layout"),
    (["myconv1.weight", "mylayer1.0.conv1.weight"], "no layout"),
  ],
)
def test_other_networks_are_refused(names, message):
  state = {name: np.zeros((4, 3, 3, 3), np.float32) for name in names}
  with pytest.raises(ConvertError, match=message):
    pytorch_names.from_tensors(state, {})


def test_an_encoder_remembers_its_part(tmp_path):
  state = _small("teacher.") | _small("student.", seed=1)
  safetensors.save_file(state, tmp_path / "a.safetensors")
  images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
  teacher = load_encoder(tmp_path / "a.safetensors", part="teacher")
  student = load_encoder(tmp_path / "a.safetensors", part="student")
  assert "part='teacher'" in repr(teacher)
  again = pickle.loads(pickle.dumps(teacher))
  np.testing.assert_array_equal(again(images), teacher(images))
  assert np.abs(student(images) - teacher(images)).max() > 0.01
  with pytest.raises(ValueError, match=r"--part=(student|teacher)"):
    load_encoder(tmp_path / "a.safetensors")


def test_a_part_of_a_file_with_one_encoder(tmp_path, plain):
  files.write(plain, tmp_path / "a.npz", "suncet_jax")
  with pytest.raises(ConvertError, match="one encoder: drop --part=teacher"):
    files.read(tmp_path / "a.npz", part="teacher")


@pytest.mark.parametrize(
  ("part", "seed"),
  [(".", 0), ("encoder", 1), ("encoder.", 1), ("ema", 2), ("encoder.ema", 2)],
)
def test_a_network_around_another(tmp_path, part, seed):
  state = _small() | _small("encoder.", seed=1) | _small("encoder.ema.", seed=2)
  safetensors.save_file(state, tmp_path / "a.safetensors")
  weights = files.read(tmp_path / "a.safetensors", part=part)
  expected = pytorch_names.from_tensors(_small(seed=seed), {})
  _assert_same(weights.leaves, expected.leaves)


def test_a_wrapper_and_a_part(tmp_path, plain):
  content = {
    "state_dict": _small(_Q) | _small(_K, seed=1),
    "model": _small(seed=2),
  }
  path = _saved(content, tmp_path / "a.pth")
  weights = files.read(path, wrapper="state_dict", part="encoder_q")
  _assert_same(weights.leaves, plain.leaves)
  with pytest.raises(ConvertError, match="--wrapper=state_dict"):
    files.read(path)
  _saved({"epoch": 3}, path)
  with pytest.raises(ConvertError, match="holds no tensors, but epoch"):
    files.read(path)
