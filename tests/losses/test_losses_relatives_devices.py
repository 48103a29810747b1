"""PAWS, SwAV, CoMatch and FixMatch on any number of devices, any way."""

import functools

import jax
import numpy as np
import ways
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from suncet_jax import losses


def _batch():
  rng = np.random.default_rng(0)
  probabilities = np.asarray(jax.nn.softmax(4 * rng.normal(size=(16, 3))))
  return {
    "rows": rng.normal(size=(16, 4)),
    "more": rng.normal(size=(16, 4)),
    # Classes are missing on some devices, and one on all.
    "labels": np.array([-1, 0, 1, 1, 0, 2, 2, 2, 0, 1, 1, -1, 0, 0, 2, 1]),
    "probabilities": probabilities,
  }


_weights = {"w": np.random.default_rng(1).normal(size=(4, 5))}
_prototypes = np.random.default_rng(2).normal(size=(5, 6))
_bank = np.random.default_rng(3).normal(size=(7, 5))


def _views(weights, batch):
  return batch["rows"] @ weights["w"], batch["more"] @ weights["w"]


def _cross_entropy(weights, batch, axis_name):
  first, _ = _views(weights, batch)
  return losses.cross_entropy(first, batch["labels"], axis_name=axis_name)


def _fixmatch(weights, batch, axis_name):
  return losses.fixmatch(
    *_views(weights, batch), threshold=0.5, axis_name=axis_name
  )


def _consistency(weights, batch, axis_name):
  first, _ = _views(weights, batch)
  return losses.comatch_consistency(
    batch["probabilities"], first[:, :3], threshold=0.6, axis_name=axis_name
  )


def _graph(weights, batch, axis_name, **bank):
  return losses.comatch_graph(
    *_views(weights, batch),
    batch["probabilities"],
    threshold=0.4,
    axis_name=axis_name,
    **bank,
  )


def _swav(weights, batch, axis_name, queue=None):
  return losses.swav(
    _views(weights, batch),
    prototypes=_prototypes,
    queue=queue,
    axis_name=axis_name,
  )


def _paws(weights, batch, axis_name):
  first, second = _views(weights, batch)
  return losses.paws(
    [first, second],
    first + second,
    batch["labels"],
    class_count=4,
    axis_name=axis_name,
  )


_FUNCTIONS = [
  _cross_entropy,
  _fixmatch,
  _consistency,
  _graph,
  functools.partial(
    _graph,
    bank=_bank,
    bank_probabilities=np.full((7, 3), 1 / 3),
    bank_mask=np.arange(7) > 2,
  ),
  _swav,
  functools.partial(_swav, queue=np.stack([_bank, _bank])),
  _paws,
]


@functools.cache
def _on_one_device():
  return ways.run("jit", _FUNCTIONS, _weights, _batch(), 1)


@ways.in_each
def test_all_equal_one_device(x64, way, device_count):
  outputs = ways.run(way, _FUNCTIONS, _weights, _batch(), device_count)
  for one, many in zip(_on_one_device(), outputs, strict=True):
    np.testing.assert_allclose(many[0], one[0], rtol=1e-11)
    assert one[0] != 0
    np.testing.assert_allclose(many[1]["w"], one[1]["w"], rtol=1e-9, atol=1e-12)


def test_a_bank_on_an_explicit_mesh():
  """As state of a training step is: an array of the mesh, not a constant."""
  mesh = jax.make_mesh(
    (2,), ("devices",), (AxisType.Explicit,), devices=jax.devices()[:2]
  )
  batch = _batch()

  def graph(rows, more, probabilities, bank, labels):
    return losses.comatch_graph(
      rows, more, probabilities, bank=bank, bank_probabilities=labels
    )

  rows = batch["rows"], batch["more"], batch["probabilities"]
  kept = _bank[:, :4], np.full((7, 3), 1 / 3)
  expected = graph(*rows, *kept)
  split, whole = (NamedSharding(mesh, P(*axes)) for axes in (("devices",), ()))
  with jax.set_mesh(mesh):
    found = jax.jit(graph)(
      *(jax.device_put(array, split) for array in rows),
      *(jax.device_put(array, whole) for array in kept),
    )
  np.testing.assert_allclose(found, expected, rtol=1e-5)
