"""Losses and parameter gradients on several devices, in each way of JAX."""

import functools

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

AXIS = "data"

# Asks a test of ways and numbers of devices, two of them every day.
in_each = pytest.mark.parametrize(
  ("way", "device_count"),
  [
    ("jit", 4),
    ("shard_map", 8),
    *(
      pytest.param(*each, marks=pytest.mark.slow)
      for each in [
        ("jit", 2),
        ("jit", 8),
        ("explicit_jit", 8),
        ("shard_map", 2),
        ("shard_map_no_vma", 8),
        ("shard_map_inside_grad", 4),
        ("pmap", 8),
      ]
    ),
  ],
)


def mesh(device_count, axis_type=jax.sharding.AxisType.Auto):
  """Returns a mesh of the first devices."""
  return jax.make_mesh((device_count,), (AXIS,), axis_types=(axis_type,))


def _gradients_inside(functions, weights, batch):
  """What a training step does inside a mapped axis: `pmean`, never `psum`."""
  outputs = [
    jax.value_and_grad(function)(weights, batch, AXIS) for function in functions
  ]
  return [(loss, jax.lax.pmean(grad, AXIS)) for loss, grad in outputs]


def _run_shard_map(functions, weights, batch, mesh, check_vma):
  mapped = jax.shard_map(
    functools.partial(_gradients_inside, functions),
    mesh=mesh,
    in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
    out_specs=PartitionSpec(),
    check_vma=check_vma,
  )
  return jax.jit(mapped)(weights, batch)


def _run_shard_map_inside_grad(functions, weights, batch, mesh):
  def mapped_loss(function):
    return jax.shard_map(
      functools.partial(function, axis_name=AXIS),
      mesh=mesh,
      in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
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

  batch = jax.device_put(batch, NamedSharding(mesh, PartitionSpec(AXIS)))
  weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
  return jax.jit(step)(weights, batch)


def _run_pmap(functions, weights, batch, device_count):
  def split(rows):
    return rows.reshape(device_count, -1, *rows.shape[1:])

  mapped = jax.pmap(
    functools.partial(_gradients_inside, functions),
    axis_name=AXIS,
    in_axes=(None, 0),
    devices=jax.devices()[:device_count],
  )
  outputs = mapped(weights, jax.tree.map(split, batch))
  for leaf in jax.tree.leaves(outputs):  # replicated, as promised
    np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
  return jax.tree.map(lambda leaf: leaf[0], outputs)


def run(way, functions, weights, batch, device_count):
  """Returns [(loss, gradient of the weights)] of every function."""
  if way == "pmap":
    return _run_pmap(functions, weights, batch, device_count)
  if way == "explicit_jit":
    made = mesh(device_count, jax.sharding.AxisType.Explicit)
    return _run_jit(functions, weights, batch, made)
  made = mesh(device_count)
  if way == "jit":
    return _run_jit(functions, weights, batch, made)
  if way == "shard_map_inside_grad":
    return _run_shard_map_inside_grad(functions, weights, batch, made)
  check_vma = way == "shard_map"
  return _run_shard_map(functions, weights, batch, made, check_vma)
