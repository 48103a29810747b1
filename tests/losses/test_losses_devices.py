"""Same losses and parameter gradients on any number of devices, any way."""

import functools
import itertools
import json
import re

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from ways import AXIS, mesh, run

from suncet_jax import losses
from suncet_jax.losses import _contrast, _row_blocks


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


_WAYS = ("jit", "explicit_jit", "shard_map", "shard_map_no_vma", "pmap")
# Compilation takes long: each way on every day, other numbers of devices not.
_ways_and_counts = [
  *(
    pytest.param(way, count, marks=pytest.mark.slow)
    for way, count in [
      ("jit", 1),
      ("jit", 2),
      ("shard_map", 1),
      ("shard_map", 2),
      ("pmap", 4),
    ]
  ),
  ("shard_map_inside_grad", 4),
  *((way, 8) for way in _WAYS),
]


@pytest.mark.parametrize("block_size", [0, 2])
@pytest.mark.parametrize(("way", "device_count"), _ways_and_counts)
def test_golden_of_four_ranks(x64, golden, way, device_count, block_size):
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
    _pair_loss(
      losses.ntxent,
      "first",
      "second",
      stop_gradient_keys=True,
      block_size=block_size,
    ),
    _label_loss(losses.suncet, "rows", "labels", block_size=block_size),
  ]
  weights = {"first": pairs["W"], "rows": labelled["W"]}
  outputs = run(way, functions, weights, batch, device_count)
  names, cases = ("first", "rows"), (pairs, labelled)
  for name, data, (loss, grad) in zip(names, cases, outputs, strict=True):
    np.testing.assert_allclose(
      loss, data["loss_per_rank_f64"].mean(), rtol=1e-9
    )
    np.testing.assert_allclose(
      grad[name], data["dW_ddp_mean_f64"], rtol=1e-9, atol=1e-9
    )


def _mixed_batch(dtype):
  rng = np.random.default_rng(0)
  # Devices hold unequal numbers of valid anchors: 0 on the first.
  labels = np.array([-1, -1, -1, 7, 0, 1, 1, -1, 2, 2, 0, 0, 3, 3, 3, 1])
  return {
    "first": rng.normal(size=(16, 4)).astype(dtype),
    "second": rng.normal(size=(16, 4)).astype(dtype),
    "labels": labels,
  }


def _with_learned_temperature(weights, batch, axis_name, **options):
  rows = batch["first"] @ weights["first"]
  temperature = 0.1 + 0.01 * weights["first"].mean()
  return losses.suncet(
    rows,
    labels=batch["labels"],
    temperature=temperature,
    axis_name=axis_name,
    **options,
  )


def _functions(**options):
  return [
    functools.partial(_with_learned_temperature, **options),
    _pair_loss(losses.ntxent, "first", "second", **options),
    _label_loss(
      losses.suncet, "first", "labels", stop_gradient_keys=True, **options
    ),
    _label_loss(losses.suncet, "first", "labels", **options),
    _label_loss(losses.supcon, "first", "labels", **options),
    _label_loss(losses.supcon, "first", "labels", variant="in", **options),
  ]


_DIAGNOSTICS = [
  _pair_loss(losses.alignment, "first", "second"),
  _pair_loss(losses.contrastive_accuracy, "first", "second"),
  lambda weights, batch, axis_name: losses.uniformity(
    batch["first"] @ weights["first"], axis_name=axis_name
  ),
]


@functools.cache
def _on_one_device(dtype):
  rng = np.random.default_rng(1)
  weights = {"first": rng.normal(size=(4, 5)).astype(dtype)}
  functions = _functions(block_size=0) + _DIAGNOSTICS
  return weights, run("jit", functions, weights, _mixed_batch(dtype), 1)


def _assert_equal(outputs, expected, tolerance):
  for one, many in zip(expected, outputs, strict=True):
    np.testing.assert_allclose(many[0], one[0], rtol=tolerance, atol=1e-12)
    got, wanted = (np.asarray(pair[1]["first"]) for pair in (many, one))
    error = np.linalg.norm(got - wanted)
    assert error <= tolerance * np.linalg.norm(wanted)


@pytest.mark.parametrize(
  ("way", "block_size"),
  [
    ("jit", 0),
    ("shard_map", 0),
    ("shard_map", 3),
    *(
      pytest.param(way, size, marks=pytest.mark.slow)
      for way, size in itertools.product(_WAYS, (0, 1))
      if size or way not in ("jit", "shard_map")
    ),
  ],
)
def test_all_functions_equal_one_device(x64, way, block_size):
  weights, expected = _on_one_device(np.float64)
  functions = _functions(block_size=block_size) + _DIAGNOSTICS
  outputs = run(way, functions, weights, _mixed_batch(np.float64), 8)
  _assert_equal(outputs, expected, 1e-11)


@pytest.mark.parametrize(
  ("way", "device_count"),
  [
    ("shard_map", 2),
    *(
      pytest.param(*each, marks=pytest.mark.slow)
      for each in [("jit", 1), ("jit", 8), ("shard_map", 1), ("pmap", 8)]
    ),
  ],
)
def test_all_functions_equal_one_device_in_float32(way, device_count):
  weights, expected = _on_one_device(np.float32)
  functions = _functions(block_size=2) + _DIAGNOSTICS
  batch = _mixed_batch(np.float32)
  outputs = run(way, functions, weights, batch, device_count)
  _assert_equal(outputs, expected, 1e-6)


def _compiled(function, way, device_count, *arrays):
  """Returns the text of a compiled value and gradient of sharded rows."""
  devices = mesh(device_count)
  rows = NamedSharding(devices, PartitionSpec(AXIS))
  if way == "shard_map":
    function = jax.shard_map(
      functools.partial(function, axis_name=AXIS),
      mesh=devices,
      in_specs=PartitionSpec(AXIS),
      out_specs=PartitionSpec(),
    )
  arrays = [jax.device_put(array, rows) for array in arrays]
  return (
    jax.jit(jax.value_and_grad(function)).lower(*arrays).compile().as_text()
  )


def _collectives(text):
  """Returns what collectives give, sorted: ["all-reduce f32[]", ...]."""
  names = "all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute"
  return sorted(
    f"{name} {shape}"
    for shapes, name in re.findall(rf"= (.+?) ({names})\(", text)
    for shape in re.findall(r"\w+\[[\d,]*\]", shapes)
  )


_N, _D = 64, 4


@pytest.mark.parametrize("device_count", [2, 8])
@pytest.mark.parametrize("way", ["jit", "shard_map"])
@pytest.mark.parametrize("stop_gradient_keys", [False, True])
def test_collectives_of_suncet(way, device_count, stop_gradient_keys):
  loss = functools.partial(
    losses.suncet, block_size=8, stop_gradient_keys=stop_gradient_keys
  )
  rows, labels = np.ones((_N, _D), np.float32), np.arange(_N) % 7
  found = _collectives(_compiled(loss, way, device_count, rows, labels))
  gathers = [name for name in found if "gather" in name]
  # Embeddings and labels; then each anchor's two log-sum-exps, which take the
  # place of a reduce-scatter of gradients.
  sizes = [_N * _D, _N] if stop_gradient_keys else [2 * _N, _N * _D, _N]
  assert sorted(_size(name) for name in gathers) == sorted(sizes)
  # What is left are sums of scalars.
  assert set(found) - set(gathers) <= {"all-reduce f32[]", "all-reduce s32[]"}


def _size(name):
  return int(np.prod(json.loads(name[name.index("[") :])))


@pytest.mark.parametrize("way", ["jit", "shard_map"])
def test_collectives_of_ntxent(way):
  rows = np.ones((_N // 2, _D), np.float32)
  loss = functools.partial(losses.ntxent, block_size=8)
  found = _collectives(_compiled(loss, way, 8, rows, rows))
  gathers = [name for name in found if "gather" in name]
  # Images are known by their place: there are no labels to gather.
  assert sorted(map(_size, gathers)) == [_N, _N * _D]
  assert set(found) - set(gathers) <= {"all-reduce f32[]", "all-reduce s32[]"}


@pytest.mark.parametrize("way", ["jit", "shard_map"])
def test_no_device_compares_all_of_its_rows_at_once(way):
  arrays = np.ones((_N, _D), np.float32), np.arange(_N) % 7
  # 16 rows of a device in blocks of 4: 16 of all under jit.
  block_size = {"jit": 16, "shard_map": 4}[way]
  blocks, whole = (
    _compiled(
      functools.partial(losses.suncet, block_size=size), way, 4, *arrays
    )
    for size in (block_size, 0)
  )
  assert re.search(r"f32\[(16,64|64,16)\]", whole)
  assert not re.search(r"f32\[(16,64|64,16|64,64)\]", blocks)
  assert "f32[4,64]" in blocks


@pytest.mark.parametrize("spec", [(), (None, AXIS)])
@pytest.mark.parametrize("block_size", [0, 4])
def test_whole_rows_on_an_explicit_mesh(spec, block_size):
  devices = mesh(8, jax.sharding.AxisType.Explicit)
  rows = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
  labels = np.arange(16) % 3
  loss = functools.partial(losses.suncet, block_size=block_size)
  step = jax.jit(jax.value_and_grad(loss))
  whole = jax.device_put(rows, NamedSharding(devices, PartitionSpec(*spec)))
  for got, expected in zip(
    step(whole, labels), step(rows, labels), strict=True
  ):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
  "way",
  [
    pytest.param("jit", marks=pytest.mark.slow),
    "shard_map",
    pytest.param("explicit_jit", marks=pytest.mark.slow),
  ],
)
def test_blocks_are_chosen(monkeypatch, way):
  jax.clear_caches()  # of what was traced with other numbers
  monkeypatch.setattr(_contrast, "MANY_KEYS", 16)
  monkeypatch.setattr(_row_blocks, "TILE_SIZE", 40)
  weights, expected = _on_one_device(np.float32)
  functions = _functions() + _DIAGNOSTICS
  outputs = run(way, functions, weights, _mixed_batch(np.float32), 2)
  jax.clear_caches()
  _assert_equal(outputs, expected, 1e-6)


@pytest.mark.parametrize("block_size", [0, 2])
def test_gather_over_two_axes(x64, block_size):
  rng = np.random.default_rng(1)
  rows, labels = rng.normal(size=(16, 3)), np.arange(16) % 5
  axes = ("host", "device")
  mesh = jax.make_mesh(
    (2, 4), axes, axis_types=(jax.sharding.AxisType.Auto,) * 2
  )
  mapped = jax.shard_map(
    functools.partial(losses.suncet, axis_name=axes, block_size=block_size),
    mesh=mesh,
    in_specs=PartitionSpec(axes),
    out_specs=PartitionSpec(),
  )
  got = jax.jit(mapped)(rows, labels)
  expected = jax.jit(losses.suncet)(rows, labels)
  np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("block_size", [0, 2])
@pytest.mark.parametrize("way", ["shard_map_no_vma", "pmap"])
def test_no_valid_anchor_on_any_device(way, block_size):
  batch = {"rows": np.eye(8, dtype=np.float32), "labels": np.arange(8)}
  function = _label_loss(losses.suncet, "rows", "labels", block_size=block_size)
  weights = {"rows": np.eye(8, 3, dtype=np.float32)}
  [(loss, grad)] = run(way, [function], weights, batch, 4)
  assert loss == 0
  np.testing.assert_array_equal(grad["rows"], np.zeros((8, 3)))
