"""What is used of JAX beyond its public interface does what it did.

`jax.interpreters`, `jax.extend.core.Primitive`, the lowering context's number
of devices, and handlers of the FFI: .ci/newest runs this with the newest JAX. A
name that is gone fails at import; a number that is no longer told would not.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from suncet_jax.convolution import convolve, library
from suncet_jax.losses import _partition

_ROWS = PartitionSpec("data")


def _mesh(count):
  return jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,))


def _split(array, count):
  return jax.device_put(array, NamedSharding(_mesh(count), _ROWS))


@jax.jit
def _counted(array):
  return array.sum() * 0 + _partition.device_count()


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_lowered_program_knows_its_devices(count):
  assert _counted(_split(jnp.ones(8), count)) == count


def test_inside_shard_map_each_device_has_its_own_program():
  mapped = jax.shard_map(
    lambda rows: rows * 0 + _partition.device_count(),
    mesh=_mesh(8),
    in_specs=_ROWS,
    out_specs=_ROWS,
  )
  assert (jax.jit(mapped)(jnp.ones(8)) == 1).all()
  assert _partition.device_count() == 1  # without jit


@pytest.mark.parametrize("count", [1, 8])
def test_whole_arrays_are_on_every_device(count):
  array = _split(jnp.arange(16.0).reshape(8, 2), count)
  whole = jax.jit(_partition.replicate)(array)
  assert whole.sharding.is_fully_replicated
  np.testing.assert_array_equal(whole, array)
  np.testing.assert_array_equal(_partition.replicate(array), array)


def test_they_can_be_differentiated_and_mapped():
  array = _split(jnp.arange(16.0).reshape(8, 2), 8)

  @jax.jit
  def squares(array):
    return (_partition.replicate(array) ** 2).sum()

  np.testing.assert_allclose(jax.grad(squares)(array), 2 * array)
  _, tangent = jax.jvp(squares, (array,), (jnp.ones_like(array),))
  np.testing.assert_allclose(tangent, 2 * array.sum())
  np.testing.assert_allclose(
    jax.jit(jax.vmap(_partition.replicate))(array), array
  )


def test_the_native_convolutions_load_or_say_why():
  status = library.status()
  assert bool(status.version) != bool(status.reason)
  assert "does not load" not in status.reason  # built for another jaxlib


def _convolved(images, kernel, implementation):
  """Returns the outputs, and the gradients of the sum of their squares."""

  def loss(images, kernel):
    outputs = convolve(
      images,
      kernel,
      strides=(2, 2),
      padding=((1, 1), (1, 1)),
      implementation=implementation,
    )
    return (outputs**2).sum(), outputs

  grad = jax.value_and_grad(loss, (0, 1), has_aux=True)
  (_, outputs), gradients = jax.jit(grad)(images, kernel)
  return outputs, *gradients


@pytest.mark.parametrize("count", [1, 2])
def test_a_primitive_lowers_for_one_device_and_for_several(count):
  images, kernel = (
    jax.random.normal(jax.random.key(0), shape)
    for shape in ((4, 6, 6, 3), (3, 3, 3, 4))
  )
  whole = jax.device_put(kernel, NamedSharding(_mesh(count), PartitionSpec()))
  ours = _convolved(_split(images, count), whole, "auto")
  expected = _convolved(images, kernel, "xla")
  for array, of_xla in zip(ours, expected, strict=True):
    np.testing.assert_allclose(array, of_xla, rtol=1e-4, atol=1e-4)
