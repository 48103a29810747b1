"""What the losses promise for any input: values, invariances, gradients."""

import functools

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import loss_oracle
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from suncet_jax import losses

_supcon_in = functools.partial(losses.supcon, variant="in")
_BY_LABEL = {
  "suncet": (losses.suncet, loss_oracle.suncet),
  "supcon_out": (losses.supcon, loss_oracle.supcon_out),
  "supcon_in": (_supcon_in, loss_oracle.supcon_in),
}
_every_label_loss = pytest.mark.parametrize("name", _BY_LABEL)
_n, _d = 12, 4


@functools.cache
def _value_and_grad(name, **options):
  """Returns a compiled (rows, labels) -> (loss, gradient of the rows)."""
  loss = functools.partial(_BY_LABEL[name][0], **options)
  return jax.jit(jax.value_and_grad(loss))


@functools.cache
def _ntxent_value_and_grad(**options):
  """Returns a compiled (views [2, n, d]) -> (loss, gradient of the views)."""
  return jax.jit(
    jax.value_and_grad(lambda views: losses.ntxent(*views, **options))
  )


def _rows(seed=0, shape=(_n, _d)):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _labels():
  return np.array([0, 1, 2, 0, 1, 2, 3, 0, -1, 1, -1, 4], np.int32)


def _assert_close_gradients(got, expected, tolerance):
  got, expected = np.float64(got), np.float64(expected)
  error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
  assert error < tolerance


_few_examples = hypothesis.settings(
  max_examples=15, deadline=None, derandomize=True
)
_any_rows = hypothesis.extra.numpy.arrays(
  np.float32, (_n, _d), elements=st.floats(-10, 10, width=32)
)
_any_labels = hypothesis.extra.numpy.arrays(
  np.int32, _n, elements=st.integers(-1, 4)
)


@_every_label_loss
@_few_examples
@hypothesis.given(rows=_any_rows, labels=_any_labels)
def test_equals_loops(name, rows, labels):
  loss, grad = _value_and_grad(name)(rows, labels)
  expected = _BY_LABEL[name][1](rows, labels)
  np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)
  assert np.isfinite(grad).all()


@_few_examples
@hypothesis.given(first=_any_rows, second=_any_rows)
def test_ntxent_equals_loops(first, second):
  loss, grad = _ntxent_value_and_grad()(np.stack([first, second]))
  expected = loss_oracle.ntxent(first, second)
  np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)
  assert np.isfinite(grad).all()


@_every_label_loss
@_few_examples
@hypothesis.given(order=st.permutations(range(_n)))
def test_order_of_rows_does_not_matter(name, order):
  rows, labels, order = _rows(), _labels(), np.array(order)
  loss, grad = _value_and_grad(name)(rows, labels)
  permuted = _value_and_grad(name)(rows[order], labels[order])
  np.testing.assert_allclose(permuted[0], loss, rtol=1e-5)
  np.testing.assert_allclose(permuted[1], grad[order], atol=1e-5)


@_few_examples
@hypothesis.given(order=st.permutations(range(_n)))
def test_ntxent_order_of_pairs_does_not_matter(order):
  views, order = _rows(shape=(2, _n, _d)), np.array(order)
  loss, grad = _ntxent_value_and_grad()(views)
  permuted = _ntxent_value_and_grad()(views[::-1, order])
  np.testing.assert_allclose(permuted[0], loss, rtol=1e-5)
  np.testing.assert_allclose(permuted[1], grad[::-1, order], atol=1e-5)


@_every_label_loss
def test_unlabelled_rows_change_nothing(name):
  rows, labels = _rows(), _labels()
  loss, grad = _value_and_grad(name)(rows, labels)
  more_rows = np.concatenate([rows, _rows(1, (5, _d))])
  more_labels = np.concatenate([labels, [-1, -2, -1, -7, -1]])
  more = _value_and_grad(name)(more_rows, more_labels)
  np.testing.assert_allclose(more[0], loss, rtol=1e-6)
  np.testing.assert_allclose(more[1][:_n], grad, atol=1e-6)
  np.testing.assert_array_equal(more[1][_n:], np.zeros((5, _d)))
  np.testing.assert_array_equal(grad[labels < 0], np.zeros((2, _d)))


@_every_label_loss
@pytest.mark.parametrize("magnitude", [1e-11, 1e30])
def test_length_of_rows_does_not_matter(name, magnitude):
  rows, labels = _rows(), _labels()
  scale = np.linspace(0.5, 2, _n, dtype=np.float32)[:, None]
  scale = (scale * magnitude).astype(np.float32)
  loss, grad = _value_and_grad(name)(rows, labels)
  scaled = _value_and_grad(name)(rows * scale, labels)
  np.testing.assert_allclose(scaled[0], loss, rtol=1e-5)
  np.testing.assert_allclose(scaled[1] * scale, grad, atol=1e-5)


@_every_label_loss
def test_the_longest_rows_have_a_direction(name):
  rows, labels = _rows(), _labels()
  longest = (rows / np.abs(rows).max() * 3e38).astype(np.float32)
  loss, grad = _value_and_grad(name)(longest, labels)
  np.testing.assert_allclose(
    loss, _value_and_grad(name)(rows, labels)[0], rtol=1e-5
  )
  assert np.isfinite(grad).all()


@_every_label_loss
def test_all_classes_distinct(name):
  loss, grad = _value_and_grad(name)(_rows(), np.arange(_n, dtype=np.int32))
  assert loss == 0
  np.testing.assert_array_equal(grad, np.zeros((_n, _d)))


@_every_label_loss
def test_nothing_labelled(name):
  labels = np.full(_n, -1, np.int32)
  loss, grad = _value_and_grad(name)(_rows(), labels)
  assert loss == 0
  np.testing.assert_array_equal(grad, np.zeros((_n, _d)))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_rows(n):
  loss, grad = _value_and_grad("suncet")(
    np.ones((n, _d), np.float32), np.zeros(n, np.int32)
  )
  assert loss == 0
  np.testing.assert_array_equal(grad, np.zeros((n, _d)))


def test_ntxent_of_one_pair_is_zero():
  loss, grad = _ntxent_value_and_grad()(_rows(shape=(2, 1, _d)))
  assert loss == 0
  np.testing.assert_array_equal(grad, np.zeros((2, 1, _d)))


def test_one_class_only():
  labels = np.zeros(_n, np.int32)
  loss, grad = _value_and_grad("suncet")(_rows(), labels)
  np.testing.assert_allclose(loss, 0, atol=1e-6)
  np.testing.assert_allclose(grad, np.zeros((_n, _d)), atol=1e-6)
  loss, _ = _value_and_grad("supcon_in")(_rows(), labels)
  np.testing.assert_allclose(loss, np.log(_n - 1), rtol=1e-6)


@_every_label_loss
def test_zero_rows_get_no_gradient(name):
  rows, labels = _rows(), _labels()
  is_zero = np.isin(np.arange(_n), [0, 1, 4])
  rows[is_zero] = 0
  loss, grad = _value_and_grad(name)(rows, labels)
  expected = _BY_LABEL[name][1](rows, labels)
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  np.testing.assert_array_equal(grad[is_zero], np.zeros((3, _d)))
  assert np.abs(grad[3]).max() > 0


def test_ntxent_of_zero_rows():
  loss, grad = _ntxent_value_and_grad()(np.zeros((2, _n, _d), np.float32))
  np.testing.assert_allclose(loss, np.log(2 * _n - 1), rtol=1e-6)
  np.testing.assert_array_equal(grad, np.zeros((2, _n, _d)))


@_every_label_loss
def test_duplicated_rows(name):
  rows = np.tile(_rows(shape=(1, _d)), (_n, 1))
  loss, grad = _value_and_grad(name)(rows, _labels())
  expected = _BY_LABEL[name][1](rows, _labels())
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  np.testing.assert_allclose(grad, np.zeros((_n, _d)), atol=1e-5)


@_every_label_loss
def test_low_temperature_in_float32(name):
  loss, grad = _value_and_grad(name, temperature=1e-3)(_rows(), _labels())
  assert np.isfinite(loss)
  assert loss > 0
  assert np.isfinite(grad).all()
  assert np.abs(grad).max() > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_passed_on(bad):
  rows = _rows()
  rows[0, 0] = bad
  assert np.isnan(_value_and_grad("suncet")(rows, _labels())[0])
  assert np.isnan(_ntxent_value_and_grad()(np.stack([rows, _rows(1)]))[0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_inputs_are_computed_in_float32(dtype):
  rows = jnp.asarray(_rows(), dtype)
  loss, grad = _value_and_grad("suncet")(rows, _labels())
  exact = _value_and_grad("suncet")(rows.astype(jnp.float32), _labels())
  assert loss.dtype == jnp.float32
  assert grad.dtype == dtype
  np.testing.assert_allclose(loss, exact[0], rtol=1e-6)
  _assert_close_gradients(grad, exact[1], 5e-3)


@_every_label_loss
def test_bfloat16_product(name):
  rows = _rows(shape=(48, 32))
  labels = np.arange(48, dtype=np.int32) % 8
  loss, grad = _value_and_grad(name, matmul_dtype=jnp.bfloat16)(rows, labels)
  exact = _value_and_grad(name)(rows, labels)
  assert loss.dtype == grad.dtype == jnp.float32
  assert loss != exact[0]
  np.testing.assert_allclose(loss, exact[0], rtol=1e-3)
  _assert_close_gradients(grad, exact[1], 5e-3)


def test_ntxent_bfloat16_product():
  views = _rows(shape=(2, 32, 32))
  loss, grad = _ntxent_value_and_grad(matmul_dtype=jnp.bfloat16)(views)
  exact = _ntxent_value_and_grad()(views)
  assert loss != exact[0]
  np.testing.assert_allclose(loss, exact[0], rtol=1e-3)
  _assert_close_gradients(grad, exact[1], 5e-3)


@_every_label_loss
def test_gradient_by_differences(x64, name):
  loss = functools.partial(_BY_LABEL[name][0], labels=_labels())

  def with_temperature(rows, temperature):
    return loss(rows, temperature=temperature)

  check_grads(
    jax.jit(with_temperature), (_rows().astype(np.float64), 0.2), order=1
  )


def test_ntxent_gradient_by_differences(x64):
  views = _rows(shape=(2, 4, 3)).astype(np.float64)
  check_grads(jax.jit(lambda views: losses.ntxent(*views)), (views,), order=1)


def test_detached_keys_get_half_of_a_symmetric_gradient(x64):
  rows = np.array([[1.0, 0.2], [0.3, 1.0]])
  views = np.stack([rows, rows[::-1]])
  full = _ntxent_value_and_grad()(views)
  detached = _ntxent_value_and_grad(stop_gradient_keys=True)(views)
  np.testing.assert_allclose(detached[0], full[0], rtol=1e-12)
  np.testing.assert_allclose(2 * detached[1], full[1], rtol=1e-9)


def test_suncet_is_supcon_in_without_the_number_of_positives():
  rows, labels = _rows(), _labels()
  suncet, suncet_grad = _value_and_grad("suncet")(rows, labels)
  supcon, supcon_grad = _value_and_grad("supcon_in")(rows, labels)
  mean_log = loss_oracle.mean_log_positives(labels)
  np.testing.assert_allclose(suncet, supcon - mean_log, rtol=1e-5)
  np.testing.assert_allclose(suncet_grad, supcon_grad, atol=1e-5)


def test_ntxent_equals_optax_with_each_label_twice():
  views = _rows(shape=(2, _n, _d))
  labels = np.tile(np.arange(_n), 2)
  expected = jax.jit(optax.losses.ntxent)(
    views.reshape(-1, _d), labels, temperature=0.1
  )
  loss, _ = _ntxent_value_and_grad()(views)
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_traced_temperature():
  loss = jax.jit(losses.suncet)(_rows(), _labels(), temperature=0.5)
  expected = loss_oracle.suncet(_rows(), _labels(), 0.5)
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
