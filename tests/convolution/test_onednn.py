"""oneDNN's convolution against XLA's: values, derivatives, transformations."""

import concurrent.futures
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import windows
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from suncet_jax.convolution import convolve, status

pytestmark = pytest.mark.skipif(
  bool(status().reason), reason=f"no oneDNN: {status().reason}"
)


@st.composite
def _cases(draw):
  size = st.integers(1, 12)
  kernel = draw(st.sampled_from([1, 3, 7]))
  pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
  explicit = st.tuples(pads, pads)
  shape = (draw(st.integers(1, 9)), draw(size), draw(size))
  padding = draw(st.one_of(st.just("SAME"), explicit))
  if padding != "SAME" and any(
    side + sum(pad) < kernel
    for side, pad in zip(shape[1:], padding, strict=True)
  ):
    padding = "SAME"  # there would be no output
  channels = draw(st.sampled_from([1, 3, 8, 17, 64]))
  features = draw(st.sampled_from([1, 5, 16, 64, 192]))
  stride = draw(st.sampled_from([1, 2]))
  dtype = draw(st.sampled_from(status().dtypes))
  return (
    (*shape, channels),
    (kernel, kernel, channels, features),
    (stride, stride),
    padding,
    dtype,
  )


@given(_cases())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_values_and_gradients_are_xlas(case):
  _check_values_and_gradients(case)


@pytest.mark.slow
@given(_cases())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_values_and_gradients_are_xlas_in_many_more_cases(case):
  _check_values_and_gradients(case)


def _check_values_and_gradients(case):
  shape, kernel_shape, strides, padding, dtype = case
  tolerance = 3e-6 if dtype == jnp.float32 else 1e-2
  images, kernel = windows.arrays(shape, kernel_shape, dtype)
  run = functools.partial(
    windows.with_gradients, images, kernel, strides, padding
  )
  sizes = windows.sizes(images, kernel, strides, padding)
  for ours, expected, size in zip(run("auto"), run("xla"), sizes, strict=True):
    assert ours.dtype == expected.dtype == dtype
    assert ours.shape == expected.shape
    assert windows.relative_error(ours, expected, size) < tolerance


# Shapes of which the work is cut differently: many rows and a small kernel,
# few rows and many features, rows that do not divide.
@pytest.mark.parametrize(
  ("shape", "kernel_shape"),
  [
    ((67, 14, 14, 16), (3, 3, 16, 16)),
    ((5, 4, 4, 128), (3, 3, 128, 512)),
    ((21, 6, 6, 128), (1, 1, 128, 1024)),
    ((2, 33, 31, 3), (7, 7, 3, 64)),
    ((3, 9, 8, 5), (2, 4, 5, 6)),  # even, not square
  ],
)
@pytest.mark.parametrize("strides", [(1, 1), (3, 2)])
def test_other_shapes(shape, kernel_shape, strides):
  images, kernel = windows.arrays(shape, kernel_shape)
  run = functools.partial(
    windows.with_gradients, images, kernel, strides, "SAME"
  )
  for ours, expected in zip(run("auto"), run("xla"), strict=True):
    assert windows.relative_error(ours, expected) < 1e-5


@pytest.mark.parametrize("dtype", status().dtypes)
def test_images_narrower_than_a_stride(dtype):
  images, kernel = windows.arrays((1, 5, 1, 8), (3, 3, 8, 5), dtype)
  # Not zeros, should anything be read beyond the images again.
  around = [jnp.full((64 * i,), 1e9, dtype) for i in range(1, 40)]
  del around
  run = functools.partial(windows.with_gradients, images, kernel, (2, 2))
  for ours, expected in zip(
    run("SAME", "auto"), run("SAME", "xla"), strict=True
  ):
    np.testing.assert_array_equal(ours, expected)


def test_oneDNN_is_called_only_where_it_should_be():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))
  assert windows.uses_onednn(convolve, images, kernel)
  xla = functools.partial(convolve, implementation="xla")
  assert not windows.uses_onednn(xla, images, kernel)
  strided = functools.partial(convolve, strides=(2, 2))
  assert windows.uses_onednn(strided, images[:, :, :2], kernel)
  assert not windows.uses_onednn(strided, images[:, :, :1], kernel)
  negative = functools.partial(convolve, padding=((-1, 1), (0, 0)))
  assert not windows.uses_onednn(negative, images, kernel)
  half = images.astype(jnp.float16), kernel.astype(jnp.float16)
  assert not windows.uses_onednn(convolve, *half)
  assert not windows.uses_onednn(convolve, images[:0], kernel)


@pytest.mark.parametrize("shape", [(0, 9, 9, 3), (2, 5, 5, 3)])
def test_empty_batches_and_empty_outputs_have_gradients(shape):
  images, kernel = windows.arrays(shape, (7, 7, 3, 4))
  found = windows.with_gradients(images, kernel, (1, 1), "VALID", "auto")
  assert found[0].size == 0
  np.testing.assert_array_equal(found[1], np.zeros(shape))
  np.testing.assert_array_equal(found[2], np.zeros(kernel.shape))


def test_the_switches_for_debugging_work():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))
  expected = convolve(images, kernel)
  with jax.disable_jit():
    np.testing.assert_array_equal(convolve(images, kernel), expected)
  with jax.debug_nans(True), pytest.raises(FloatingPointError):
    convolve(images.at[0, 0, 0, 0].set(jnp.nan), kernel)


def test_lists_of_strides_are_fine_and_zero_is_refused():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))
  np.testing.assert_array_equal(
    convolve(images, kernel, strides=[2, 2]),
    convolve(images, kernel, strides=(2, 2)),
  )
  with pytest.raises(ValueError, match=r"strides must be >= 1; got \(0, 1\)"):
    convolve(images, kernel, strides=(0, 1))


def test_one_program_lowers_for_every_platform():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))

  def loss(images, kernel):
    return convolve(images, kernel).sum()

  traced = jax.jit(jax.grad(loss, (0, 1))).trace(images, kernel)
  on_cpu = traced.lower(lowering_platforms=("cpu",)).as_text()
  assert "suncet_convolution" in on_cpu
  for platform in ("tpu", "cuda"):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert "stablehlo.convolution" in text
    assert "suncet_convolution" not in text


def test_derivatives_of_any_order_forward_and_backward():
  images, kernel = windows.arrays((2, 5, 4, 2), (3, 3, 2, 3))
  convolve2 = functools.partial(convolve, strides=(2, 2))
  check_grads(
    lambda images, kernel: jnp.tanh(convolve2(images, kernel)),
    (images, kernel),
    order=2,
    modes=("fwd", "rev"),
    atol=0.03,
    rtol=0.03,
  )

  def loss(kernel, implementation):
    outputs = convolve2(images, kernel, implementation=implementation)
    return (outputs**3).sum()

  # jax.hessian maps over kernel tangents, which oneDNN's refuses.
  with pytest.raises(NotImplementedError, match=r"model\.convolution"):
    jax.jit(jax.hessian(loss), static_argnums=1)(kernel, "auto")

  def curvature(implementation):
    gradient = jax.grad(functools.partial(loss, implementation=implementation))
    return jax.jvp(gradient, (kernel,), (jnp.ones_like(kernel),))[1]

  error = windows.relative_error(curvature("auto"), curvature("xla"))
  assert error < 1e-5


def test_remat_and_eager_calls_change_nothing():
  images, kernel = windows.arrays((3, 6, 6, 4), (3, 3, 4, 5))

  def loss(images, kernel):
    return jnp.sin(convolve(images, kernel)).sum()

  plain = jax.jit(jax.grad(loss, (0, 1)))(images, kernel)
  remat = jax.jit(jax.grad(jax.checkpoint(loss), (0, 1)))(images, kernel)
  eager = jax.grad(loss, (0, 1))(images, kernel)
  for a, b, c in zip(plain, remat, eager, strict=True):
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-6)


def test_vmap_over_images_is_one_larger_batch():
  images, kernel = windows.arrays((6, 5, 5, 3), (3, 3, 3, 4))
  stacked = images.reshape(2, 3, 5, 5, 3)

  def loss(images):
    return (convolve(images, kernel) ** 2).sum()

  outputs = jax.vmap(convolve, (0, None))(stacked, kernel)
  expected = convolve(images, kernel)
  np.testing.assert_array_equal(outputs.reshape(expected.shape), expected)
  gradient = jax.vmap(jax.grad(loss))(stacked)
  np.testing.assert_allclose(
    gradient.reshape(images.shape), jax.grad(loss)(images), rtol=1e-5, atol=1e-6
  )


def test_vmap_over_kernels_is_refused_and_says_what_to_do():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))
  kernels = jnp.stack([kernel, 2 * kernel])
  with pytest.raises(NotImplementedError, match=r"model\.convolution to 'xla'"):
    jax.vmap(convolve, (None, 0))(images, kernels)
  xla = functools.partial(convolve, implementation="xla")
  outputs = jax.vmap(xla, (None, 0))(images, kernels)
  assert outputs.shape == (2, 2, 5, 5, 4)


def test_shapes_that_do_not_fit_are_refused_while_tracing():
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 4, 4))
  for implementation in ("auto", "xla"):
    with pytest.raises((TypeError, ValueError), match="feature"):
      convolve(images, kernel, implementation=implementation)
  with pytest.raises(ValueError, match=r"'auto', 'xla'.*'onednn'"):
    convolve(images, images, implementation="onednn")


def _call(name, result, *operands, strides=(1, 1), padding=(1, 1, 1, 1)):
  call = jax.ffi.ffi_call(name, result)
  return call(
    *operands,
    strides=np.array(strides, np.int64),
    padding=np.array(padding, np.int64),
  )


@pytest.mark.parametrize(
  ("changes", "fault"),
  [
    ({"kernel": (3, 3, 5, 4)}, r"channels.*\[3, 3, 5, 4\]"),
    ({"outputs": (2, 4, 5, 4)}, r"do not follow.*\[2, 4, 5, 4\]"),
    ({"images": (2, 5, 5)}, r"four axes"),
    ({"strides": (0, 1)}, r"strides \[0, 1\]"),
    ({"padding": (1, 1)}, r"four paddings"),
    ({"padding": (-1, 1, 1, 1)}, r"padding \[-1, 1, 1, 1\]"),
    ({"dtype": jnp.float64}, "dtype"),
  ],
)
def test_a_wrong_call_of_the_native_code_is_an_error(x64, changes, fault):
  case = {
    "images": (2, 5, 5, 3),
    "kernel": (3, 3, 3, 4),
    "outputs": (2, 5, 5, 4),
    "dtype": jnp.float32,
  } | changes
  window = {k: v for k, v in changes.items() if k in ("strides", "padding")}
  images, kernel, outputs = (
    jnp.zeros(case[name], case["dtype"])
    for name in ("images", "kernel", "outputs")
  )
  name = "suncet_convolution"
  for target, result, operands in (
    (name, outputs, (images, kernel)),
    (f"{name}_image_gradient", images, (outputs, kernel)),
    (f"{name}_kernel_gradient", kernel, (images, outputs)),
  ):
    with pytest.raises(jax.errors.JaxRuntimeError, match=fault):
      jax.block_until_ready(_call(target, result, *operands, **window))


def test_an_empty_batch_is_an_error_of_the_native_code():
  images, outputs = jnp.zeros((0, 5, 5, 3)), jnp.zeros((0, 5, 5, 4))
  gradient = jax.ShapeDtypeStruct((3, 3, 3, 4), jnp.float32)
  with pytest.raises(jax.errors.JaxRuntimeError, match=r"empty.*\[0, 5, 5, 3"):
    jax.block_until_ready(
      _call("suncet_convolution_kernel_gradient", gradient, images, outputs)
    )


def test_many_threads_may_convolve_at_once():
  images, kernel = windows.arrays((16, 12, 12, 8), (3, 3, 8, 16))
  expected = windows.with_gradients(images, kernel, (1, 1), "SAME", "auto")

  def again(_):
    return windows.with_gradients(images, kernel, (1, 1), "SAME", "auto")

  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for found in pool.map(again, range(64)):
      for ours, first in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, first)
