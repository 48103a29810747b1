"""A kernel that is wider than the images, on accelerators that are not here."""

import re

import jax
import jax.numpy as jnp
import pytest

from suncet_jax.convolution import convolve


@pytest.mark.parametrize(
  ("platform", "dtype"), [("tpu", "f32"), ("cuda", "bf16")]
)
def test_nvidia_gpus_return_the_gradient_in_bfloat16(platform, dtype):
  # Of one in float32 XLA would convert all images and outputs first.
  images = jax.ShapeDtypeStruct((2, 8, 8, 4), jnp.bfloat16)
  kernel = jax.ShapeDtypeStruct((3, 3, 4, 8), jnp.float32)

  def loss(images, kernel):
    return convolve(images, kernel, implementation="xla").sum()

  gradient = jax.jit(jax.grad(loss, argnums=1))
  lowered = gradient.trace(images, kernel).lower(lowering_platforms=(platform,))
  found = re.findall(
    r"stablehlo\.convolution.* -> tensor<3x3x4x8x(\w+)>", lowered.as_text()
  )
  assert found == [dtype]
  assert lowered.out_info.dtype == jnp.float32
