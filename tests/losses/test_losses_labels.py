"""Labels of every kind: the loss of the classes they name, or an error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax import losses

_ROWS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
_CLASSES = [0, 1, 0, 1, 2, -1]
_BIG = 3_000_000_000
_BY_LABEL = pytest.mark.parametrize("loss", [losses.suncet, losses.supcon])


def _named(*numbers, dtype=None):
  """Returns labels of the classes above with other numbers."""
  return np.array([numbers[c] for c in _CLASSES], dtype)


@_BY_LABEL
@pytest.mark.parametrize(
  "labels",
  [
    _named(_BIG, _BIG + 2**32, 7, -1),
    _named(_BIG, _BIG + 2**32, 7, -(2**33)),
    _named(5, 2**32 + 5, 2**33 + 5, -1),  # one class in 32 bits
    _named(0, 1, 2, -(2**40)),  # not negative in 32 bits
    _named(2**31, 2**31 - 1, 0, -1),
    _named(0, 1, 2, -7, dtype=np.int8),
    _named(0, 1, 2, -1, dtype=">i8"),
    _named(2**70, 2**70 + 1, 0, -(2**70), dtype=object),
    _named(2**63, 2**63 + 1, 0, -1, dtype=object).tolist(),
    [np.int64(c) for c in _named(_BIG, _BIG + 2**32, 7, -1)],
    np.ma.array(_named(_BIG, 1, 2, -1), mask=False),
    [jnp.int32(c) for c in _CLASSES],
  ],
)
def test_large_labels_are_compared_exactly(loss, labels):
  np.testing.assert_array_equal(loss(_ROWS, labels), loss(_ROWS, _CLASSES))


@_BY_LABEL
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_unsigned_labels(loss, dtype):
  high = np.iinfo(dtype).max
  labels = np.array([high, high - 1, high, high - 1, 0, 7], dtype)
  expected = loss(_ROWS, [0, 1, 0, 1, 2, 3])
  np.testing.assert_array_equal(loss(_ROWS, labels), expected)


def test_large_labels_in_64_bit_mode_and_after_it():
  with jax.enable_x64(True):
    labels = jnp.array(_named(_BIG, _BIG + 2**32, 7, -1))
    expected = losses.suncet(_ROWS, _CLASSES)
    for loss in (losses.suncet, jax.jit(losses.suncet)):
      np.testing.assert_array_equal(loss(_ROWS, labels), expected)
  np.testing.assert_array_equal(losses.suncet(_ROWS, labels), expected)


def test_large_labels_that_a_compiled_function_knows():
  labels = _named(_BIG, _BIG + 2**32, 7, -1)
  got = jax.jit(lambda rows: losses.suncet(rows, labels))(_ROWS)
  np.testing.assert_allclose(got, losses.suncet(_ROWS, _CLASSES), rtol=1e-6)


@_BY_LABEL
@pytest.mark.parametrize(
  ("labels", "message"),
  [
    ([0.0, 1.0, 0.0, 1.0, 2.0, -1.0], r"float64.*labels\.astype\(np\.int32\)"),
    ([0, 1, 0, 1.5, 2, -1], "integers, got float64"),
    ([True, False] * 3, r"bool.*labels\.astype"),
    (list("ababcd"), r"np\.unique\(labels, return_inverse=True\)"),
    (np.array([0, 1, 0, 1, 2, None]), "integers, got object"),
    (np.array(_CLASSES, "m8[s]"), "timedelta64"),
    (np.ma.masked_less(_CLASSES, 0), r"masked.*labels\.filled\(-1\)"),
    ([[0], [1, 0]], "one per row"),
    (np.eye(6), r"labels\.argmax\(axis=1\)"),
    (jnp.eye(6, dtype=bool), r"labels\.argmax\(axis=1\)"),
  ],
)
def test_other_labels_are_refused(loss, labels, message):
  with pytest.raises(TypeError, match=rf"losses\.{loss.__name__}: .*{message}"):
    loss(_ROWS, labels)


@_BY_LABEL
@pytest.mark.parametrize(
  ("labels", "message"),
  [
    (np.eye(6, dtype=int), r"\(6, 6\).*labels\.argmax\(axis=1\)"),
    (jnp.eye(6, dtype=int), r"\(6, 6\).*labels\.argmax\(axis=1\)"),
    (np.zeros((6, 1), int), r"\(6, 1\).*labels\[:, 0\]"),
    (np.int64(3), r"got shape \(\)"),
  ],
)
def test_shapes_of_labels_are_refused(loss, labels, message):
  with pytest.raises(
    ValueError, match=rf"losses\.{loss.__name__}: .*{message}"
  ):
    loss(_ROWS, labels)


def test_masked_rows_are_refused():
  with pytest.raises(TypeError, match=r"losses\.suncet: embeddings.*masked"):
    losses.suncet(np.ma.masked_less(_ROWS, 0), _CLASSES)
