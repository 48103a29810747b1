"""Every example once, and one compilation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from suncet_jax.evals import embed

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), np.uint8)


def _batches(size):
  return [IMAGES[i : i + size] for i in range(0, len(IMAGES), size)]


def _features(images):
  flat = images.reshape(images.shape[0], -1).astype(jnp.float32)
  return {"features": flat, "mean": flat.mean(axis=1)}


@pytest.mark.parametrize("size", [1, 4, 5, 10])
def test_batches_do_not_matter(size):
  result = embed.embed(jax.jit(_features), iter(_batches(size)))
  assert isinstance(result["features"], np.ndarray)
  np.testing.assert_array_equal(result["features"], IMAGES.reshape(10, -1))
  np.testing.assert_allclose(
    result["mean"], IMAGES.mean(axis=(1, 2, 3)), rtol=1e-6
  )


def test_every_call_has_the_same_shape():
  shapes = []

  def apply(images):
    shapes.append(images.shape)
    return images[:, 0, 0]

  result = embed.embed(apply, _batches(4))
  assert shapes == [(4, 4, 4, 3)] * 3
  np.testing.assert_array_equal(result, IMAGES[:, 0, 0])


def test_few_images_on_a_mesh():
  mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
  sharding = NamedSharding(mesh, PartitionSpec("data"))
  apply = jax.jit(_features)

  result = embed.embed(
    lambda images: apply(jax.device_put(images, sharding)),
    [IMAGES],
    batch_size=16,
  )

  np.testing.assert_array_equal(result["features"], IMAGES.reshape(10, -1))


def test_fetches_before_a_third_batch_is_in_flight():
  taken = []

  def batches():
    for index, batch in enumerate(_batches(2)):
      taken.append(index)
      yield batch

  class Result:
    """Notes how many batches had been taken when it was fetched."""

    def __init__(self, rows):
      self.rows = rows

    def __array__(self, dtype=None, copy=None):
      fetched.append(len(taken))
      return self.rows

  fetched = []
  embed.embed(lambda images: Result(images[:, 0, 0, 0]), batches())
  assert fetched == [2, 3, 4, 5, 5]


@pytest.mark.parametrize(
  ("batches", "batch_size", "message"),
  [
    ([], None, "empty"),
    ([IMAGES[:2], IMAGES[:3]], None, "3 rows, expected 1 to 2"),
    ([IMAGES[:3]], 2, "3 rows, expected 1 to 2"),
    ([IMAGES[:0]], None, "0 rows"),
  ],
)
def test_refuses_batches_that_do_not_fit(batches, batch_size, message):
  with pytest.raises(ValueError, match=message):
    embed.embed(_features, batches, batch_size=batch_size)


def test_refuses_results_without_a_row_for_each_image():
  with pytest.raises(ValueError, match=r"4 rows.*got shape \(3,\)"):
    embed.embed(lambda images: images.mean(axis=(0, 1, 2)), _batches(4))
