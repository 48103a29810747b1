"""Folders of other libraries: their JSON files are read, and followed.

The numbers of processors are those of transformers 5.24 and timm 1.0.31, whose
own results were compared with these folders' by hand; docs/checkpoints.md.
"""

import functools
import json

import numpy as np
import pytest
import torch
import torch_networks as networks
from PIL import Image
from safetensors import numpy as safetensors

from suncet_jax import load_encoder
from suncet_jax.convert import files, pytorch_names
from suncet_jax.convert.__main__ import main
from suncet_jax.convert.weights import ConvertError, Images

_CONFIG = {
  "architectures": ["ResNetModel"],
  "model_type": "resnet",
  "embedding_size": 16,
  "depths": [1, 1, 1],
  "hidden_sizes": [16, 32, 64],
  "layer_type": "basic",
}
_CONVNEXT = {
  "image_processor_type": "ConvNextImageProcessor",
  "do_resize": True,
  "size": {"shortest_edge": 56},
  "crop_pct": 0.875,
  "resample": 3,
  "do_rescale": True,
  "rescale_factor": 1 / 255,
  "do_normalize": True,
  "image_mean": [0.5, 0.4, 0.3],
  "image_std": [0.5, 0.25, 0.2],
  "do_center_crop": None,
}
_BIT = _CONVNEXT | {
  "image_processor_type": "BitImageProcessor",
  "size": {"shortest_edge": 64},
  "do_center_crop": True,
  "crop_size": {"height": 56, "width": 56},
  "do_convert_rgb": True,
}
_TIMM = {
  "architecture": "resnet18",
  "num_classes": 0,
  "global_pool": "avg",
  "model_args": {"num_classes": 0, "in_chans": 3, "global_pool": "avg"},
  "pretrained_cfg": {
    "input_size": [3, 56, 56],
    "crop_pct": 0.9,
    "crop_mode": "center",
    "interpolation": "bicubic",
    "mean": [0.5, 0.4, 0.3],
    "std": [0.5, 0.25, 0.2],
  },
}


@functools.cache
def _network(depths=(1, 1, 1), planes=16, channels=3):
  network = networks.ResNet(
    networks.Basic, depths, planes=planes, channels=channels
  )
  return networks.filled(network)


def _resnet18(channels=3):
  return _network((2, 2, 2, 2), 64, channels)


def _state(is_hugging_face=True):
  if not is_hugging_face:  # timm has no small ones
    return networks.tensors(_resnet18())
  return networks.tensors(networks.HuggingFace(_network()))


def _folder(folder, config=None, processor=None, is_hugging_face=True):
  """Writes a folder as those libraries do: without metadata of ours."""
  folder.mkdir(exist_ok=True)
  safetensors.save_file(
    _state(is_hugging_face),
    folder / "model.safetensors",
    metadata={"format": "pt"},
  )
  for name, content in (
    ("config.json", config),
    ("preprocessor_config.json", processor),
  ):
    if content is not None:
      (folder / name).write_text(json.dumps(content))
  return folder


def _photo():
  """Returns an image of which the two centres differ by a column."""
  small = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
  return np.asarray(Image.fromarray(small).resize((100, 67)))


def test_a_processors_values_are_followed(tmp_path):
  """Resized, cropped and normalised here by hand, step for step."""
  path = _folder(tmp_path / "a", _CONFIG, _CONVNEXT)
  encode = load_encoder(path)
  mean, std = _CONVNEXT["image_mean"], _CONVNEXT["image_std"]
  assert encode.images == Images(
    3, 56, 64, tuple(mean), tuple(std), resample="bicubic", crop="floored"
  )
  resized = Image.fromarray(_photo()).resize((95, 64), Image.Resampling.BICUBIC)
  left, top = (95 - 56) // 2, (64 - 56) // 2
  centre = np.asarray(resized)[top : top + 56, left : left + 56]
  x = (np.float32(centre) / 255 - np.float32(mean)) / np.float32(std)
  with torch.no_grad():
    expected = _network().features(torch.from_numpy(x.transpose(2, 0, 1)[None]))
  np.testing.assert_allclose(
    encode(_photo()[None]), expected, rtol=1e-3, atol=1e-3
  )
  # The file alone, by the library's name, is the same encoder.
  assert load_encoder(path / "model.safetensors").images == encode.images


@pytest.mark.parametrize(
  ("processor", "change", "expected"),
  [
    (_BIT, {}, (56, 64, "bicubic", "floored")),
    (_BIT, {"resample": 2}, (56, 64, "bilinear", "floored")),
    (_BIT, {"crop_size": 48}, (48, 64, "bicubic", "floored")),
    (_BIT, {"do_resize": False, "do_center_crop": False}, (64, 0, "bicubic")),
    (
      _BIT,
      {"size": {"height": 56, "width": 56}, "do_center_crop": False},
      (56, 56, "bicubic", "whole"),
    ),
    (_CONVNEXT, {"size": 224, "crop_pct": 0.95}, (224, 235)),
    (
      _CONVNEXT,
      {"size": {"shortest_edge": 384}},
      (384, 384, "bicubic", "whole"),
    ),
    (
      _CONVNEXT,
      {"image_processor_type": None, "feature_extractor_type": "ConvNextF"},
      (56, 64),
    ),
    (
      _CONVNEXT,
      {"image_processor_type": "ViTImageProcessor", "size": 56},
      (56, 56, "bicubic", "whole"),
    ),
    ({"image_mean": [0.1] * 3, "image_std": [1] * 3}, {}, (224, 256)),
  ],
)
def test_sizes_of_processors(tmp_path, processor, change, expected):
  images = files.read(
    _folder(tmp_path / "a", _CONFIG, processor | change)
  ).images
  found = (images.size, images.resize, images.resample, images.crop)
  assert found[: len(expected)] == expected


@pytest.mark.parametrize(
  ("change", "mean", "std"),
  [
    ({"image_mean": 0.5, "image_std": 0.25}, [0.5] * 3, [0.25] * 3),
    ({"do_normalize": False}, [], []),
    (
      {"do_rescale": False, "image_mean": [51, 102, 153], "image_std": 255},
      [0.2, 0.4, 0.6],
      [1] * 3,
    ),
    (
      {"rescale_factor": 2 / 255},
      [0.25, 0.2, 0.15],
      [0.25, 0.125, 0.1],
    ),
    ({"do_rescale": False, "do_normalize": False}, [0] * 3, [1 / 255] * 3),
  ],
)
def test_normalisations_of_processors(tmp_path, change, mean, std):
  images = files.read(_folder(tmp_path / "a", _CONFIG, _BIT | change)).images
  np.testing.assert_allclose(images.mean, mean)
  np.testing.assert_allclose(images.std, std)


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("downsample_in_first_stage", True),
    ("downsample_in_bottleneck", True),
    ("hidden_act", "gelu"),
    ("layer_type", "bottleneck"),
    ("depths", [3, 4, 6, 3]),
    ("hidden_sizes", [16, 32, 128]),
    ("embedding_size", 64),
    ("num_channels", 1),
    ("model_type", "regnet"),
  ],
)
def test_another_network_is_refused_by_its_field(tmp_path, field, value):
  path = _folder(tmp_path / "a", _CONFIG | {field: value}, _BIT)
  with pytest.raises(ConvertError, match=rf"config\.json: {field} is .*expect"):
    files.read(path)
  # So it is in a folder that we have written and somebody has edited.
  weights = pytorch_names.from_tensors(_state(), {})
  files.write(weights, path, "huggingface")
  written = json.loads((path / "config.json").read_text())
  (path / "config.json").write_text(json.dumps(written | {field: value}))
  with pytest.raises(ConvertError, match=rf"config\.json: {field} is .*expect"):
    load_encoder(path / "model.safetensors")


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("image_mean", [0.5, 0.5]),
    ("image_mean", "imagenet"),
    ("image_std", [0.5, 0.0, 0.5]),
    ("resample", 9),
    ("resample", [2]),
    ("rescale_factor", 0),
    ("do_normalize", "yes"),
    ("do_center_crop", False),
    ("crop_size", {"height": 96, "width": 96}),
    ("crop_size", {"height": 48, "width": 56}),
    ("size", {"longest_edge": 64}),
    ("size", {"height": 64, "width": 48}),
    ("size", -1),
    ("do_resize", False),
    ("do_pad", True),
    ("do_flip_channel_order", True),
    ("image_processor_type", "PoolFormerImageProcessor"),
  ],
)
def test_what_a_processor_does_besides_is_refused(tmp_path, field, value):
  path = _folder(tmp_path / "a", _CONFIG, _BIT | {field: value})
  with pytest.raises(ConvertError, match=rf"config\.json: {field} is .*expect"):
    files.read(path)


def test_timms_values_are_followed(tmp_path):
  path = _folder(tmp_path / "a", _TIMM, is_hugging_face=False)
  expected = Images(
    3, 56, 62, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2), resample="bicubic"
  )
  assert files.read(path).images == expected
  # As its older folders have it, all fields at the top.
  flat = _TIMM["pretrained_cfg"] | {"architecture": "tv_resnet18.a_b"}
  assert files.read(_folder(path, flat, None, False)).images == expected
  # Before 2022, weights were in a file of PyTorch.
  state = {k: torch.tensor(x) for k, x in _state(False).items()}
  torch.save(state, path / "pytorch_model.bin")
  (path / "model.safetensors").unlink()
  assert files.read(path).images == expected


@pytest.mark.parametrize(
  ("change", "field"),
  [
    ({"architecture": "resnetblur50"}, "architecture"),
    ({"architecture": "resnet34"}, "architecture"),
    ({"model_args": {"output_stride": 16}}, "output_stride"),
    ({"output_stride": 8}, "output_stride"),
    ({"model_args": {"act_layer": "gelu"}}, "model_args.act_layer"),
    ({"global_pool": "max"}, "global_pool"),
    ({"pretrained_cfg": {"input_size": [1, 56, 56]}}, "input_size"),
    ({"pretrained_cfg": {"interpolation": "random"}}, "interpolation"),
    ({"pretrained_cfg": {"crop_mode": "border"}}, "crop_mode"),
    ({"pretrained_cfg": {"crop_pct": 1.2}}, "crop_pct"),
    ({"pretrained_cfg": {"mean": [0.5]}}, "mean"),
  ],
)
def test_another_of_timms_networks_is_refused(tmp_path, change, field):
  path = _folder(tmp_path / "a", _TIMM | change, is_hugging_face=False)
  with pytest.raises(ConvertError, match=rf"config\.json: {field} is .*expect"):
    files.read(path)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "\x00"])
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_damaged_json_is_named(tmp_path, name, text):
  path = _folder(tmp_path / "a", _CONFIG, _BIT)
  (path / name).write_text(text)
  with pytest.raises(ConvertError, match=rf"{name} (is no|holds no) JSON"):
    files.read(path)


@pytest.mark.parametrize("layout", ["huggingface", "timm"])
@pytest.mark.parametrize(
  "images",
  [
    Images(3, 56, 64, (0.5,) * 3, (0.25,) * 3),
    Images(3, 32),
    Images(3, 56, 56, resample="bicubic", crop="whole"),
    Images(3, 150, 171, crop="floored"),
  ],
)
def test_our_own_folders_come_back(tmp_path, layout, images):
  weights = pytorch_names.from_tensors(_state(layout == "huggingface"), {})
  weights = weights._replace(images=images, kept={}, origin={})
  files.write(weights, tmp_path / "a", layout)
  assert files.read(tmp_path / "a").images == images
  # Without our metadata, what the JSON files say.
  tensors = safetensors.load_file(tmp_path / "a" / "model.safetensors")
  safetensors.save_file(tensors, tmp_path / "a" / "model.safetensors")
  again = files.read(tmp_path / "a").images
  if images.resize:
    assert again[:3] == images[:3]
    assert again.resample == images.resample
    crop = "floored" if layout == "huggingface" else "rounded"
    assert again.crop == (images.crop if images.crop == "whole" else crop)
  # Of a folder that somebody has edited, what it says now.
  name = (
    "preprocessor_config.json" if layout == "huggingface" else "config.json"
  )
  files.write(weights, tmp_path / "a", layout)
  path = tmp_path / "a" / name
  content = json.loads(path.read_text())
  if layout == "timm":
    content["pretrained_cfg"]["mean"] = [0.1, 0.2, 0.3]
  else:
    content |= {"image_mean": [0.1, 0.2, 0.3], "do_normalize": True}
  path.write_text(json.dumps(content))
  assert files.read(tmp_path / "a").images.mean == (0.1, 0.2, 0.3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_processor_keeps_the_channels_of_an_export(tmp_path, channels):
  network = _resnet18(channels)
  weights = pytorch_names.from_tensors(networks.tensors(network), {})
  files.write(weights, tmp_path / "hf", "huggingface")
  files.write(weights, tmp_path / "timm", "timm")
  processor = json.loads((tmp_path / "hf/preprocessor_config.json").read_text())
  # A processor of Hugging Face makes three channels of one where this is true.
  assert processor["do_convert_rgb"] is (channels == 3)
  assert len(processor["image_mean"]) == channels
  config = json.loads((tmp_path / "timm" / "config.json").read_text())
  assert config["model_args"] == {"in_chans": channels}
  assert config["pretrained_cfg"]["input_size"] == [channels, 224, 224]
  assert load_encoder(tmp_path / "hf").images.channels == channels


def test_the_description_names_filter_and_crop(tmp_path, capsys):
  path = _folder(tmp_path / "a", _CONFIG, _BIT)
  main([str(path), f"--out={tmp_path / 'own.safetensors'}"])
  output = capsys.readouterr().out
  assert "resized to 64 (bicubic), centre 56 (floored)" in output
  assert "mean [0.5, 0.4, 0.3]" in output
  again = files.read(tmp_path / "own.safetensors")
  assert again.images == files.read(path).images
