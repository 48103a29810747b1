"""Many views through one forward pass, without moving rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.methods import make_encode
from suncet_jax.methods.encode import pack, unpack
from suncet_jax.models import Model, Outputs


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_unpack_undoes_pack(devices):
  arrays = [jnp.arange(n * 3.0).reshape(n, 3) + 100 * n for n in (4, 8, 4)]
  packed = pack(arrays, devices)
  assert packed.shape == (16, 3)
  for back, array in zip(
    unpack(packed, [4, 8, 4], devices), arrays, strict=True
  ):
    np.testing.assert_array_equal(back, array)


def test_each_device_keeps_its_rows():
  first, second = jnp.arange(4), 10 + jnp.arange(4)
  # Of two devices the first holds rows 0 and 1 of either array.
  assert pack([first, second], 2).tolist() == [0, 1, 10, 11, 2, 3, 12, 13]


class _Recorder(Model):
  """Counts forward passes; features are means, projections twice that."""

  def __init__(self):
    object.__setattr__(self, "batches", [])

  def apply(self, params, batch_stats, images, *, train):
    assert train
    self.batches.append(images.shape)
    features = params * images.mean((1, 2))
    return Outputs(features, 2 * features), batch_stats + 1


def test_views_of_one_size_share_a_pass_and_statistics_go_through_all():
  model = _Recorder()
  sizes = [8, 4, 8, 4, 4]
  views = [
    jnp.full((6, size, size, 1), float(i)) for i, size in enumerate(sizes)
  ]
  outputs, stats = make_encode(model, 2)(jnp.array(3.0), 0, views)
  assert model.batches == [(12, 8, 8, 1), (18, 4, 4, 1)]
  assert stats == 2
  for i, out in enumerate(outputs):
    np.testing.assert_allclose(out.features, np.full((6, 1), 3.0 * i))
    np.testing.assert_allclose(out.projection, np.full((6, 1), 6.0 * i))


def test_no_row_moves_between_devices():
  mesh = jax.make_mesh(
    (4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
  arrays = [jax.device_put(jnp.ones((n, 5)), rows) for n in (8, 4)]
  program = (
    jax.jit(lambda *a: pack(a, 4), out_shardings=rows).lower(*arrays).compile()
  )
  for collective in ("all-gather", "all-to-all", "collective-permute"):
    assert collective not in program.as_text()
