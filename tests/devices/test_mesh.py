"""Placing rows on devices, and checks of sizes."""

import jax
import numpy as np
import pytest
import virtual

from suncet_jax import losses
from suncet_jax.devices.mesh import RowPlacement, check_divisible, over_rows


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_rows_come_back_in_order_wherever_they_lie(devices):
  placement = RowPlacement(virtual.mesh(devices), 16)
  assert placement.rows.tolist() == list(range(16))
  local = np.arange(32.0).reshape(16, 2)
  array = placement.put(local)
  np.testing.assert_array_equal(array, local)
  assert len(array.sharding.device_set) == devices
  for shard in array.addressable_shards:
    np.testing.assert_array_equal(shard.data, local[shard.index[0]])


def test_sizes_that_devices_cannot_share_are_named_with_the_nearest():
  check_divisible(virtual.mesh(4), size=8)
  with pytest.raises(ValueError, match=r"size is 10, .* 4 .* valid: 8 or 12"):
    check_divisible(virtual.mesh(4), size=10)
  with pytest.raises(ValueError, match="valid: 4"):
    check_divisible(virtual.mesh(4), size=3)


def test_micro_batches_must_divide_each_devices_rows():
  with pytest.raises(
    ValueError, match=r"is 40, .* in 4 micro-batches. .*valid: 32 or 48"
  ):
    check_divisible(virtual.mesh(4), 4, **{"data.batch_size": 40})
  check_divisible(virtual.mesh(4), 4, **{"data.batch_size": 48})


def test_a_loss_over_rows_is_the_global_loss():
  mesh = virtual.mesh(4)
  rng = np.random.RandomState(0)
  first, second = rng.randn(2, 8, 5).astype(np.float32)
  placement = RowPlacement(mesh, 8)
  sharded = [placement.put(rows) for rows in (first, second)]
  mapped = over_rows(mesh, losses.ntxent)
  value, gradient = jax.jit(jax.value_and_grad(mapped, argnums=(0, 1)))(
    *sharded
  )
  expected, expected_gradient = jax.value_and_grad(
    losses.ntxent, argnums=(0, 1)
  )(first, second)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  for ours, theirs in zip(gradient, expected_gradient, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
