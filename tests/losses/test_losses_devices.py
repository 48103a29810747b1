"""Same losses and parameter gradients on any number of devices, any way."""

import functools

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from suncet_jax import losses

_AXIS = "data"


def _mesh(device_count):
  axis_types = (jax.sharding.AxisType.Auto,)
  return jax.make_mesh((device_count,), (_AXIS,), axis_types=axis_types)


def _gradients_inside(functions, weights, batch):
  """What a training step does inside a mapped axis: `pmean`, never `psum`."""
  outputs = [
    jax.value_and_grad(function)(weights, batch, _AXIS)
    for function in functions
  ]
  return [(loss, jax.lax.pmean(grad, _AXIS)) for loss, grad in outputs]


def _run_shard_map(functions, weights, batch, mesh, check_vma):
  mapped = jax.shard_map(
    functools.partial(_gradients_inside, functions),
    mesh=mesh,
    in_specs=(PartitionSpec(), PartitionSpec(_AXIS)),
    out_specs=PartitionSpec(),
    check_vma=check_vma,
  )
  return jax.jit(mapped)(weights, batch)


def _run_shard_map_inside_grad(functions, weights, batch, mesh):
  def mapped_loss(function):
    return jax.shard_map(
      functools.partial(function, axis_name=_AXIS),
      mesh=mesh,
      in_specs=(PartitionSpec(), PartitionSpec(_AXIS)),
      out_specs=PartitionSpec(),
    )

  def step(weights, batch):
    return [
      jax.value_and_grad(mapped_loss(f))(weights, batch) for f in functions
    ]

  return jax.jit(step)(weights, batch)


def _run_jit(functions, weights, batch, mesh):
  def step(weights, batch):
    return [jax.value_and_grad(f)(weights, batch, None) for f in functions]

  batch = jax.device_put(batch, NamedSharding(mesh, PartitionSpec(_AXIS)))
  weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
  return jax.jit(step)(weights, batch)


def _run_pmap(functions, weights, batch, device_count):
  def split(rows):
    return rows.reshape(device_count, -1, *rows.shape[1:])

  mapped = jax.pmap(
    functools.partial(_gradients_inside, functions),
    axis_name=_AXIS,
    in_axes=(None, 0),
    devices=jax.devices()[:device_count],
  )
  outputs = mapped(weights, jax.tree.map(split, batch))
  for leaf in jax.tree.leaves(outputs):  # replicated, as promised
    np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
  return jax.tree.map(lambda leaf: leaf[0], outputs)


def _run(way, functions, weights, batch, device_count):
  """Returns [(loss, gradient of the weights)] of every function."""
  if way == "pmap":
    return _run_pmap(functions, weights, batch, device_count)
  mesh = _mesh(device_count)
  if way == "jit":
    return _run_jit(functions, weights, batch, mesh)
  if way == "shard_map_inside_grad":
    return _run_shard_map_inside_grad(functions, weights, batch, mesh)
  check_vma = way == "shard_map"
  return _run_shard_map(functions, weights, batch, mesh, check_vma)


def _pair_loss(loss, first, second, **options):
  def function(weights, batch, axis_name):
    return loss(
      batch[first] @ weights[first],
      batch[second] @ weights[first],
      axis_name=axis_name,
      **options,
    )

  return function


def _label_loss(loss, rows, labels, **options):
  def function(weights, batch, axis_name):
    z, classes = batch[rows] @ weights[rows], batch[labels]
    return loss(z, classes, axis_name=axis_name, **options)

  return function


_ways_and_counts = [("jit", 1), ("shard_map_inside_grad", 4)] + [
  (way, count)
  for way in ("jit", "shard_map", "shard_map_no_vma", "pmap")
  for count in (2, 4, 8)
]


@pytest.mark.parametrize(("way", "device_count"), _ways_and_counts)
def test_golden_of_four_ranks(x64, golden, way, device_count):
  pairs = golden("ntxent_4rank_B2_d8_tau0.1")
  labelled = golden("suncet_4rank_C3_I2_d8_tau0.1_sm0.0_shared")
  n = int(pairs["batch_size_per_rank"])
  batch = {
    "first": pairs["x"][:, :n].reshape(-1, 6),
    "second": pairs["x"][:, n:].reshape(-1, 6),
    "rows": labelled["x"].reshape(-1, 6),
    "labels": labelled["labels"].reshape(-1),
  }
  functions = [
    _pair_loss(losses.ntxent, "first", "second", stop_gradient_keys=True),
    _label_loss(losses.suncet, "rows", "labels"),
  ]
  weights = {"first": pairs["W"], "rows": labelled["W"]}
  outputs = _run(way, functions, weights, batch, device_count)
  names, cases = ("first", "rows"), (pairs, labelled)
  for name, data, (loss, grad) in zip(names, cases, outputs, strict=True):
    np.testing.assert_allclose(
      loss, data["loss_per_rank_f64"].mean(), rtol=1e-9
    )
    np.testing.assert_allclose(
      grad[name], data["dW_ddp_mean_f64"], rtol=1e-9, atol=1e-9
    )


def _mixed_batch():
  rng = np.random.default_rng(0)
  # Devices hold unequal numbers of valid anchors: 0 on the first.
  labels = np.array([-1, -1, -1, 7, 0, 1, 1, -1, 2, 2, 0, 0, 3, 3, 3, 1])
  return {
    "first": rng.normal(size=(16, 4)),
    "second": rng.normal(size=(16, 4)),
    "labels": labels,
  }


_FUNCTIONS = [
  _pair_loss(losses.ntxent, "first", "second"),
  _pair_loss(losses.alignment, "first", "second"),
  _pair_loss(losses.contrastive_accuracy, "first", "second"),
  _label_loss(losses.suncet, "first", "labels", stop_gradient_keys=True),
  _label_loss(losses.supcon, "first", "labels"),
  _label_loss(losses.supcon, "first", "labels", variant="in"),
  lambda weights, batch, axis_name: losses.uniformity(
    batch["first"] @ weights["first"], axis_name=axis_name
  ),
]


@functools.cache
def _on_one_device():
  weights = {"first": np.random.default_rng(1).normal(size=(4, 5))}
  return weights, _run("jit", _FUNCTIONS, weights, _mixed_batch(), 1)


@pytest.mark.parametrize(
  "way", ["jit", "shard_map", "shard_map_no_vma", "pmap"]
)
def test_all_functions_equal_one_device(x64, way):
  weights, expected = _on_one_device()
  outputs = _run(way, _FUNCTIONS, weights, _mixed_batch(), 8)
  for one, many in zip(expected, outputs, strict=True):
    np.testing.assert_allclose(many[0], one[0], rtol=1e-12)
    np.testing.assert_allclose(
      many[1]["first"], one[1]["first"], rtol=1e-9, atol=1e-12
    )


def test_gather_over_two_axes(x64):
  rng = np.random.default_rng(1)
  rows, labels = rng.normal(size=(16, 3)), np.arange(16) % 5
  axes = ("host", "device")
  mesh = jax.make_mesh(
    (2, 4), axes, axis_types=(jax.sharding.AxisType.Auto,) * 2
  )
  mapped = jax.shard_map(
    functools.partial(losses.suncet, axis_name=axes),
    mesh=mesh,
    in_specs=PartitionSpec(axes),
    out_specs=PartitionSpec(),
  )
  got = jax.jit(mapped)(rows, labels)
  expected = jax.jit(losses.suncet)(rows, labels)
  np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("way", ["shard_map_no_vma", "pmap"])
def test_no_valid_anchor_on_any_device(way):
  batch = {"rows": np.eye(8, dtype=np.float32), "labels": np.arange(8)}
  function = _label_loss(losses.suncet, "rows", "labels")
  weights = {"rows": np.eye(8, 3, dtype=np.float32)}
  [(loss, grad)] = _run(way, [function], weights, batch, 4)
  assert loss == 0
  np.testing.assert_array_equal(grad["rows"], np.zeros((8, 3)))
