"""Many views through one forward pass, without moving rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual

from suncet_jax.methods.encode import ViewEncoder, pack, unpack


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


class _Recorder:
  """Counts forward passes; features are means, each head adds something."""

  def __init__(self, *, shared=()):
    self.heads, self.over_all_views = ("projection", "prototypes"), shared
    self.passes, self.keys = [], []

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    self.passes.append(("backbone", images.shape))
    self.keys.append(key)
    return params * images.mean((1, 2)), batch_stats + train

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    made = dict(outputs)
    for name in names:
      source = made["features" if name == "projection" else "projection"]
      self.passes.append((name, source.shape))
      made[name] = 2 * source
      batch_stats = {**batch_stats, "head": batch_stats["head"] + train}
    return made, batch_stats


_PARAMS = {"backbone": jnp.array(3.0)}
_STATS = {"backbone": 0, "head": 0}


def _views(*sizes):
  return [
    jnp.full((6, size, size, 1), float(i)) for i, size in enumerate(sizes)
  ]


def test_views_of_one_size_share_a_pass_and_statistics_go_through_all():
  model = _Recorder()
  encode = ViewEncoder(model, virtual.mesh(2))
  outputs, stats = encode(_PARAMS, _STATS, _views(8, 4, 8, 4, 4))
  assert model.passes == [
    ("backbone", (12, 8, 8, 1)),
    ("projection", (12, 1)),
    ("prototypes", (12, 1)),
    ("backbone", (18, 4, 4, 1)),
    ("projection", (18, 1)),
    ("prototypes", (18, 1)),
  ]
  assert stats == {"backbone": 2, "head": 4}
  for i, out in enumerate(outputs):
    np.testing.assert_allclose(out["features"], np.full((6, 1), 3.0 * i))
    np.testing.assert_allclose(out["projection"], np.full((6, 1), 6.0 * i))
    np.testing.assert_allclose(out["prototypes"], np.full((6, 1), 12.0 * i))


def test_a_head_over_all_views_sees_the_sizes_together():
  model = _Recorder(shared=("projection", "prototypes"))
  encode = ViewEncoder(model, virtual.mesh(2))
  outputs, _ = encode(_PARAMS, _STATS, _views(8, 4, 8))
  assert model.passes == [
    ("backbone", (12, 8, 8, 1)),
    ("backbone", (6, 4, 4, 1)),
    ("projection", (18, 1)),
    ("prototypes", (18, 1)),
  ]
  for i, out in enumerate(outputs):
    np.testing.assert_allclose(out["prototypes"], np.full((6, 1), 12.0 * i))


def test_in_evaluation_mode_statistics_come_as_they_went():
  encode = ViewEncoder(_Recorder(), virtual.mesh(1))
  _, stats = encode(_PARAMS, _STATS, _views(8, 4), train=False)
  assert stats == _STATS


def test_each_pass_has_a_key_of_its_own():
  model = _Recorder()
  encode = ViewEncoder(model, virtual.mesh(1))
  encode(_PARAMS, _STATS, _views(8, 4), key=jax.random.key(0))
  first, second = map(jax.random.key_data, model.keys)
  assert not np.array_equal(first, second)
  encode(_PARAMS, _STATS, _views(8))
  assert model.keys[-1] is None


@pytest.mark.parametrize("devices", [1, 2])
def test_views_may_be_trees(devices):
  clips = [
    {"video": jnp.full((4, 3, 2), i), "sound": jnp.full((4, 5), 10 + i)}
    for i in range(2)
  ]
  packed = pack(clips, devices)
  assert packed["video"].shape == (8, 3, 2)
  back = unpack(packed, [4, 4], devices)
  jax.tree.map(np.testing.assert_array_equal, back, clips)


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
