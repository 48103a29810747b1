"""ResNet-50 and its head against the reference implementation's outputs."""

import re

import jax
import numpy as np
import pytest
from golden_tensors import golden_tensor
from model_testing import abstract_variables, model_config, quick_jit

from suncet_jax import models

# From our names to those of the reference's PyTorch state dict, in order.
_RENAMES = (
  (r"^backbone\.stem\.conv\.", "conv1."),
  (r"^backbone\.stem\.norm\.", "bn1."),
  (r"^backbone\.stage(\d)_block(\d+)\.", r"layer\1.<\2>."),
  (r"^head\.dense", "fc.fc"),
  (r"^head\.norm", "fc.bn"),
  (r"\.norm(\d)\.", r".bn\1."),
  (r"shortcut_conv", "downsample.0"),
  (r"shortcut_norm", "downsample.1"),
  (r"\.(kernel|scale)$", ".weight"),
  (r"\.mean$", ".running_mean"),
  (r"\.var$", ".running_var"),
)


def _torch_name(path):
  name = ".".join(entry.key for entry in path)
  for pattern, replacement in _RENAMES:
    name = re.sub(pattern, replacement, name)
  return re.sub(r"<(\d+)>", lambda m: str(int(m[1]) - 1), name)


def _golden_leaf(path, leaf):
  """Fills PyTorch's OIHW or (out, in) layout and turns it into ours."""
  name = _torch_name(path)
  if leaf.ndim == 4:
    h, w, i, o = leaf.shape
    x = golden_tensor(name, (o, i, h, w)).transpose(2, 3, 1, 0)
  else:
    x = golden_tensor(name, leaf.shape[::-1]).T
  return x.astype(leaf.dtype)


@pytest.fixture(scope="module")
def outputs(golden):
  """Returns the golden file and our float64 outputs in both modes.

  In float32 evaluation agrees to 1e-6, training to 3e-4 only: norms over four
  images amplify rounding, whichever way the variance is computed.
  """
  expected = golden("forward_resnet50")
  with jax.enable_x64(True):
    return expected, *_run_resnet50(expected)


def _run_resnet50(expected):
  head = {"layers": 3, "out": 128, "batch_norm": True}
  config = model_config(head, name="resnet50", stem="imagenet")
  model = models.build(config, "float64")
  params, stats = jax.tree_util.tree_map_with_path(
    lambda path, leaf: _golden_leaf(path[1:], leaf),
    abstract_variables(model, (64, 64, 3)),
  )
  x_rng = np.random.RandomState(expected["x_seed"])
  images = x_rng.standard_normal(expected["x_shape"]).transpose(0, 2, 3, 1)
  apply = quick_jit(model.apply, static_argnames="train")
  evaluated, _ = apply(params, stats, images, train=False)
  trained, new_stats = apply(params, stats, images, train=True)
  return evaluated, trained, new_stats


def _assert_close(actual, desired):
  assert actual.dtype == np.float64
  np.testing.assert_allclose(actual, desired, rtol=1e-9, atol=1e-9)


def test_evaluation_is_the_references(outputs):
  expected, evaluated, _, _ = outputs
  _assert_close(evaluated["features"], expected["feat_eval"])
  _assert_close(evaluated["projection"], expected["proj_eval"])


def test_training_projection_is_the_references(outputs):
  expected, _, trained, _ = outputs
  _assert_close(trained["projection"], expected["proj_train"])


def test_running_statistics_after_training_are_the_references(outputs):
  expected, _, _, new_stats = outputs
  ours = {
    _torch_name(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(new_stats)
  }
  names = [name for name in expected if name.startswith("after_train/")]
  assert len(names) == 6
  for name in names:
    _assert_close(ours[name.removeprefix("after_train/")], expected[name])
