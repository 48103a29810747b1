"""PAWS, SwAV, CoMatch and FixMatch: values, gradients, extremes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import relatives_oracle
import torch

from suncet_jax import losses
from suncet_jax.losses import _row_blocks

_rng = np.random.default_rng


def _normal(seed, *shape):
  return _rng(seed).normal(size=shape)


def _probabilities(seed, n, c, sharpness=4.0):
  return np.asarray(jax.nn.softmax(sharpness * _normal(seed, n, c)))


def _units(seed, *shape):
  rows = _normal(seed, *shape)
  return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _prototypes():
  return _units(7, 8, 5).T  # columns of length 1


def _paws_labels(class_count, repeats):
  return np.tile(np.arange(class_count), repeats)


def _label_matrix(labels, classes, smoothing):
  one_hot = (labels[:, None] == np.asarray(classes)).astype(np.float64)
  return (1 - smoothing) * one_hot + smoothing / len(classes)


def _fixmatch_case():
  rows = (3 * _normal(0, 9, 4), _normal(1, 9, 4))
  return (
    rows,
    lambda weak, strong: losses.fixmatch(weak, strong, threshold=0.6),
    lambda weak, strong: relatives_oracle.fixmatch(weak, strong, 0.6),
  )


def _consistency_case():
  probabilities = _probabilities(0, 9, 4)
  return (
    (_normal(1, 9, 4),),
    lambda strong: losses.comatch_consistency(
      probabilities, strong, threshold=0.7
    ),
    lambda strong: relatives_oracle.consistency(
      torch.tensor(probabilities), strong, 0.7
    ),
  )


def _graph_case(bank_size):
  probabilities = _probabilities(0, 9, 4)
  bank, bank_probs = _normal(1, bank_size, 6), _probabilities(2, bank_size, 4)
  given = {"bank": bank, "bank_probabilities": bank_probs} if bank_size else {}

  def ours(first, second):
    return losses.comatch_graph(
      first, second, probabilities, threshold=0.5, temperature=0.2, **given
    )

  def theirs(first, second):
    held = torch.tensor(bank), torch.tensor(bank_probs)
    return relatives_oracle.graph(
      first, second, torch.tensor(probabilities), 0.5, 0.2, *held
    )

  return (_normal(3, 9, 6), _normal(4, 9, 6)), ours, theirs


def _swav_case(queue_size, views):
  queue = _units(5, 2, queue_size, 5)

  def ours(prototypes, *rows):
    return losses.swav(
      rows,
      prototypes=prototypes,
      queue=queue if queue_size else None,
      temperature=0.2,
      epsilon=0.1,
      iterations=4,
    )

  def theirs(prototypes, *rows):
    return relatives_oracle.swav(
      rows, prototypes, torch.tensor(queue), 0.2, 0.1, 4
    )

  rows = [_normal(10 + index, 6, 5) for index in range(views)]
  return (_prototypes(), *rows), ours, theirs


def _paws_case(views, smoothing, has_head, classes):
  labels = np.asarray(classes)[_paws_labels(len(classes), 3)]
  labels = _rng(0).permutation(labels)
  matrix = torch.tensor(_label_matrix(labels, classes, smoothing))
  targets = [_normal(20 + index, 6, 4) for index in range(2)]
  target_supports = _normal(22, len(labels), 4)

  def ours(supports, *rows):
    head = (targets, target_supports) if has_head else ()
    return losses.paws(
      rows,
      supports,
      labels,
      *head,
      class_count=5,
      label_smoothing=smoothing,
    )

  def theirs(supports, *rows):
    head = list(rows[:2]), supports
    if has_head:
      head = [torch.tensor(t) for t in targets], torch.tensor(target_supports)
    return sum(relatives_oracle.paws(rows, supports, matrix, *head, 0.1, 0.25))

  rows = [_normal(10 + index, 6, 7) for index in range(views)]
  return (_normal(1, len(labels), 7), *rows), ours, theirs


_CASES = {
  "fixmatch": _fixmatch_case,
  "consistency": _consistency_case,
  "graph": functools.partial(_graph_case, 0),
  "graph with a bank": functools.partial(_graph_case, 7),
  "swav": functools.partial(_swav_case, 0, 2),
  "swav with a queue": functools.partial(_swav_case, 9, 4),
  "paws": functools.partial(_paws_case, 2, 0.1, False, range(5)),
  "paws with small views": functools.partial(
    _paws_case, 4, 0.1, False, range(5)
  ),
  "paws with a head": functools.partial(_paws_case, 3, 0.1, True, range(5)),
  "paws without smoothing": functools.partial(
    _paws_case, 3, 0.0, False, range(5)
  ),
  "paws of some classes": functools.partial(
    _paws_case, 2, 0.1, False, [1, 2, 4]
  ),
}


@pytest.mark.parametrize("name", _CASES)
def test_values_and_gradients_are_those_of_the_papers(x64, name):
  rows, ours, theirs = _CASES[name]()
  every = tuple(range(len(rows)))
  value, gradients = jax.jit(jax.value_and_grad(ours, every))(*rows)
  _assert_equal(value, gradients, theirs, rows)


def _assert_equal(value, gradients, theirs, rows):
  tensors = [torch.tensor(array, requires_grad=True) for array in rows]
  expected = theirs(*tensors)
  expected.backward()
  np.testing.assert_allclose(value, expected.item(), rtol=1e-9)
  assert value != 0
  for gradient, tensor in zip(gradients, tensors, strict=True):
    wanted = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
    np.testing.assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-11)


def test_sinkhorn_is_the_published_scaling(x64):
  scores = _normal(0, 12, 5)
  ours = losses.sinkhorn(scores, epsilon=0.3, iterations=3)
  theirs = relatives_oracle.sinkhorn(torch.tensor(scores), 0.3, 3)
  np.testing.assert_allclose(ours, theirs, rtol=1e-12)
  even = losses.sinkhorn(scores, epsilon=0.3, iterations=12)
  np.testing.assert_allclose(even.sum(axis=1), np.ones(12), rtol=1e-12)
  np.testing.assert_allclose(even.sum(axis=0), np.full(5, 12 / 5), rtol=0.02)


@pytest.mark.parametrize("name", ["graph with a bank", "paws with a head"])
def test_blocks_change_nothing(x64, monkeypatch, name):
  rows, ours, theirs = _CASES[name]()
  jax.clear_caches()  # of what was traced with larger blocks
  monkeypatch.setattr(_row_blocks, "TILE_SIZE", 32)
  every = tuple(range(len(rows)))
  value, gradients = jax.jit(jax.value_and_grad(ours, every))(*rows)
  jax.clear_caches()
  _assert_equal(value, gradients, theirs, rows)


@pytest.mark.parametrize("name", _CASES)
def test_finite_input_of_any_size_gives_finite_output(name):
  rows, ours, _ = _CASES[name]()
  run = jax.jit(jax.value_and_grad(ours, tuple(range(len(rows)))))
  for size in (0, 1e-30, 1, 1e37, 1e39):
    sized = [np.clip(size * array, -3e38, 3e38) for array in rows]
    halves = [jnp.asarray(array, jnp.bfloat16) for array in sized]
    value, gradients = run(*halves)
    assert value.dtype == jnp.float32
    assert np.isfinite(value)
    for gradient in gradients:
      assert gradient.dtype == jnp.bfloat16
      assert np.all(np.isfinite(gradient.astype(jnp.float32)))


def test_paws_at_a_tiny_temperature_stays_exact():
  rows, labels = _normal(0, 6, 4), _paws_labels(2, 3)
  options = {"class_count": 2, "temperature": 1e-3, "label_smoothing": 0.0}
  single = losses.paws([rows, rows + 0.1], rows, labels, **options)
  with jax.enable_x64(True):
    double = losses.paws([rows, rows + 0.1], rows, labels, **options)
  np.testing.assert_allclose(single, double, rtol=1e-4)


def test_paws_collapsed_and_perfect():
  labels = _paws_labels(4, 2)
  one = np.ones((8, 3))
  terms = losses.paws_terms([one, one], one, labels, class_count=4)
  np.testing.assert_allclose(sum(terms), 0, atol=1e-6)
  rows = np.eye(4)[labels]
  best = losses.paws(
    [rows, rows], rows, labels, class_count=4, label_smoothing=0.0
  )
  np.testing.assert_allclose(best, -np.log(4), atol=1e-2)


def test_supports_without_a_class_do_not_count():
  views = [_normal(0, 6, 4), _normal(1, 6, 4)]
  supports, labels = _normal(2, 8, 4), _paws_labels(4, 2)
  expected = losses.paws(views, supports, labels, class_count=4)
  more = np.concatenate([supports, np.full((2, 4), np.nan)])
  labels = np.concatenate([labels, [-1, 4]])
  got, gradient = jax.value_and_grad(
    lambda rows: losses.paws(views, rows, labels, class_count=4)
  )(more)
  np.testing.assert_allclose(got, expected, rtol=1e-6)
  assert np.all(np.isfinite(gradient))
  nothing = np.full(8, -1)
  assert float(losses.paws(views, supports, nothing, class_count=4)) == 0


def test_swav_of_collapsed_rows_is_the_logarithm_of_the_prototypes():
  rows = np.ones((6, 5))
  same = np.repeat(_prototypes()[:, :1], 8, axis=1)
  loss = losses.swav([rows, rows], prototypes=same)
  np.testing.assert_allclose(loss, np.log(8), rtol=1e-6)


def test_a_bank_that_is_not_filled_changes_nothing():
  first, second, probs = _normal(0, 5, 3), _normal(1, 5, 3), np.eye(5)
  expected = losses.comatch_graph(first, second, probs)
  got = losses.comatch_graph(
    first,
    second,
    probs,
    bank=np.zeros((4, 3)),
    bank_probabilities=np.zeros((4, 5)),
    bank_mask=np.zeros(4, bool),
  )
  np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_cross_entropy_counts_labelled_rows_only():
  logits = np.array([[2.0, 0, 0], [np.nan] * 3, [0, 1.0, 0]])
  value, gradient = jax.value_and_grad(losses.cross_entropy)(
    logits, np.array([0, -1, 2])
  )
  expected = np.log(np.exp(2) + 2) - 2 + np.log(np.e + 2)
  np.testing.assert_allclose(value, expected / 2, rtol=1e-6)
  np.testing.assert_array_equal(gradient[1], np.zeros(3))


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: losses.fixmatch(np.zeros(3), np.zeros(3)), "weak .* rank 2"),
    (lambda: losses.fixmatch(np.zeros((3, 2)), np.zeros((3, 4))), r"\(3, 4\)"),
    (
      lambda: losses.fixmatch(np.eye(2), np.eye(2), threshold=95),
      r"threshold must be in \[0, 1\], got 95",
    ),
    (
      lambda: losses.comatch_graph(np.eye(2), np.eye(2), np.eye(3)),
      "probabilities must have 2 rows",
    ),
    (
      lambda: losses.comatch_graph(
        np.eye(2), np.eye(2), np.eye(2), bank=np.eye(2)
      ),
      "given together",
    ),
    (
      lambda: losses.swav([np.eye(2)], prototypes=np.eye(2)),
      "at least 2, got 1",
    ),
    (
      lambda: losses.swav([np.eye(2)] * 2, prototypes=np.eye(3)),
      r"prototypes \[d, k\]",
    ),
    (lambda: losses.sinkhorn(np.eye(2), epsilon=0), "epsilon must be > 0"),
    (
      lambda: losses.paws([np.eye(2)], np.eye(2), np.arange(2), class_count=2),
      "views must be at least 2",
    ),
    (
      lambda: losses.paws(
        [np.eye(2), np.eye(3)], np.eye(2), np.arange(2), class_count=2
      ),
      "one shape",
    ),
  ],
)
def test_bad_input_is_named(call, message):
  with pytest.raises(ValueError, match=message):
    call()
