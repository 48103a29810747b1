"""What every method keeps to: those of the package, and the example of one.

Of a method of your own: `pytest tests/methods/test_conformance.py
--method=my_project.my_method`.
"""

import collections
import importlib.util
import inspect

import conformance
import jax
import numpy as np
import pytest
import running

from suncet_jax.config import validate
from suncet_jax.errors import UserError
from suncet_jax.plugins import (
  has_part,
  method_module,
  method_names,
  method_spec,
  suitable_evaluations,
)
from suncet_jax.workdir.checkpoints import Checkpoints

_METHODS = (*method_names(), "examples.own_method")
_CONFIGS = sorted(path.stem for path in (running.ROOT / "configs").glob("*.py"))
_NEEDED = dict.fromkeys(("clips", "dinov2", "folder"), ",train=a,test=b")
_EPOCHS = range(2)  # of the tiny experiment
# What the step logs of itself.
_OF_THE_STEP = {
  *("loss", "gradient_norm", "parameter_norm", "learning_rate"),
  *("skipped", "skipped_in_a_row"),
}


def pytest_generate_tests(metafunc):
  if "name" in metafunc.fixturenames:
    given = metafunc.config.getoption("method")
    metafunc.parametrize("name", given or _METHODS, scope="module")


def test_batch_specs_are_values_and_have_labels_when_the_spec_says(name):
  parts = conformance.experiment(name)
  again = conformance.tiny_experiment(name)
  for epoch in _EPOCHS:
    groups = method_spec(name).groups(parts.config, epoch)
    spec, batch = next(
      conformance.batches(parts, [epoch * parts.steps_per_epoch])
    )
    assert len(spec.unlabelled) == len(groups.unlabelled)
    assert len(spec.labelled) == len(groups.labelled)
    assert (batch.labels is not None) == bool(groups.labelled)
    assert bool(batch.unlabelled) == bool(groups.unlabelled)
    # Of another object: else the step would be compiled again.
    other = again.batch_spec(epoch)
    assert other == spec
    assert hash(other) == hash(spec)


@pytest.mark.parametrize(
  "devices", [pytest.param(2, marks=pytest.mark.slow), 4]
)
def test_devices_change_neither_loss_nor_gradient(name, devices, x64):
  loss, gradient = conformance.on_one_device(name)
  assert np.isfinite(loss)
  expected = _flat(gradient)
  assert np.isfinite(expected).all()
  assert np.abs(expected).max() > 0
  other_loss, other = conformance.differentiated(name, devices)
  np.testing.assert_allclose(other_loss, loss, rtol=1e-5)
  distance = np.linalg.norm(_flat(other) - expected)
  assert distance <= 1e-5 * np.linalg.norm(expected)


def test_going_on_from_a_checkpoint_gives_the_same_bits(name, tmp_path):
  whole, _ = conformance.train(name, conformance.initial_state(name), range(4))
  half, _ = conformance.train(name, conformance.initial_state(name), range(2))
  template = conformance.experiment(name).state_template()
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(2, half, {})
    checkpoints.wait()
    restored, _ = checkpoints.restore(template)
  went_on, _ = conformance.train(name, restored, range(2, 4))
  assert int(whole.step) == int(went_on.step) == 4
  assert int(whole.skipped) == 0
  _assert_same_bits(went_on, whole)


@pytest.mark.parametrize("file", _CONFIGS)
def test_each_configuration_validates_with_its_recipe(name, file, monkeypatch):
  called = []
  recipe = None
  if has_part(name, "recipes"):
    module = method_module(name, "recipes")
    recipe = getattr(module, file, None)
  if recipe is not None:
    assert inspect.getdoc(recipe), "a recipe says where its numbers come from"
    monkeypatch.setattr(
      module, file, lambda config: (recipe(config), called.append(config))
    )
  config = _load(file, f"method={name}{_NEEDED.get(file, '')}")
  if ("clips" if file == "clips" else "images") not in method_spec(name).rows:
    with pytest.raises(UserError, match=r"a method of (images|clips), but"):
      validate(config)
    return
  validate(config)
  assert config.method.name == name
  assert set(config.method) == {"name", *method_spec(name).fields}
  assert len(called) == (recipe is not None)


@pytest.mark.parametrize("epoch", _EPOCHS)
def test_it_encodes_the_views_that_it_asks_for(name, epoch):
  groups = method_spec(name).groups(conformance.experiment(name).config, epoch)
  asked = collections.Counter(
    {
      conformance.UNLABELLED: len(groups.unlabelled),
      conformance.LABELLED: len(groups.labelled),
    }
  )
  trained, other, _ = conformance.traced(name, epoch)
  assert trained >= asked
  assert set(trained) | set(other) <= set(+asked)


def test_a_bad_step_changes_nothing_and_is_counted(name):
  good = conformance.initial_state(name)
  leaves, tree = jax.tree.flatten(conformance.on_host(good.params))
  leaves[0] = np.full_like(leaves[0], np.nan)
  bad = good.replace(params=jax.tree.unflatten(tree, leaves))
  before = conformance.on_host(bad)
  after, (metrics,) = conformance.train(
    name, conformance.placed(name, bad), range(1)
  )
  for part in ("params", "batch_stats", "opt_state", "method_state"):
    _assert_same_bits(getattr(after, part), getattr(before, part))
  assert int(after.skipped) == int(after.skipped_in_a_row) == 1
  assert metrics["skipped"] == 1


@pytest.mark.parametrize("epoch", _EPOCHS)
def test_what_it_logs_are_scalars_with_a_title(name, epoch):
  _, _, (loss, output) = conformance.traced(name, epoch)
  assert loss.shape == ()
  assert all(value.shape == () for value in output.metrics.values())
  series = method_spec(name).series
  names = [one.name for one in series]
  assert len(set(names)) == len(names)
  assert not _OF_THE_STEP & output.metrics.keys()
  assert output.metrics.keys() <= set(names)
  for one in series:
    assert one.title
    assert one.section
    assert one.kind in ("number", "percent", "log")
    assert not one.line or one.line.format(0.5) != one.line


def test_what_it_logs_is_finite(name):
  _, logged = conformance.train(name, conformance.initial_state(name), range(2))
  for metrics in logged:
    assert metrics.keys() >= _OF_THE_STEP
    assert all(np.isfinite(value) for value in metrics.values())


def test_it_classifies_by_an_evaluation_that_suits_it(name):
  config = conformance.experiment(name).config
  predictor = method_spec(name).predictor
  assert predictor in suitable_evaluations(config)
  assert predictor in config.evals.final


def test_no_metric_has_two_titles():
  titles = {}
  for series in (s for name in _METHODS for s in method_spec(name).series):
    assert titles.setdefault(series.name, series) == series


def _load(file, argument):
  path = running.ROOT / "configs" / f"{file}.py"
  spec = importlib.util.spec_from_file_location(file, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(argument)


def _flat(tree):
  return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def _assert_same_bits(tree, expected):
  assert jax.tree.structure(tree) == jax.tree.structure(expected)
  for (path, leaf), other in zip(
    jax.tree.leaves_with_path(tree), jax.tree.leaves(expected), strict=True
  ):
    assert leaf.dtype == other.dtype, path
    assert leaf.tobytes() == other.tobytes(), path
