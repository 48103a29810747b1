"""bfloat16 on a CPU without instructions for it: rounded, in float32."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import windows

from suncet_jax.convolution import convolve, library, xla

pytestmark = pytest.mark.skipif(
  bool(library.status().reason), reason=library.status().reason
)


@pytest.fixture
def no_bfloat16(monkeypatch):
  """Takes the instructions away, as far as this package can see."""
  found = library.status()
  fewer = found._replace(dtypes=(jnp.dtype("float32"),))
  monkeypatch.setattr(library, "status", lambda: fewer)
  jax.clear_caches()
  yield
  jax.clear_caches()


def _arrays(kernel_dtype):
  images, kernel = windows.arrays((3, 6, 5, 4), (3, 3, 4, 8))
  return images.astype(jnp.bfloat16), kernel.astype(kernel_dtype)


def _value_and_gradients(images, kernel):
  def function(images, kernel):
    outputs = convolve(images, kernel, strides=(2, 1))
    return jnp.sum(jnp.sin(outputs.astype(jnp.float32))), outputs

  return jax.jit(jax.value_and_grad(function, (0, 1), has_aux=True))(
    images, kernel
  )


@pytest.mark.parametrize("kernel_dtype", ["float32", "bfloat16"])
def test_same_as_bfloat16_up_to_sums(no_bfloat16, kernel_dtype):
  images, kernel = _arrays(kernel_dtype)
  (_, outputs), gradients = _value_and_gradients(images, kernel)
  assert outputs.dtype == jnp.bfloat16
  assert [each.dtype for each in gradients] == [jnp.bfloat16, kernel_dtype]
  exact = [np.float32(images), np.float32(kernel.astype(jnp.bfloat16))]
  pads = ((0, 1), (1, 1))
  expected = xla.forward(*map(jnp.asarray, exact), strides=(2, 1), padding=pads)
  # Half a unit of the last place, and what the order of a sum may add.
  np.testing.assert_allclose(
    np.float32(outputs), expected, rtol=2**-8, atol=1e-5
  )
  cotangent = jnp.cos(np.float32(outputs)).astype(jnp.bfloat16)
  _, transposed = jax.vjp(
    lambda *both: xla.forward(*both, strides=(2, 1), padding=pads),
    *map(jnp.asarray, exact),
  )
  for got, wanted in zip(
    gradients, transposed(jnp.float32(cotangent)), strict=True
  ):
    is_half = got.dtype == jnp.bfloat16
    tolerance = 2**-8 if is_half else 1e-5
    np.testing.assert_allclose(
      np.float32(got), wanted, rtol=tolerance, atol=1e-4
    )


def test_products_are_onednn_in_float32(no_bfloat16):
  images, kernel = _arrays("float32")
  assert windows.uses_onednn(convolve, images, kernel)
  text = jax.jit(convolve).lower(images, kernel).as_text()
  [call] = [
    line for line in text.splitlines() if "@suncet_convolution(" in line
  ]
  assert "bf16" not in call
  # Of a conversion there and back the compiler would leave nothing.
  assert "reduce_precision" in text


def test_onednn_is_asked_for_its_instructions():
  limits = {
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX512",
  }
  output = subprocess.run(
    [sys.executable, "-m", "suncet_jax.doctor"],
    env={**os.environ, **limits},
    capture_output=True,
    text=True,
    check=True,
    timeout=240,
  ).stdout
  assert "(one CPU device, float32; bfloat16 is rounded to" in output
  assert "bfloat16     rounded to bfloat16, computed in float32" in output
