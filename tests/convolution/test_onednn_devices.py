"""Convolutions on a mesh: XLA's, and right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual
import windows
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from suncet_jax.convolution import convolve

ROWS = PartitionSpec("data")


def _loss(images, kernel):
  return jnp.tanh(convolve(images, kernel)).sum()


_gradients = jax.grad(_loss, (0, 1))


def _assert_close(found, images, kernel):
  for ours, expected in zip(found, _gradients(images, kernel), strict=True):
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_several_devices_take_xlas_and_gather_no_images():
  mesh = virtual.mesh(4)
  images, kernel = windows.arrays((8, 6, 6, 3), (3, 3, 3, 4))
  images = jax.device_put(images, NamedSharding(mesh, ROWS))
  kernel = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
  assert not windows.uses_onednn(_gradients, images, kernel)
  compiled = jax.jit(_gradients).lower(images, kernel).compile()
  text = compiled.as_text()
  assert "all-gather" not in text
  assert "all-reduce" in text  # of the kernel's gradient
  found = compiled(images, kernel)
  assert found[0].sharding.spec == ROWS
  _assert_close(found, *windows.arrays((8, 6, 6, 3), (3, 3, 3, 4)))


def test_a_mesh_of_one_device_takes_onednns():
  mesh = virtual.mesh(1)
  images, kernel = windows.arrays((8, 6, 6, 3), (3, 3, 3, 4))
  images = jax.device_put(images, NamedSharding(mesh, ROWS))
  kernel = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
  assert windows.uses_onednn(_gradients, images, kernel)
  _assert_close(jax.jit(_gradients)(images, kernel), images, kernel)


@pytest.mark.parametrize("check_vma", [True, False])
def test_inside_shard_map(check_vma):
  images, kernel = windows.arrays((8, 6, 6, 3), (3, 3, 3, 4))

  @functools.partial(
    jax.shard_map,
    mesh=virtual.mesh(4),
    in_specs=(ROWS, PartitionSpec()),
    out_specs=(ROWS, PartitionSpec()),
    check_vma=check_vma,
  )
  def gradients(images, kernel):
    image_gradient, kernel_gradient = _gradients(images, kernel)
    if not check_vma:  # otherwise JAX adds it: the kernel is replicated
      kernel_gradient = jax.lax.psum(kernel_gradient, "data")
    return image_gradient, kernel_gradient

  _assert_close(jax.jit(gradients)(images, kernel), images, kernel)


def test_inside_pmap():
  images, kernel = windows.arrays((8, 6, 6, 3), (3, 3, 3, 4))
  outputs = jax.pmap(convolve, in_axes=(0, None))(
    images.reshape(4, 2, 6, 6, 3), kernel
  )
  np.testing.assert_allclose(
    outputs.reshape(8, 6, 6, 4), convolve(images, kernel), rtol=1e-5, atol=1e-6
  )


@pytest.mark.parametrize("devices", [1, 4])
def test_on_an_explicit_mesh(devices):
  mesh = jax.make_mesh(
    (devices,),
    ("data",),
    axis_types=(AxisType.Explicit,),
    devices=jax.devices()[:devices],
  )
  plain = windows.arrays((8, 6, 6, 3), (3, 3, 3, 4))
  images = jax.device_put(plain[0], NamedSharding(mesh, ROWS))
  kernel = jax.device_put(plain[1], NamedSharding(mesh, PartitionSpec()))
  with jax.set_mesh(mesh):
    found = jax.jit(_gradients)(images, kernel)
  _assert_close(found, *plain)
