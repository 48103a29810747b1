"""Adapters in pre-training: what moves, what stays, what is kept of them."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual
from etils import epath

from suncet_jax import load_encoder, lora, optim
from suncet_jax.config import ConfigError, validate
from suncet_jax.convert import __main__ as convert
from suncet_jax.convert import adapters, files, run, source
from suncet_jax.convert.weights import ConvertError
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.train import experiment
from suncet_jax.train.run import run as train
from suncet_jax.workdir.checkpoints import Checkpoints

_FIELDS = {
  "evals.every_epochs": 0.0,
  "optim.lora_rank": 2,
  "optim.peak_lr": 0.02,
}
_QUIET = {
  "evals.final": ("linear",),
  "evals.linear.epochs": 2,
  "log.report": False,
  "log.tensorboard": False,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  """A file to start from."""
  made = tiny.experiment(method="simclr", **{"evals.every_epochs": 0.0})
  variables = made.initial_state().encoder
  path = tmp_path_factory.mktemp("weights") / "start.safetensors"
  found = run.gathered(made.config, variables, channels=1, head=None)
  files.write(found, path, "suncet_jax")
  return str(path)


@functools.cache
def _built(weights, devices=1, method="simclr", fields=()):
  config, data = tiny.settings(
    method=method,
    **{
      "init.weights": weights,
      "optim.frozen_blocks": 1,
      **_FIELDS,
      **dict(fields),
    },
  )
  validate(config)
  made = experiment.build(config, data, virtual.mesh(devices))
  return made, made.step_fn()


def _after(built, steps, state=None):
  """Returns the state after some steps, from another or from the first."""
  made, step = built
  state, spec = state or made.initial_state(), made.batch_spec(0)
  for batch in made.stream.batches(steps, spec.unlabelled, spec.labelled):
    state, _ = step(state, batch, spec, 0)
  assert int(state.skipped) == 0
  return state


def _is_same(one, other):
  return all(jax.tree.leaves(jax.tree.map(np.array_equal, one, other)))


def test_adapters_and_heads_move_and_the_backbone_stays(weights):
  built = _built(weights)
  before = jax.device_get(built[0].initial_state())
  after = jax.device_get(_after(built, range(2)))
  assert _is_same(before.params["backbone"], after.params["backbone"])
  first, last = (x.params["adapters"] for x in (before, after))
  stays = {part for part in first if _is_same(first[part], last[part])}
  assert stays == {"stem", "stage1_block1", "scale"}
  assert not _is_same(before.params["head"], after.params["head"])


@pytest.mark.parametrize("name", ["sgd", "lars", "larc", "adamw"])
def test_every_optimizer_leaves_the_backbone_and_keeps_nothing_of_it(name):
  fields = {
    "init.weights": "x",
    "optim.name": name,
    "optim.weight_decay": 0.1,
    "optim.layer_decay": 0.5,
    "optim.lora_rank": 2,
  }
  config, _ = tiny.settings(method="simclr", **fields)
  optimizer, _ = optim.make_optimizer(config, 4)
  backbone = {
    f"block{i}": {"kernel": jnp.ones((5, 7)), "bias": jnp.ones(7)}
    for i in (1, 2)
  }
  params = {"backbone": backbone, "head": {"kernel": jnp.ones((7, 3))}}
  params["adapters"] = lora.adapters(
    backbone, rank=2, alpha=4.0, key=jax.random.key(0)
  )
  state = optimizer.init(params)
  assert (5, 7) not in {jnp.shape(x) for x in jax.tree.leaves(state)}
  gradient = jax.tree.map(lambda x: jnp.full(x.shape, 0.5), params)
  updates, _ = optimizer.update(gradient, state, params)
  assert not any(x.any() for x in jax.tree.leaves(updates["backbone"]))
  assert not updates["adapters"]["scale"].any()
  assert updates["head"]["kernel"].all()
  # By depth; neither decay nor norms, of which the second is of zeros.
  first, second = (
    updates["adapters"][block]["kernel"] for block in ("block1", "block2")
  )
  for one, two in zip(first.values(), second.values(), strict=True):
    assert np.ptp(two) < 1e-6 < np.abs(two).min()
    np.testing.assert_allclose(one, 0.5 * two, rtol=1e-6)


def test_a_run_goes_on_to_the_same_bits(weights, tmp_path):
  built = _built(weights)
  whole = _after(built, range(4))
  with Checkpoints(tmp_path / "checkpoints") as kept:
    kept.save(2, _after(built, range(2)), {})
    kept.wait()
    state, _ = kept.restore(built[0].state_template())
  again = _after(built, range(2, 4), state)
  jax.tree.map(np.testing.assert_array_equal, again, whole)


@pytest.mark.slow
def test_four_devices_are_one(weights):
  one, four = (_after(_built(weights, n), range(3)) for n in (1, 4))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    one.params,
    four.params,
  )


@pytest.mark.slow
def test_a_teacher_and_an_average_have_adapters_of_their_own(weights):
  fields = (("method.momentum_encoder", True), ("train.ema_decay", 0.9))
  state = _after(_built(weights, method="comatch", fields=fields), range(2))
  found = (
    state.params["adapters"],
    state.average[0]["adapters"],
    state.method_state["teacher"]["adapters"],
  )
  for one, other in itertools.combinations(found, 2):
    assert not _is_same(one, other)


def test_added_before_or_on_the_way_they_are_the_same(weights):
  made, _ = _built(weights, fields=(("train.ema_decay", 0.9),))
  state = made.initial_state()
  params, batch_stats = state.average
  moved = jax.tree.map(lambda x: x + 0.05, params["adapters"])
  params = {**params, "adapters": moved}
  state = dataclasses.replace(state, average=(params, batch_stats))
  images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
  (found,), _ = ViewEncoder(made.model, made.mesh)(
    params, batch_stats, [images], train=False
  )
  merged, _ = state.encoder
  assert "adapters" not in merged
  expected, _ = made.model.apply(merged, batch_stats, images, train=False)
  for name, values in expected.items():
    np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)
  plain, _ = made.model.apply_backbone(
    params["backbone"], batch_stats["backbone"], images, train=False
  )
  assert np.abs(plain - expected["features"]).max() > 1e-3


@pytest.fixture(scope="module")
def finished(weights, tmp_path_factory):
  config, data = tiny.settings(
    method="simclr", **{"init.weights": weights, **_FIELDS, **_QUIET}
  )
  folder = tmp_path_factory.mktemp("adapted") / "run"
  assert train(config, folder, dataset=data) == 0
  return folder


def test_a_run_is_exported_with_its_adapters_added(weights, finished, tmp_path):
  out = tmp_path / "merged.safetensors"
  assert convert.main([str(finished), f"--out={out}"]) == 0
  found = files.read(out)
  assert not any(lora.PART in path for path in found.leaves)
  start = files.read(weights)
  path = ("backbone", "stage3_block1", "conv2", "kernel")
  change = (found.leaves[path] - start.leaves[path]).reshape(-1, 64)
  assert np.linalg.matrix_rank(change, tol=1e-6) == 2
  images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
  np.testing.assert_array_equal(
    load_encoder(finished)(images), load_encoder(out)(images)
  )
  kept = files.read(finished, part="classifier")
  np.testing.assert_allclose(
    kept.leaves[path], found.leaves[path], rtol=1e-5, atol=1e-7
  )


def test_adapters_alone_make_the_same_network(weights, finished, tmp_path):
  alone, out = finished / "adapters.safetensors", tmp_path / "out.safetensors"
  assert alone.stat().st_size < 0.5 * epath.Path(weights).stat().length
  words = [weights, f"--adapters={alone}", f"--out={out}"]
  assert convert.main(words) == 0
  found, expected = files.read(out).leaves, run.read(finished).leaves
  for path, values in found.items():
    np.testing.assert_allclose(values, expected[path], rtol=1e-6, atol=1e-7)
  assert {p for p in expected if p[0] == "backbone"} == found.keys()


def test_adapters_of_other_weights_are_refused(weights, finished, tmp_path):
  alone = finished / "adapters.safetensors"
  other = source.read(weights)._replace(sha256="0" * 64)
  with pytest.raises(ConvertError, match="goes with weights of the SHA-256"):
    adapters.added(other, alone)
  with pytest.raises(ConvertError, match="holds no adapters of a run"):
    adapters.added(source.read(weights), weights)
  with pytest.raises(ConvertError, match="holds adapters alone"):
    files.read(alone)
  # As of a run on images in colour, whose first kernel was another one.
  leaves = dict(source.read(weights).weights.leaves)
  place = ("backbone", "stem", "conv", "kernel")
  leaves[place] = np.repeat(leaves[place], 3, axis=2)
  found = source.read(weights)
  colored = found._replace(weights=found.weights._replace(leaves=leaves))
  with pytest.raises(ConvertError, match=r"stem/conv/kernel \[3, 3, 3, 16\]"):
    adapters.added(colored, alone)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"init.weights": ""}, "would be one of random numbers: set init.weights"),
    ({"init.parts": ("projection",)}, "would be one of random numbers"),
    ({"optim.frozen_blocks": -1}, "no adapter moves"),
  ],
)
def test_adapters_that_make_no_sense_are_refused(fields, message):
  given = {"init.weights": "x", **_FIELDS, **fields}
  config, _ = tiny.settings(method="simclr", **given)
  with pytest.raises(ConfigError, match=message):
    validate(config)
