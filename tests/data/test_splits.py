"""Labelled, held-out and unlabelled images."""

import numpy as np
import pytest

from suncet_jax.config import base
from suncet_jax.data.sampling.samplers import check_every_class, check_pool
from suncet_jax.data.splits import make_splits

_LABELS = np.repeat(np.arange(3), [40, 20, 10])


def _config(**labelled):
  config = base()
  config.data.validation.per_class = 4
  config.data.labelled.update(labelled)
  return config


def _split(config, names=None, labels=_LABELS):
  return make_splits(labels, names, config, ("ant", "bee", "cat"))


def test_counts_per_class():
  splits = _split(_config(per_class=3))
  assert np.bincount(_LABELS[splits.labelled]).tolist() == [3, 3, 3]
  assert np.bincount(_LABELS[splits.validation]).tolist() == [4, 4, 4]
  assert not set(splits.labelled) & set(splits.validation)
  # All training images but the held-out ones, labelled ones included.
  assert set(splits.pool) == set(range(70)) - set(splits.validation)
  assert set(splits.labelled) < set(splits.pool)


def test_a_fraction_is_of_each_class():
  splits = _split(_config(fraction=0.25))
  assert np.bincount(_LABELS[splits.labelled]).tolist() == [10, 5, 2]


def test_indices_are_plain_numbers(tmp_path):
  path = tmp_path / "list.txt"
  path.write_text("1\r44\r65\r")
  config = _config(file=str(path))
  assert _split(config).labelled.tolist() == [1, 44, 65]
  path.write_text("1\n\xb2\n", "utf-8")
  with pytest.raises(ValueError, match=r"the first is '\xb2'; .* below 70"):
    _split(config)


def test_a_tiny_fraction_leaves_no_class_out():
  splits = _split(_config(fraction=0.01))
  assert np.bincount(_LABELS[splits.labelled]).tolist() == [1, 1, 1]


def test_validation_images_may_stay_in_the_pool():
  config = _config(per_class=3)
  config.data.validation.in_pool = True
  splits = _split(config)
  assert splits.pool.tolist() == list(range(70))
  assert not set(splits.labelled) & set(splits.validation)


def test_the_seed_decides_and_the_split_seed_overrules_it():
  def labelled(seed, split_seed):
    config = _config(per_class=3)
    config.seed, config.data.split_seed = seed, split_seed
    return _split(config).labelled.tolist()

  assert labelled(0, -1) == labelled(0, -1) != labelled(1, -1)
  assert labelled(0, 7) == labelled(1, 7)


def test_a_list_of_names(tmp_path):
  names = [f"image{i}.JPEG" for i in range(70)]
  chosen = [5, 1, 45, 66]
  (tmp_path / "list.txt").write_text("\n".join(names[i] for i in chosen))
  splits = _split(_config(file=str(tmp_path / "list.txt")), names)
  assert splits.labelled.tolist() == [1, 5, 45, 66]
  assert not set(splits.validation) & set(chosen)


def test_a_list_of_indices(tmp_path):
  (tmp_path / "list.txt").write_text("3\n50\n69\n")
  splits = _split(_config(file=str(tmp_path / "list.txt")))
  assert splits.labelled.tolist() == [3, 50, 69]


@pytest.mark.parametrize("line", ["70", "-1", "image.JPEG"])
def test_a_list_with_unknown_images_is_an_error(tmp_path, line):
  (tmp_path / "list.txt").write_text(f"3\n{line}\n")
  with pytest.raises(ValueError, match="1 of 2 lines are not images"):
    _split(_config(file=str(tmp_path / "list.txt")))


def test_a_class_that_is_too_small_is_named():
  with pytest.raises(
    ValueError, match=r"per_class asks for 8 .*fewer are left of cat \(6\)"
  ):
    _split(_config(per_class=8))


def test_classes_without_a_labelled_image_are_named():
  check_every_class(np.array([0, 2, 1]), "abc")
  with pytest.raises(
    ValueError, match=r"class bee, dog \(2 of 4 classes\).*validation"
  ):
    check_every_class(np.array([0, 2, 2]), ("ant", "bee", "cat", "dog"))


def test_a_fraction_that_validation_leaves_no_room_for_is_an_error():
  with pytest.raises(ValueError, match=r"ant has 36 images .* asks for 39"):
    _split(_config(fraction=0.98))


def test_labels_out_of_range_are_named():
  labels = _LABELS.copy()
  labels[17] = 3
  with pytest.raises(ValueError, match="image 17 has label 3, expected 0 to 2"):
    _split(_config(per_class=1), labels=labels)


def test_labelled_images_can_be_taken_out_of_the_pool():
  inside = _split(_config(per_class=3))
  outside = _split(_config(per_class=3, in_pool=False))
  np.testing.assert_array_equal(outside.labelled, inside.labelled)
  np.testing.assert_array_equal(outside.validation, inside.validation)
  assert set(outside.pool) == set(inside.pool) - set(inside.labelled)


def test_a_pool_without_an_image_is_refused_with_what_would_fill_it():
  splits = _split(_config(fraction=1.0, in_pool=False))
  assert splits.pool.size == 0
  with pytest.raises(ValueError, match=r"pool is empty: all .*in_pool=True"):
    check_pool(splits.pool.size, 16)
