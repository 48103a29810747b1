"""Vision transformers of other libraries: there and back, the same features.

timm 1.0.31 and transformers 5.24 themselves were compared by hand, as
docs/checkpoints.md says.
"""

import functools
import json

import jax
import numpy as np
import pytest
import tiny
import torch
import torch_networks as networks
import torch_vits as vits
from ml_collections import ConfigDict
from safetensors import numpy as safetensors

from suncet_jax import load_encoder, models
from suncet_jax.architectures import TRANSFORMERS
from suncet_jax.convert import files, own_names, pytorch_names, stablehlo
from suncet_jax.convert.__main__ import main
from suncet_jax.convert.weights import FORMAT, ConvertError, to_metadata
from suncet_jax.workdir.checkpoints import Checkpoints


def _torch(name, **options):
  patch, width, depth, heads = TRANSFORMERS[name]
  network = vits.VisionTransformer(width, depth, heads, patch, **options)
  return networks.filled(network)


def _timm(name, **options):
  network = _torch(name, **options)
  head = {"head.weight": np.ones((3, 64), np.float32)}
  return network, networks.tensors(network) | head


def _facebook(name, **options):
  network = _torch(name, **options)
  state = {"mask_token": np.ones((1, 64), np.float32)}
  for key, x in networks.tensors(network).items():
    state[key.replace("reg_token", "register_tokens")] = x
  return network, {f"teacher.backbone.{k}": x for k, x in state.items()}


def _hugging_face(name, kind, **options):
  network = _torch(name, **options)
  state = networks.tensors(network)
  state = {f"{kind}.{k}": x for k, x in vits.hugging_face(state, kind).items()}
  state["classifier.weight"] = np.ones((3, 64), np.float32)
  return network, state


_DINOV2 = {"has_scale": True, "embeds_class": True}
_SLOW = pytest.mark.slow
# Function, name, its arguments, layout.
_CASES = {
  "timm": (_timm, "vit_s16", {}, "timm"),
  "timm, registers": (
    _timm,
    "vit_ti14",
    {"has_scale": True, "registers": 4, "embeds_class": False},
    "timm",
  ),
  "timm, mean": (
    _timm,
    "vit_ti4",
    {"has_class": False, "channels": 1, "registers": 1},
    "timm",
  ),
  "DeiT III": (
    _timm,
    "vit_ti16",
    {"has_scale": True, "embeds_class": False, "side": 3},
    "timm",
  ),
  "DINOv2": (_facebook, "vit_mu4", {**_DINOV2, "registers": 2}, "dinov2"),
  "ViTModel": (
    functools.partial(_hugging_face, kind="vit"),
    "vit_mu4",
    {"epsilon": 1e-12},
    "huggingface",
  ),
  "Dinov2Model": (
    functools.partial(_hugging_face, kind="dinov2"),
    "vit_s14",
    _DINOV2,
    "huggingface",
  ),
  "Dinov2WithRegistersModel": (
    functools.partial(_hugging_face, kind="dinov2"),
    "vit_mu4",
    {**_DINOV2, "registers": 4},
    "huggingface",
  ),
  "timm, B": (_timm, "vit_b16", {}, "timm"),
  "Dinov2Model, B": (
    functools.partial(_hugging_face, kind="dinov2"),
    "vit_b14",
    _DINOV2,
    "huggingface",
  ),
}
_MARKED = [
  pytest.param(case, marks=[_SLOW] if case.endswith("B") else [])
  for case in _CASES
]


@functools.cache
def _made(case):
  make, name, options, _ = _CASES[case]
  network, state = make(name, **options)
  return network, state, pytorch_names.from_tensors(state, {})


@pytest.mark.parametrize("case", _MARKED)
def test_there_and_back_is_exact(case):
  _, name, _, layout = _CASES[case]
  _, state, weights = _made(case)
  assert weights.model["name"] == name
  assert weights.origin["layout"] == layout
  assert weights.left_out == []
  own = own_names.from_tensors(
    own_names.to_tensors(weights), to_metadata(weights, FORMAT)
  )
  back, left_out = pytorch_names.to_tensors(own, layout)
  assert left_out == []
  assert back.keys() == state.keys()
  for key, x in state.items():
    np.testing.assert_array_equal(back[key], x, err_msg=key)


@pytest.mark.parametrize("case", _MARKED)
def test_features_are_pytorchs(case):
  _, name, options, _ = _CASES[case]
  network, _, weights = _made(case)
  side = TRANSFORMERS[name].patch * options.get("side", 2)
  shape = (2, side, side, options.get("channels", 3))
  images = np.random.default_rng(0).random(shape, np.float32)
  with torch.no_grad():
    expected = network(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
  model = models.build(ConfigDict(weights.model))
  params, stats = weights.variables
  found, _ = jax.jit(functools.partial(model.apply_backbone, train=False))(
    params["backbone"], stats["backbone"], images
  )
  assert np.abs(expected).max() > 1
  np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
  ("case", "layout"),
  [
    ("timm", "dinov2"),
    ("timm", "huggingface"),
    ("timm, registers", "huggingface"),
    ("Dinov2Model", "timm"),
    ("Dinov2Model", "dinov2"),
  ],
)
def test_one_library_to_another(case, layout, tmp_path):
  network, _, weights = _made(case)
  files.write(weights, tmp_path / layout, layout)
  again = files.read(tmp_path / layout)
  assert again.origin["layout"] == layout
  assert again.images == weights.images
  assert again.model == weights.model
  name = _CASES[case][1]
  side = 2 * TRANSFORMERS[name].patch
  images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3))
  encode = load_encoder(tmp_path / layout)
  mean, std = encode.images.mean, encode.images.std
  scaled = (images / 255 - np.array(mean)) / np.array(std)
  with torch.no_grad():
    expected = network(
      torch.from_numpy(scaled.astype(np.float32)).permute(0, 3, 1, 2)
    )
  found = encode(images.astype(np.uint8))
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_class_token_with_its_position_is_one_of_timm():
  _, _, weights = _made("Dinov2WithRegistersModel")
  named = weights._replace(model={**weights.model, "name": "vit_ti4"})
  tensors, _ = pytorch_names.to_tensors(named, "timm")
  positions = weights.leaves["backbone", "positions"]
  token = weights.leaves["backbone", "class_token"]
  np.testing.assert_array_equal(tensors["pos_embed"], positions[:, 1:])
  np.testing.assert_array_equal(tensors["cls_token"], token + positions[:, :1])


def test_what_names_do_not_say_is_assumed_and_a_file_beside_says():
  _, _, timm = _made("timm")
  assert timm.images.mean == (0.485, 0.456, 0.406)
  assert (timm.images.size, timm.images.resize) == (32, 37)
  _, _, google = _made("ViTModel")
  assert google.images.mean == (0.5, 0.5, 0.5)
  assert google.model["vit"]["norm_epsilon"] == 1e-12


def _folder(tmp_path, case, config, processor=None):
  safetensors.save_file(_made(case)[1], tmp_path / "model.safetensors")
  (tmp_path / "config.json").write_text(json.dumps(config))
  if processor:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(processor))
  return tmp_path


_VIT = {
  "model_type": "vit",
  "image_size": 8,
  "patch_size": 4,
  "hidden_size": 64,
  "num_attention_heads": 2,
  "layer_norm_eps": 1e-6,
}
_PROCESSOR = {
  "image_processor_type": "ViTImageProcessor",
  "size": {"height": 8, "width": 8},
  "image_mean": [0.1, 0.2, 0.3],
  "image_std": [0.5, 0.5, 0.5],
}


def test_the_files_of_hugging_face_are_followed(tmp_path):
  folder = _folder(tmp_path, "ViTModel", _VIT, _PROCESSOR)
  weights = files.read(folder)
  assert weights.model["vit"]["norm_epsilon"] == 1e-6
  assert weights.images.mean == (0.1, 0.2, 0.3)
  assert weights.images.crop == "whole"


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"num_attention_heads": 4}, "num_attention_heads is 4, expected 2"),
    ({"hidden_act": "quick_gelu"}, "hidden_act is 'quick_gelu'"),
    ({"qkv_bias": False}, "qkv_bias is False"),
    ({"model_type": "vit_mae"}, "model_type is 'vit_mae', expected 'vit'"),
  ],
)
def test_another_network_of_hugging_face_is_refused(tmp_path, fields, message):
  folder = _folder(tmp_path, "ViTModel", _VIT | fields)
  with pytest.raises(ConvertError, match=message):
    files.read(folder)


@pytest.mark.parametrize(
  ("name", "arguments", "message"),
  [
    ("vit_small_patch16_224", {}, ""),
    ("deit_small_patch16_224.fb_in1k", {"img_size": 32}, ""),
    ("vit_base_patch16_224", {}, "architecture is 'vit_base_patch16_224', ex"),
    ("vit_small_patch32_224", {}, "patch_size is 32, expected 16"),
    ("vit_small_patch16_clip_224", {}, "architecture is 'vit_small_patch16_c"),
    ("vit_small_patch16_224", {"qk_norm": True}, "model_args.qk_norm"),
    ("vit_small_patch16_224", {"global_pool": "avg"}, "global_pool is 'avg'"),
  ],
)
def test_the_file_of_timm_is_followed(tmp_path, name, arguments, message):
  preparation = {"input_size": [3, 32, 32], "crop_pct": 0.9, "mean": 0.25}
  config = {
    "architecture": name,
    "model_args": arguments,
    "pretrained_cfg": preparation,
  }
  folder = _folder(tmp_path, "timm", config)
  if message:
    with pytest.raises(ConvertError, match=message):
      files.read(folder)
  else:
    images = files.read(folder).images
    assert (images.size, images.resize) == (32, 35)
    assert images.mean == (0.25, 0.25, 0.25)


def _changed(case, **tensors):
  state = dict(_made(case)[1])
  for name, shape in tensors.items():
    state[name.replace("__", ".")] = np.zeros(shape, np.float32)
  return state


@pytest.mark.parametrize(
  ("tensors", "message"),
  [
    ({"dist_token": (1, 1, 384)}, "unexpected: dist_token"),
    ({"norm_pre__weight": (384,)}, "unexpected: norm_pre.weight"),
    ({"blocks__0__attn__q_norm__weight": (64,)}, "unexpected: blocks.0.attn.q"),
    ({"pos_embed": (1, 9 + 2, 384)}, "of 11 tokens, expected those of a squa"),
    (
      {"patch_embed__proj__weight": (384, 3, 8, 8)},
      "patch 8, width 384 and 12",
    ),
    (
      {"blocks__0__mlp__fc1__weight": (99, 384)},
      r"blocks.0.mlp.fc1.weight \[99, 384\] \(expected \[1536, 384\]\)",
    ),
  ],
)
def test_other_vision_transformers_are_refused(tensors, message):
  with pytest.raises(ConvertError, match=message):
    pytorch_names.from_tensors(_changed("timm", **tensors), {})


@pytest.mark.parametrize(
  ("case", "layout", "message"),
  [
    ("timm", "torchvision", "must be"),
    ("timm", "suncet", "no vision transformer"),
    ("timm, mean", "huggingface", "pool must be 'class', not 'mean'"),
    ("timm, mean", "dinov2", "pool must be 'class'"),
    ("ViTModel", "timm", "not vit_mu"),
    ("ViTModel", "dinov2", "norm_epsilon must be 1e-06, not 1e-12"),
  ],
)
def test_what_a_library_has_not_is_refused(case, layout, message):
  with pytest.raises(ConvertError, match=message):
    pytorch_names.to_tensors(_made(case)[2], layout)


def test_the_command_says_what_it_read(tmp_path, capsys):
  safetensors.save_file(_made("DINOv2")[1], tmp_path / "a.safetensors")
  out = tmp_path / "b.safetensors"
  assert main([str(tmp_path / "a.safetensors"), f"--out={out}"]) == 0
  said = " ".join(capsys.readouterr().out.split())
  assert "Read: vit_mu4, class pool, 2 registers, a layer scale" in said
  assert "positions of images of 8 pixels (interpolated for others)" in said
  assert "Names: dinov2, under 'teacher.backbone.'" in said
  assert "Kept, as our model has no place: teacher.backbone.mask_token" in said


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_run_without_statistics_is_read(tmp_path, ema_decay):
  fields = {
    "model.name": "vit_mu4",
    "train.ema_decay": ema_decay,
    "evals.every_epochs": 0.0,
  }
  parts = tiny.experiment(**fields)
  state = parts.initial_state()
  (tmp_path / "config.json").write_text(parts.config.to_json())
  with Checkpoints(tmp_path / "checkpoints") as checkpoints:
    described = {"channels": 1, "heads": {}}
    checkpoints.save(1, state, {"model": described})
    checkpoints.wait()
  weights = files.read(tmp_path)
  # Those of its positions, for which the configuration may say 0.
  assert weights.model["vit"]["image_size"] == 8
  files.write(weights, tmp_path / "a.npz", FORMAT)
  again = files.read(tmp_path / "a.npz")
  assert again.model == weights.model
  np.testing.assert_array_equal(
    again.leaves["backbone", "positions"],
    state.params["backbone"]["positions"],
  )


def test_a_program_of_it_takes_any_number_of_images():
  weights = _made("ViTModel")[2]
  program = jax.export.deserialize(bytearray(stablehlo.serialised(weights)))
  images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
  scaled = torch.from_numpy((images - 0.5) / 0.5).permute(0, 3, 1, 2)
  with torch.no_grad():
    expected = _made("ViTModel")[0](scaled)
  np.testing.assert_allclose(program.call(images), expected, atol=1e-5)
