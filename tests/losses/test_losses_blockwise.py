"""Blocks: the same value and gradient as the materialised form, less memory."""

import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import loss_oracle
import numpy as np
import pytest
from jax.test_util import check_grads

from suncet_jax import losses


def _ntxent(rows, labels, **options):
  del labels
  n = len(rows) // 2
  return losses.ntxent(rows[:n], rows[n : 2 * n], **options)


_LOW = ("bfloat16", "float16")
_LOSSES = {
  "ntxent": _ntxent,
  "suncet": losses.suncet,
  "supcon_out": losses.supcon,
  "supcon_in": functools.partial(losses.supcon, variant="in"),
}
_every_loss = pytest.mark.parametrize("name", _LOSSES)
# Where each costs much to compile: on every day one of pairs, one of labels.
_each_loss_costs_much = pytest.mark.parametrize(
  "name",
  [
    "ntxent",
    "suncet",
    pytest.param("supcon_out", marks=pytest.mark.slow),
    pytest.param("supcon_in", marks=pytest.mark.slow),
  ],
)


def _rows(n, d=5, seed=0):
  return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def _labels(n, seed=0):
  return np.random.default_rng(seed).integers(-2, 5, n).astype(np.int32)


@functools.cache
def _compiled(name, **options):
  loss = functools.partial(_LOSSES[name], **options)
  return jax.jit(jax.value_and_grad(loss))


def _value_and_grad(name, rows, labels, temperature=0.1, **options):
  if isinstance(temperature, jax.Array):  # is traced
    run = _compiled(name, **options)
    return run(rows, labels, temperature=temperature)
  return _compiled(name, temperature=temperature, **options)(rows, labels)


def _assert_equal_forms(name, rows, labels, tolerance, **options):
  blocks = _value_and_grad(name, rows, labels, **options)
  whole = _value_and_grad(name, rows, labels, **{**options, "block_size": 0})
  np.testing.assert_allclose(blocks[0], whole[0], rtol=tolerance, atol=1e-6)
  scale = np.abs(whole[1]).max()
  np.testing.assert_allclose(blocks[1], whole[1], atol=tolerance * scale + 1e-9)


@_every_loss
@pytest.mark.parametrize("stop_gradient_keys", [False, True])
@pytest.mark.parametrize(
  ("n", "block_size"),
  [
    (14, 3),
    (22, 22),
    *(
      pytest.param(*each, marks=pytest.mark.slow)
      for each in [(2, 5), (6, 3), (36, 1)]
    ),
  ],
)
def test_equals_the_materialised_form(name, n, block_size, stop_gradient_keys):
  _assert_equal_forms(
    name,
    _rows(n),
    _labels(n),
    2e-6,
    block_size=block_size,
    stop_gradient_keys=stop_gradient_keys,
  )


@pytest.mark.parametrize(
  "name", [pytest.param("ntxent", marks=pytest.mark.slow), "suncet"]
)
@hypothesis.settings(max_examples=8, deadline=None, derandomize=True)
@hypothesis.given(
  n=st.integers(1, 20).map(lambda half: 2 * half),
  block_size=st.integers(1, 24),
  seed=st.integers(0, 99),
)
def test_equals_the_materialised_form_of_any_shape(name, n, block_size, seed):
  rows, labels = _rows(n, seed=seed), _labels(n, seed=seed)
  _assert_equal_forms(name, rows, labels, 5e-6, block_size=block_size)


@_every_loss
@pytest.mark.parametrize(
  ("temperature", "is_traced"),
  [
    *((each, False) for each in (0.024, 0.025)),
    pytest.param(10.0, False, marks=pytest.mark.slow),
    *((each, True) for each in (0.01, 0.024, 0.025, 0.5, 10.0)),
  ],
)
def test_any_temperature(x64, name, temperature, is_traced):
  rows, labels = _rows(24).astype(np.float64), _labels(24)
  if is_traced:
    temperature = jnp.asarray(temperature)
  options = {"temperature": temperature, "block_size": 7}
  _assert_equal_forms(name, rows, labels, 1e-9, **options)


@_each_loss_costs_much
def test_low_temperature_in_float32(name):
  # A row with a twin and one at right angles to all others: their largest
  # exponents are 100 apart, more than the range of float32.
  rows = np.eye(12, 11, dtype=np.float32)
  rows[11] = rows[0]
  labels = np.arange(12, dtype=np.int32) % 3
  _assert_equal_forms(name, rows, labels, 1e-5, temperature=0.01, block_size=5)


@_each_loss_costs_much
def test_gradient_by_differences(x64, name):
  def loss(rows, temperature):
    return _LOSSES[name](
      rows, _labels(14), temperature=temperature, block_size=4
    )

  check_grads(jax.jit(loss), (_rows(14).astype(np.float64), 0.2), order=1)


@_every_loss
def test_gradient_by_temperature_with_detached_keys(x64, name):
  def gradient(block_size):
    def loss(temperature):
      return _LOSSES[name](
        _rows(14).astype(np.float64),
        _labels(14),
        temperature=temperature,
        stop_gradient_keys=True,
        block_size=block_size,
      )

    return jax.jit(jax.grad(loss))(0.2)

  np.testing.assert_allclose(gradient(4), gradient(0), rtol=1e-9)


@_each_loss_costs_much
def test_forward_mode(x64, name):
  rows, labels = _rows(14).astype(np.float64), _labels(14)
  direction = _rows(14, seed=1).astype(np.float64)
  tangents = [
    jax.jvp(
      lambda z, b=block_size: _LOSSES[name](z, labels, block_size=b),
      (rows,),
      (direction,),
    )[1]
    for block_size in (0, 4)
  ]
  np.testing.assert_allclose(tangents[1], tangents[0], rtol=1e-9)


@_every_loss
def test_a_second_derivative_is_refused(name):
  def squared_gradient(rows):
    loss = functools.partial(_LOSSES[name], labels=_labels(8), block_size=4)
    return jnp.sum(jax.grad(loss)(rows) ** 2)

  with pytest.raises(TypeError, match=r"first derivatives only.* block_size=0"):
    jax.grad(squared_gradient)(_rows(8))


@_each_loss_costs_much
def test_a_second_derivative_of_the_materialised_form(x64, name):
  loss = functools.partial(_LOSSES[name], labels=_labels(6), block_size=0)
  check_grads(jax.jit(loss), (_rows(6).astype(np.float64),), order=2)


@_each_loss_costs_much
def test_vmap(name):
  rows = _rows(3 * 14).reshape(3, 14, 5)
  loss = functools.partial(_LOSSES[name], labels=_labels(14), block_size=4)
  got = jax.jit(jax.vmap(jax.value_and_grad(loss)))(rows)
  for one, value, gradient in zip(rows, *got, strict=True):
    expected = _value_and_grad(name, one, _labels(14), block_size=0)
    np.testing.assert_allclose(value, expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, expected[1], atol=1e-6)


@_each_loss_costs_much
def test_inside_checkpoint_and_scan(name):
  rows, labels = _rows(2 * 14).reshape(2, 14, 5), _labels(14)

  def total(rows, block_size):
    @jax.checkpoint
    def step(carry, z):
      return carry + _LOSSES[name](z, labels, block_size=block_size), None

    return jax.lax.scan(step, 0.0, rows)[0]

  got = jax.jit(jax.grad(total), static_argnums=1)(rows, 4)
  expected = jax.jit(jax.grad(total), static_argnums=1)(rows, 0)
  np.testing.assert_allclose(got, expected, atol=1e-6)


@_each_loss_costs_much
def test_without_jit(name):
  got = jax.value_and_grad(functools.partial(_LOSSES[name], block_size=4))(
    _rows(14), _labels(14)
  )
  expected = _value_and_grad(name, _rows(14), _labels(14), block_size=4)
  np.testing.assert_allclose(got[0], expected[0], rtol=1e-6)
  np.testing.assert_allclose(got[1], expected[1], atol=1e-6)


@_every_loss
@pytest.mark.parametrize(
  "dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("block_size", [0, 16])
def test_low_precision_product(name, dtype, block_size):
  rows, labels = _rows(64, 32), np.arange(64, dtype=np.int32) % 8
  got = _value_and_grad(
    name, rows, labels, block_size=block_size, matmul_dtype=dtype
  )
  exact = _value_and_grad(name, rows, labels, block_size=0)
  assert got[0].dtype == got[1].dtype == np.float32
  assert got[0] != exact[0]
  np.testing.assert_allclose(got[0], exact[0], rtol=1e-3)
  error = np.linalg.norm(got[1] - exact[1]) / np.linalg.norm(exact[1])
  assert error < 5e-3


@_every_loss
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_inputs(name, dtype):
  rows, labels = jnp.asarray(_rows(24), dtype), _labels(24)
  got = _value_and_grad(name, rows, labels, block_size=7)
  exact = _value_and_grad(name, rows.astype(np.float32), labels, block_size=0)
  assert got[0].dtype == np.float32
  assert got[1].dtype == dtype
  np.testing.assert_allclose(got[0], exact[0], rtol=1e-5)
  got_gradient, exact_gradient = np.float64(got[1]), np.float64(exact[1])
  scale = np.abs(exact_gradient).max()
  np.testing.assert_allclose(got_gradient, exact_gradient, atol=5e-3 * scale)


def test_bfloat16_product_of_near_views_is_near_zero():
  # The positive is rounded as the keys are, or their difference would show.
  rows = _rows(32, 32)
  near = rows + 1e-3 * _rows(32, 32, seed=1)
  loss = losses.ntxent(
    rows, near, temperature=0.02, block_size=16, matmul_dtype=jnp.bfloat16
  )
  assert -1e-5 < loss < 1e-3


@pytest.mark.parametrize("block_size", [0, 4])
@pytest.mark.parametrize("name", ["suncet", "supcon_out", "supcon_in"])
def test_nan_in_unlabelled_rows_reaches_nothing(name, block_size):
  rows, labels = _rows(14), _labels(14)
  expected = _value_and_grad(name, rows, labels, block_size=block_size)
  rows[labels < 0] = np.nan
  got = _value_and_grad(name, rows, labels, block_size=block_size)
  np.testing.assert_array_equal(got[0], expected[0])
  np.testing.assert_array_equal(got[1], expected[1])
  np.testing.assert_array_equal(got[1][labels < 0], 0)


@_every_loss
def test_nan_gives_nan(name):
  rows, labels = _rows(14), np.arange(14, dtype=np.int32) % 3
  rows[3, 0] = np.nan
  loss, gradient = _value_and_grad(name, rows, labels, block_size=4)
  assert np.isnan(loss)
  assert np.isnan(gradient).any()


@pytest.mark.parametrize("name", ["suncet", "supcon_out", "supcon_in"])
@pytest.mark.parametrize("label", [-1, None])
def test_no_anchor(name, label):
  labels = np.arange(9) if label is None else np.full(9, label)
  loss, gradient = _value_and_grad(name, _rows(9), labels, block_size=4)
  assert loss == 0
  np.testing.assert_array_equal(gradient, np.zeros((9, 5)))


@pytest.mark.parametrize("name", ["suncet", "supcon_out", "supcon_in"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_labels_of_any_integer_dtype(name, dtype):
  labels = np.array([0, 100, 0, 100, 5, 5, 5, 9, 0])
  got = _value_and_grad(name, _rows(9), labels.astype(dtype), block_size=4)
  expected = _value_and_grad(name, _rows(9), labels, block_size=0)
  np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
  np.testing.assert_allclose(got[1], expected[1], atol=1e-6)


def test_large_unsigned_labels():
  labels = np.array([0, 200, 0, 200, 255, 255, 9], np.uint8)
  got = losses.suncet(_rows(7), labels, block_size=4)
  expected = loss_oracle.suncet(_rows(7), labels.astype(np.int32))
  np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_zero_and_duplicated_rows():
  rows, labels = _rows(14), np.arange(14, dtype=np.int32) % 3
  rows[[0, 3]] = 0
  rows[5:9] = rows[5]
  loss, gradient = _value_and_grad("suncet", rows, labels, block_size=4)
  np.testing.assert_allclose(loss, loss_oracle.suncet(rows, labels), rtol=1e-5)
  np.testing.assert_array_equal(gradient[np.array([0, 3])], np.zeros((2, 5)))


def _temporary_bytes(n, block_size):
  loss = functools.partial(_ntxent, labels=None, block_size=block_size)
  rows = jax.ShapeDtypeStruct((n, 8), np.float32)
  compiled = jax.jit(jax.value_and_grad(loss)).lower(rows).compile()
  return compiled.memory_analysis().temp_size_in_bytes


def test_memory_is_linear():
  small, large = (_temporary_bytes(n, 128) for n in (1024, 8192))
  # Eight times as many rows; a matrix would be 64 times as large.
  assert large < 8 * small
  assert large < 4 * 8192 * 8192 / 50


def test_blocks_are_chosen_for_many_rows():
  chosen, forced = (_temporary_bytes(4096, b) for b in (None, 0))
  assert chosen < forced / 4
  assert _temporary_bytes(1024, None) == _temporary_bytes(1024, 0)


def _compile_optimised(function, *arguments):
  """Compiles with care, unlike other tests, for who has more to compute."""
  options = {"xla_backend_optimization_level": 3}
  return jax.jit(function).lower(*arguments).compile(options)


def _near_views(n=8192):
  """Returns rows and labels with large logits, a small difference apart."""
  half = _rows(n // 2, 16)
  near = half + 0.1 * _rows(n // 2, 16, seed=1)
  labels = np.tile(np.arange(n // 2, dtype=np.int32), 2)
  return np.concatenate([half, near]), labels


def _of_many_keys(name, rows, labels, **options):
  loss = functools.partial(_LOSSES[name], **options)
  compiled = _compile_optimised(jax.value_and_grad(loss), rows, labels)
  return compiled(rows, labels)


@functools.cache
def _exact_of_near_views(name):
  rows, labels = _near_views()
  with jax.enable_x64(True):
    return _of_many_keys(name, rows.astype(np.float64), labels)


@pytest.mark.parametrize("name", ["ntxent", "suncet"])
@pytest.mark.parametrize(
  "dtype",
  [None, *(pytest.param(d, marks=pytest.mark.slow) for d in _LOW)],
)
def test_many_keys(name, dtype):
  rows, labels = _near_views()
  exact = _exact_of_near_views(name)
  got = _of_many_keys(name, rows, labels, matmul_dtype=dtype)
  # Near views differ by little more than bfloat16 resolves.
  tolerance = (1e-5, 1e-4) if dtype is None else (1e-3, 2e-2)
  np.testing.assert_allclose(got[0], exact[0], rtol=tolerance[0])
  error = np.linalg.norm(np.asarray(got[1]) - np.asarray(exact[1]))
  assert error < tolerance[1] * np.linalg.norm(exact[1])


@pytest.mark.slow
def test_as_many_rows_as_there_may_be():
  n = 65_536
  rows = jnp.tile(jnp.array([[1.0, 0.0], [0.0, 1.0]]), (n // 2, 1))
  labels = jnp.tile(jnp.array([0, 1, 2, 3]), n // 4)
  compiled = _compile_optimised(jax.value_and_grad(losses.suncet), rows, labels)
  loss, gradient = compiled(rows, labels)
  # Two classes in each direction: half of what is near is of another class.
  far = np.exp(-10) * n / 2
  expected = np.log((n / 2 - 1 + far) / (n / 4 - 1))
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  # By symmetry rows could move towards and away from the other direction only.
  np.testing.assert_allclose(
    gradient, gradient[:2][jnp.arange(n) % 2], atol=1e-9
  )
