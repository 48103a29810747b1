"""In bfloat16, gradients of parameters are summed in float32."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual
from jax.sharding import AxisType
from model_testing import abstract_variables, model_config

from benchmarks.scaling.step import programs
from suncet_jax import models
from suncet_jax.convolution import convolve, status
from suncet_jax.devices.mesh import by_rows, replicated
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.models.dense import Dense
from suncet_jax.models.numerics import Numerics
from suncet_jax.preflight import collectives

_BFLOAT16 = Numerics(jnp.bfloat16, jnp.float32)


def _encoder_gradient(head, micro_batches=1, **options):
  """Lowers the gradient of an encoder on four devices; nothing is computed."""
  mesh = virtual.mesh(4)
  model = models.build(model_config(head), "bfloat16", **options)
  encode = ViewEncoder(model, mesh, micro_batches=micro_batches)
  params, batch_stats = abstract_variables(model)

  def loss(params, batch_stats, images):
    outputs, _ = encode(params, batch_stats, [images])
    return jnp.mean(outputs[0]["projection"] ** 3)

  images = jax.ShapeDtypeStruct(
    (16, 8, 8, 3), jnp.float32, sharding=by_rows(mesh)
  )
  lowered = jax.jit(jax.grad(loss)).lower(params, batch_stats, images)
  return lowered, params


@pytest.mark.parametrize(
  ("head", "options"),
  [
    ({}, {}),
    # No biases; everything computed again, in parts.
    pytest.param(
      {"batch_norm": True, "output_batch_norm": True},
      {"micro_batches": 2, "remat": True},
      marks=pytest.mark.slow,
    ),
  ],
)
def test_devices_sum_in_float32(head, options):
  lowered, params = _encoder_gradient(head, **options)
  # Before the compiler for CPUs widens what it adds up.
  partitioned, _ = programs(lowered)
  sums = [
    transfer
    for collective in collectives.found_in(partitioned)
    if collective.kind == "all-reduce"
    for transfer in collective.transfers
  ]
  assert {transfer.dtype for transfer in sums} == {"f32"}
  # Those with more than one axis are the gradients of all kernels.
  kernels = [leaf.shape for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
  summed = [each.shape for each in sums if len(each.shape) > 1]
  assert sorted(summed) == sorted(kernels)


def _random(*shapes):
  """Returns arrays that bfloat16 holds exactly, in float32."""
  rng = np.random.default_rng(len(shapes[0]))
  arrays = (jnp.bfloat16(rng.standard_normal(shape)) for shape in shapes)
  return [array.astype(jnp.float32) for array in arrays]


def _pulled_back(function, x, kernel, outputs):
  """Returns outputs and both gradients, given the cotangents of outputs."""
  result, pull_back = jax.vjp(function, x, kernel)
  return result, *pull_back(outputs.astype(result.dtype))


def _check(function, x, kernel, outputs):
  """Compares with float32, and with a kernel that is rounded beforehand."""
  run = jax.jit(functools.partial(_pulled_back, function))
  _, _, expected = run(x, kernel, outputs)
  half = x.astype(jnp.bfloat16)
  result, x_gradient, gradient = run(half, kernel, outputs)
  rounded = run(half, kernel.astype(jnp.bfloat16), outputs)
  assert rounded[2].dtype == jnp.bfloat16
  np.testing.assert_array_equal(result, rounded[0])
  np.testing.assert_array_equal(x_gradient, rounded[1])
  assert gradient.dtype == jnp.float32
  assert _error(gradient, expected) < 1e-5
  assert _error(expected.astype(jnp.bfloat16), expected) > 1e-3


def _error(ours, expected):
  ours, expected = (np.asarray(a, np.float64) for a in (ours, expected))
  return np.linalg.norm(ours - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("implementation", ["auto", "xla"])
@pytest.mark.parametrize(
  ("size", "stride", "width"), [(3, 1, 7), (3, 2, 8), (1, 2, 8), (7, 2, 9)]
)
def test_a_kernels_gradient_is_not_rounded(implementation, size, stride, width):
  side = size // 2
  convolution = functools.partial(
    convolve,
    strides=(stride, stride),
    padding=((side, side), (side, side)),
    implementation=implementation,
  )
  after = [(length - 1) // stride + 1 for length in (8, width)]
  shapes = (4, 8, width, 5), (size, size, 5, 6), (4, *after, 6)
  _check(convolution, *_random(*shapes))


def _multiply(x, kernel):
  dense = Dense(kernel.shape[1], Numerics(x.dtype, jnp.float32), use_bias=False)
  return dense.apply({"params": {"kernel": kernel}}, x)


def test_nor_is_that_of_a_dense_layer():
  _check(_multiply, *_random((32, 7), (7, 6), (32, 6)))


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize(
  ("function", "shapes"),
  [
    (convolve, ((8, 6, 6, 3), (3, 3, 3, 4), (8, 6, 6, 4))),
    (_multiply, ((32, 7), (7, 6), (32, 6))),
  ],
)
def test_several_devices_give_the_gradient_of_one(axis_type, function, shapes):
  mesh = jax.make_mesh(
    (4,), ("data",), axis_types=(axis_type,), devices=jax.devices()[:4]
  )
  x, kernel, outputs = _random(*shapes)
  arguments = x.astype(jnp.bfloat16), kernel, outputs
  expected = _pulled_back(function, *arguments)[2]
  rows, everywhere = by_rows(mesh), replicated(mesh)
  arguments = jax.device_put(arguments, (rows, everywhere, rows))
  with jax.set_mesh(mesh):
    run = jax.jit(functools.partial(_pulled_back, function))
    _, _, gradient = run(*arguments)
  assert gradient.sharding.is_fully_replicated
  assert _error(gradient, expected) < 1e-6


def test_a_biass_gradient_is_summed_in_float32():
  """In bfloat16 a sum of 4096 ones would stop at 256."""
  x, kernel = jnp.ones((4096, 2)), jnp.ones((2, 3))

  def total(bias):
    params = {"kernel": kernel, "bias": bias}
    return Dense(3, _BFLOAT16).apply({"params": params}, x).sum()

  gradient = jax.jit(jax.grad(total))(jnp.zeros(3))
  np.testing.assert_array_equal(gradient, np.full(3, 4096, np.float32))


@pytest.mark.skipif(
  jnp.dtype("bfloat16") not in status().dtypes,
  reason=f"no oneDNN with bfloat16: {status().reason or 'this processor'}",
)
def test_oneDNN_takes_the_kernel_as_it_is_stored():
  x, kernel = jnp.ones((4, 8, 8, 5), jnp.bfloat16), jnp.ones((3, 3, 5, 6))

  def total(x, kernel):
    return convolve(x, kernel).astype(jnp.float32).sum()

  gradients = jax.jit(jax.grad(total, (0, 1)))
  text = gradients.lower(x, kernel).as_text()
  calls = [line for line in text.splitlines() if "custom_call" in line]
  assert len(calls) == 2  # the forward pass is not needed
  assert all("tensor<3x3x5x6xf32>" in call for call in calls)
  assert "tensor<3x3x5x6xbf16>" not in text


@pytest.mark.parametrize("implementation", ["auto", "xla"])
@pytest.mark.parametrize(
  ("images", "kernel"),
  [("float32", "bfloat16"), ("float16", "bfloat16"), ("uint8", "float32")],
)
def test_a_kernel_of_another_dtype_must_be_wider(
  implementation, images, kernel
):
  with pytest.raises(TypeError, match="same dtypes"):
    convolve(
      jnp.ones((1, 4, 4, 1), images),
      jnp.ones((3, 3, 1, 1), kernel),
      implementation=implementation,
    )
