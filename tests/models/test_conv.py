"""The convolution against loops, and how its weights start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_testing import quick_jit

from suncet_jax.models import initializers
from suncet_jax.models.conv import Conv
from suncet_jax.models.numerics import Numerics

_FLOAT32 = Numerics(jnp.float32, jnp.float32)


def _convolve_loops(images, kernel, stride):
  b, h, w, _ = images.shape
  size, _, _, features = kernel.shape
  pad = size // 2
  padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
  out = np.zeros((b, -(-h // stride), -(-w // stride), features))
  for i in range(out.shape[1]):
    for j in range(out.shape[2]):
      top, left = i * stride, j * stride
      window = padded[:, top : top + size, left : left + size]
      out[:, i, j] = np.einsum("bhwc,hwcf->bf", window, kernel)
  return out


@pytest.mark.parametrize(
  ("size", "stride", "height"), [(3, 1, 5), (3, 2, 6), (1, 2, 5), (7, 2, 8)]
)
def test_padding_is_symmetric(size, stride, height):
  rng = np.random.default_rng(size)
  images = rng.standard_normal((2, height, 6, 3))
  kernel = rng.standard_normal((size, size, 3, 4))
  conv = Conv(4, size, _FLOAT32, stride=stride)
  params = {"params": {"kernel": jnp.float32(kernel)}}
  ours = conv.apply(params, jnp.float32(images))
  expected = _convolve_loops(images, kernel, stride)
  np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_bias_is_added_and_kernels_start_with_the_variance_of_fan_out():
  conv = Conv(64, 3, _FLOAT32, use_bias=True)
  images = jnp.ones((1, 1, 1, 16))
  params = quick_jit(conv.init)(jax.random.key(0), images)["params"]
  kernel, bias = params["kernel"], params["bias"]
  # 9,216 draws: the standard error of their deviation is 0.7 %.
  assert np.std(kernel) == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.03)
  bound = 1 / np.sqrt(9 * 16)
  assert 0.8 * bound < np.abs(bias).max() <= bound
  plain = Conv(64, 3, _FLOAT32).apply({"params": {"kernel": kernel}}, images)
  with_bias = conv.apply({"params": params}, images)
  np.testing.assert_allclose(
    with_bias - plain, bias[None, None, None], atol=1e-6
  )


def test_dense_kernels_start_uniform_in_the_fan_in():
  kernel = initializers.uniform_fan_in(jax.random.key(1), (100, 50))
  assert 0.099 < np.abs(kernel).max() <= 0.1 + 1e-7
  assert np.std(kernel) == pytest.approx(0.1 / np.sqrt(3), rel=0.03)


def test_bfloat16_computes_in_bfloat16_and_stores_float32():
  conv = Conv(4, 3, Numerics(jnp.bfloat16, jnp.float32))
  images = jnp.ones((1, 4, 4, 2))
  params = jax.eval_shape(lambda: conv.init(jax.random.key(0), images))
  assert params["params"]["kernel"].dtype == jnp.float32
  out = jax.eval_shape(conv.apply, params, images)
  assert out.dtype == jnp.bfloat16


def test_padding_may_be_given():
  images, kernel = jnp.ones((1, 6, 6, 1)), jnp.ones((3, 3, 1, 1))
  shapes = {
    (): (1, 3, 3, 1),
    ("SAME",): (1, 3, 3, 1),
    ("VALID",): (1, 2, 2, 1),
    (((0, 3), (2, 1)),): (1, 4, 4, 1),
  }
  for padding, shape in shapes.items():
    given = {"padding": padding[0]} if padding else {}
    conv = Conv(1, 3, _FLOAT32, stride=2, **given)
    assert conv.apply({"params": {"kernel": kernel}}, images).shape == shape
  # "SAME" pads an even size only at its end, the default on both sides.
  same = Conv(1, 3, _FLOAT32, stride=2, padding="SAME")
  default = Conv(1, 3, _FLOAT32, stride=2)
  corner = [
    float(conv.apply({"params": {"kernel": kernel}}, images)[0, 0, 0, 0])
    for conv in (same, default)
  ]
  assert corner == [9, 4]


def test_the_implementation_is_one_value_and_not_in_the_parameters():
  images = jnp.ones((2, 6, 6, 3))
  numerics = {
    name: Numerics(jnp.float32, jnp.float32, name) for name in ("auto", "xla")
  }
  convs = {name: Conv(4, 3, numerics[name]) for name in numerics}
  params = {
    name: conv.init(jax.random.key(0), images) for name, conv in convs.items()
  }
  jax.tree.map(np.testing.assert_array_equal, params["auto"], params["xla"])
  text = jax.jit(convs["xla"].apply).lower(params["auto"], images).as_text()
  assert "custom_call" not in text
  np.testing.assert_allclose(
    convs["auto"].apply(params["auto"], images),
    convs["xla"].apply(params["auto"], images),
    rtol=1e-5,
    atol=1e-6,
  )
