"""Formats, damaged and hostile files, and the command line."""

import io
import json
import pathlib
import pickle
import re
import signal
import struct

import numpy as np
import pytest
import torch
import torch_networks as networks
from safetensors import numpy as safetensors
from safetensors import torch as torch_safetensors

from suncet_jax.convert import files, pytorch_names, tensor_files
from suncet_jax.convert.__main__ import main
from suncet_jax.convert.descriptions import write_descriptions
from suncet_jax.convert.weights import FORMAT, ConvertError, to_metadata


@pytest.fixture(scope="module")
def state():
  """Returns a small network with both heads of PAWS, as DDP names it."""
  network = networks.ResNet(networks.Basic, (1, 1, 1), planes=16, stem=3)
  network.fc = networks.named_head(64, 16)
  network.pred = networks.prediction_head(16)
  made = networks.tensors(networks.filled(network))
  return {f"module.{name}": x for name, x in made.items()}


@pytest.fixture(scope="module")
def weights(state):
  return pytorch_names.from_tensors(state, {})


@pytest.fixture
def checkpoint(tmp_path, state):
  """Returns a file as the scripts of facebookresearch/suncet write it."""
  path = tmp_path / "paws-latest.pth.tar"
  tensors = {name: torch.from_numpy(x) for name, x in state.items()}
  content = {"encoder": tensors, "opt": {"lr": 0.1}, "epoch": 100, "amp": None}
  torch.save(content, path)
  return path


@pytest.fixture(autouse=True)
def _signals():
  """Puts back what `command_line.clear_errors` changes."""
  before = signal.getsignal(signal.SIGTERM)
  yield
  signal.signal(signal.SIGTERM, before)


def _assert_same(actual, expected):
  assert actual.keys() == expected.keys()
  for name, x in expected.items():
    assert actual[name].dtype == x.dtype, name
    np.testing.assert_array_equal(actual[name], x, err_msg=name)


@pytest.mark.parametrize("own", ["a.safetensors", "a.npz", "folder"])
@pytest.mark.parametrize("back", ["b.safetensors", "b.npz", "b.pth", "again"])
def test_a_checkpoint_there_and_back(
  checkpoint, state, tmp_path, capsys, own, back
):
  assert main([str(checkpoint), f"--out={tmp_path / own}"]) == 0
  output = capsys.readouterr().out
  assert "resnet8" in output
  assert "module.pred.bn1.weight" in output
  assert "13 x num_batches_tracked" in output
  back = tmp_path / back
  assert main([str(tmp_path / own), f"--out={back}", "--to=suncet"]) == 0
  if back.suffix == ".pth":
    loaded = torch.load(back, weights_only=True)["encoder"]
    loaded = {name: x.numpy() for name, x in loaded.items()}
  elif back.suffix == ".npz":
    with np.load(back, allow_pickle=False) as file:
      loaded = {name: file[name] for name in file.files}
    del loaded["__metadata__"]
  else:
    path = back if back.suffix else back / "model.safetensors"
    loaded = safetensors.load_file(path)
  _assert_same(loaded, state)


def test_a_file_says_how_images_are_prepared(weights, tmp_path):
  path = tmp_path / "a.npz"
  files.write(weights, path, FORMAT)
  assert files.read(path).images == weights.images
  assert len(weights.images.mean) == 3
  plain = files.read(path, normalize="none").images
  assert plain == weights.images._replace(mean=(), std=())


def test_half_precision_becomes_float32(state, weights, tmp_path):
  half = {
    name: torch.from_numpy(x).bfloat16()
    if x.dtype == np.float32
    else torch.from_numpy(x)
    for name, x in state.items()
  }
  torch.save(half, tmp_path / "half.pt")
  read = files.read(tmp_path / "half.pt")
  for path, x in read.leaves.items():
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, weights.leaves[path], rtol=1e-2, atol=1e-2)


def test_bfloat16_in_safetensors_becomes_float32(state, weights, tmp_path):
  path = tmp_path / "half.safetensors"
  half = {
    name: torch.from_numpy(x).to(
      torch.bfloat16 if x.dtype == np.float32 else torch.int64
    )
    for name, x in state.items()
  }
  torch_safetensors.save_file(half, path)
  read = files.read(path)
  for leaf, x in read.leaves.items():
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, weights.leaves[leaf], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
  ("tensor", "message"),
  [
    (torch.zeros(64, 64).to(torch.float8_e5m2), "is torch.float8_e5m2"),
    (torch.zeros(64, 64).to_sparse(), "torch.sparse_coo"),
    (torch.zeros(64, 64, device="meta"), "on meta"),
    (torch.zeros(()), "has no axes, expected two"),
  ],
)
def test_tensors_that_no_network_has(state, tmp_path, tensor, message):
  tensors = {name: torch.from_numpy(x) for name, x in state.items()}
  tensors["module.fc.fc1.weight"] = tensor
  torch.save(tensors, tmp_path / "odd.pth")
  with pytest.raises(ConvertError, match=f"fc.fc1.weight .*{message}"):
    files.read(tmp_path / "odd.pth")


def test_a_dtype_that_is_not_known_is_named(tmp_path):
  path = tmp_path / "a.safetensors"
  tensors = {"conv1.weight": torch.zeros(3).to(torch.float8_e5m2)}
  torch_safetensors.save_file(tensors, path)
  with pytest.raises(ConvertError, match=r"conv1.weight is F8_E5M2, expected"):
    files.read(path)


class _Bomb:
  """Unpickled, it would leave a file behind."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["a.pth", "a.npz", "plain.pt", "b.npz"])
def test_nothing_is_unpickled(tmp_path, name, capsys):
  trace, path = tmp_path / "trace", tmp_path / name
  bomb = {"state_dict": _Bomb(trace)}
  if name == "a.pth":
    torch.save(bomb, path)
  elif name == "a.npz":
    np.savez(path, x=np.array([_Bomb(trace)], dtype=object))
  else:
    path.write_bytes(pickle.dumps(bomb, protocol=2))
  with pytest.raises(SystemExit) as ending:
    main([str(path), f"--out={tmp_path / 'out.npz'}"])
  assert ending.value.code == 2
  error = capsys.readouterr().err
  assert str(path) in error
  assert ("nothing is ever unpickled" in error) == (path.suffix != ".npz")
  assert "Traceback" not in error
  assert not trace.exists()
  # The bomb is one.
  pickle.loads(pickle.dumps(bomb))
  assert trace.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_half_written_files_are_named(weights, tmp_path, suffix, share):
  path = tmp_path / f"a{suffix}"
  files.write(weights, path, FORMAT if suffix != ".pth" else "suncet")
  content = path.read_bytes()
  path.write_bytes(content[: int(share * len(content))])
  with pytest.raises(ConvertError, match=r"incomplete|damaged") as error:
    files.read(path)
  assert str(path) in str(error.value)


def test_a_flipped_bit_in_an_npz_is_found(weights, tmp_path):
  path = tmp_path / "a.npz"
  files.write(weights, path, FORMAT)
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  with pytest.raises(ConvertError, match="incomplete"):
    files.read(path)


def test_missing_unexpected_and_misshapen_are_all_listed(state):
  wrong = dict(state)
  del wrong["module.layer2.0.bn1.bias"]
  wrong["module.layer9.weight"] = np.zeros(3, np.float32)
  wrong["module.layer1.0.conv1.weight"] = np.zeros((16, 16, 1, 1), np.float32)
  with pytest.raises(ConvertError) as error:
    pytorch_names.from_tensors(wrong, {})
  message = str(error.value)
  assert "missing: layer2.0.bn1.bias\n" in message
  assert "unexpected: module.layer9.weight\n" in message
  assert (
    "layer1.0.conv1.weight [16, 16, 1, 1] (expected [16, 16, 3, 3])" in message
  )


def test_wrong_shapes_in_our_own_file_are_listed(weights, tmp_path):
  path = tmp_path / "a.safetensors"
  files.write(weights, path, FORMAT)
  tensors = safetensors.load_file(path)
  name = "params/backbone/stem/conv/kernel"
  tensors[name] = tensors[name][:2].copy()
  safetensors.save_file(tensors, path, to_metadata(weights, FORMAT))
  with pytest.raises(
    ConvertError, match=rf"{name} float32\[2, 3, 3, 16\] \(exp"
  ):
    files.read(path)


def test_names_that_collide_are_refused(state, weights):
  # The same name with and without DDP's prefix.
  one_more = state | {"bn1.weight": np.ones(16, np.float32)}
  with pytest.raises(ConvertError, match=r"unexpected: bn1\.weight"):
    pytorch_names.from_tensors(one_more, {})
  both = state | {name.removeprefix("module."): x for name, x in state.items()}
  with pytest.raises(ConvertError, match=r"'module\.' and ''"):
    pytorch_names.from_tensors(both, {})
  kept = {"module.conv1.weight": np.zeros(1, np.float32)}
  with pytest.raises(ConvertError, match=r"kept tensors module\.conv1"):
    pytorch_names.to_tensors(weights._replace(kept=kept), "suncet")


def test_two_state_dicts_need_a_choice(state, tmp_path):
  tensors = {name: torch.from_numpy(x) for name, x in state.items()}
  doubled = {name: 2 * x for name, x in tensors.items()}
  path = tmp_path / "two.pth"
  torch.save({"encoder": tensors, "target_encoder": doubled}, path)
  with pytest.raises(ConvertError, match="--wrapper=encoder"):
    files.read(path)
  read = files.read(path, wrapper="target_encoder")
  kernel = read.leaves["head", "dense1", "kernel"]
  np.testing.assert_array_equal(kernel, 2 * state["module.fc.fc1.weight"].T)
  assert read.origin["wrapper"] == "target_encoder"
  with pytest.raises(ConvertError, match="there are: encoder, target_encoder"):
    files.read(path, wrapper="model")


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"conv1.weight": (16, 3, 5, 5)}, r"kernel is 5 wide, expected one of"),
    (
      {"conv1.weight": (24, 3, 3, 3)},
      "24 channels, expected one of 16, 32, 64",
    ),
    ({"layer1.1.conv1.weight": (16, 16, 3, 3)}, r"stages of \(2, 1, 1\)"),
    ({"conv1.weight": (16,)}, r"shape \[16\], expected four axes"),
    (
      {"layer1.0.conv1.weight": None},
      "of no layout that is known.*torchvision",
    ),
    ({"fc.fc1.weight": (64, 64, 1, 1)}, "fc.fc1.weight .* .expected .64, 64."),
  ],
)
def test_other_networks_are_told(state, change, message):
  changed = dict(state)
  for name, shape in change.items():
    if shape is None:
      del changed[f"module.{name}"]
    else:
      changed[f"module.{name}"] = np.zeros(shape, np.float32)
  with pytest.raises(ConvertError, match=message):
    pytorch_names.from_tensors(changed, {})


def test_metadata_of_a_later_version_is_refused(weights, tmp_path):
  path = tmp_path / "a.npz"
  content = json.loads(to_metadata(weights, FORMAT)[FORMAT])
  metadata = {FORMAT: json.dumps(content | {"version": 99})}
  tensor_files.write(path, {"x": np.zeros(1, np.float32)}, metadata)
  with pytest.raises(ConvertError, match="version 99, expected 1"):
    files.read(path)


def test_a_layout_of_another_version_is_refused(weights, tmp_path):
  path = tmp_path / "a.npz"
  files.write(weights, path, "suncet")
  file = tensor_files.read(path)
  metadata = {FORMAT: file.metadata[FORMAT].replace('"suncet"', '"byol"')}
  tensor_files.write(path, file.tensors, metadata)
  with pytest.raises(ConvertError, match="the layout 'byol', expected one of"):
    files.read(path)


def test_a_folder_that_cannot_be_written(weights, tmp_path):
  (tmp_path / "config.json").mkdir()
  with pytest.raises(ConvertError, match=r"config.json cannot be written"):
    write_descriptions(tmp_path, weights, "huggingface")


def test_float64_is_refused(state):
  wide = {name: x.astype(np.float64) for name, x in state.items()}
  with pytest.raises(ConvertError, match="is float64, expected float32"):
    pytorch_names.from_tensors(wide, {})


def test_a_header_of_another_file_is_no_header(tmp_path):
  path = tmp_path / "a.safetensors"
  path.write_bytes(struct.pack("<Q", 1 << 60) + io.BytesIO(b"{}").read())
  with pytest.raises(ConvertError, match="not a safetensors file"):
    files.read(path)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["nothing.npz", "--out=b.npz"], "no file or folder nothing.npz"),
    (["runs/mistyped", "--out=b.npz"], "no file or folder runs/mistyped"),
    (["a.npz", "--out=b.stablehlo", "--size=-5"], "--size is -5, expected"),
    (["a.txt", "--out=b.npz"], "suffix '.txt', expected one of .safetensors"),
    ([".", "--out=b.npz"], "no folder of a run"),
    (["a.npz", "--out=b.onnx"], "suffix '.onnx', expected one of"),
    (["a.npz", "--out=b.pth"], "written as .safetensors or .npz"),
    (["a.npz", "--out=b.npz", "--to=timm"], "--to=timm.*must be one of"),
    (["a.npz", "--out=b.npz", "--size=3"], "--size is for .stablehlo"),
    (["a.npz", "--out=b.stablehlo", "--to=timm"], "drop --to"),
  ],
)
def test_the_command_ends_with_2_and_one_message(
  weights, tmp_path, monkeypatch, capsys, arguments, message
):
  monkeypatch.chdir(tmp_path)
  files.write(weights, "a.npz", FORMAT)
  (tmp_path / "a.txt").touch()
  with pytest.raises(SystemExit) as ending:
    main(arguments)
  assert ending.value.code == 2
  error = capsys.readouterr().err
  assert error.count("Error: ") == 1
  assert "Traceback" not in error
  assert re.search(message, error)
  assert not list(tmp_path.glob("b.*"))
