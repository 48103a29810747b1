"""Images in memory as a data set, and a run on them."""

import json

import numpy as np
import pytest
import running

from suncet_jax.config import base
from suncet_jax.data import Dataset, arrays, from_arrays
from suncet_jax.data.arrays import ArraySource
from suncet_jax.data.load import load
from suncet_jax.data.pipeline import open_data


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 6, 3)])
def test_arrays_become_a_source(shape):
  images = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
  source = from_arrays(images, np.array([0, 1, -1, 1, 0]))
  assert source.image_shape == (*shape[1:], 1)[:3]
  assert source.labels.dtype == np.int32
  (some,) = source.images([np.array([3, 1])])
  np.testing.assert_array_equal(
    some.reshape(2, -1), images[[3, 1]].reshape(2, -1)
  )


def test_without_labels_all_are_unlabelled():
  source = from_arrays(np.zeros((3, 4, 4), np.uint8))
  assert source.labels.tolist() == [-1, -1, -1]


_TWO = np.zeros((2, 4, 4), np.uint8)


@pytest.mark.parametrize(
  ("images", "labels", "error", "message"),
  [
    (np.zeros((2, 4, 4)), [0, 1], TypeError, "float64, expected uint8"),
    (np.zeros((9, 9, 3), np.uint8), None, ValueError, r"images\[None\]"),
    (np.zeros((2, 4), np.uint8), [0, 1], ValueError, r"shape \(2, 4\)"),
    (np.zeros((2, 4, 4, 4), np.uint8), [0, 1], ValueError, "c 1 or 3"),
    (np.zeros((2, 4, 4, 4), np.uint8), [0, 1], ValueError, r"images\[..., :-1"),
    (np.zeros((2, 4, 4, 2), np.uint8), [0, 1], ValueError, r"images\[..., :-1"),
    (np.zeros((2, 3, 4, 4), np.uint8), [0, 1], ValueError, r"moveaxis\(images"),
    (np.zeros((2, 1, 4, 4), np.uint8), [0, 1], ValueError, r"moveaxis\(images"),
    (np.zeros((0, 4, 4), np.uint8), [], ValueError, "at least one image"),
    (np.zeros((2, 4, 4), np.uint8), [0.5, 1], TypeError, "expected integers"),
    (np.zeros((2, 4, 4), np.uint8), [0], ValueError, "one per image"),
    (np.zeros((2, 4, 4), np.uint8), [0, -2], ValueError, "label -2 of image 1"),
    (
      _TWO,
      [0, 2**32 + 1],
      ValueError,
      "label 4294967297 of image 1.*2147483647",
    ),
    (_TWO, [2**63, -1], ValueError, f"label {2**63} of image 0"),
    (_TWO, np.array([0, 2**64 - 1], np.uint64), ValueError, "of image 1"),
    (_TWO, [0, -(2**33)], ValueError, f"label -{2**33} of image 1"),
    (_TWO, np.eye(2, dtype=int), ValueError, r"labels\.argmax\(axis=1\)"),
    (_TWO, np.ma.masked_less([0, -1], 0), TypeError, r"labels\.filled\(-1\)"),
    (_TWO, ["cat", "dog"], TypeError, r"np\.unique\(labels"),
  ],
)
def test_what_is_wrong_is_named(images, labels, error, message):
  with pytest.raises(error, match=message):
    from_arrays(images, labels)


_NOTEBOOK = f"""
import sys
sys.path.insert(0, {str(running.ROOT / "configs")!r})
import digits
from suncet_jax.config import validate
from suncet_jax.data import Dataset, from_arrays
from suncet_jax.data.load import load
from suncet_jax.train.run import run

config = digits.get_config("epochs=1,labels=3")
config.evals.final = ("knn",)
config.log.tensorboard = False
given = load(config)
config.data.source = "arrays"
validate(config)
labels = given.train.labels.copy()
labels[::3] = -1
mine = Dataset(
  "mine",
  from_arrays(given.train.pixels, labels),
  from_arrays(given.test.pixels, given.test.labels),
  given.class_names,
)
run(config, %r, dataset=mine)
"""


@pytest.mark.slow
def test_arrays_train_as_in_a_notebook(tmp_path):
  code, output = running.run_code(_NOTEBOOK % str(tmp_path))
  assert code == 0, output
  assert "mine: 1,242 unlabelled, 30 labelled (10 classes)" in output
  result = json.loads((tmp_path / "result.json").read_text())
  assert 0 < result["metrics"]["knn_top1"] <= 1


def _open(shape, class_names, labels=(0,) * 8):
  config = base()
  config.data.source = "arrays"
  config.data.batch_size = 4
  config.data.labelled.per_class = 2
  config.data.labelled.classes_per_batch = len(class_names)
  source = ArraySource(np.zeros(shape, np.uint8), np.array(labels, np.int32))
  return open_data(config, Dataset("mine", source, source, class_names))


def test_one_class_is_warned_of(caplog):
  _open((8, 4, 4, 1), ("a", "b"), (0, 1) * 4)
  assert "one class" not in caplog.text
  _open((8, 4, 4, 1), ("only",))
  assert "All images are of one class, only: every accuracy" in caplog.text
  assert "100 %" in caplog.text


def test_test_images_that_are_trained_on_are_warned_of(caplog):
  _open((8, 4, 4, 1), ("a", "b"), (0, 1) * 4)
  assert "8 of 8 test images are training images too, pixel for" in caplog.text


@pytest.mark.parametrize("channels", [2, 4])
def test_a_source_of_one_s_own_has_one_or_three_channels(channels):
  with pytest.raises(ValueError, match=f"images of mine have {channels} chan"):
    _open((8, 4, 4, channels), ("a",))


def test_a_configuration_of_arrays_needs_them():
  config = base()
  config.data.source = "arrays"
  with pytest.raises(ValueError, match="dataset="):
    load(config)


@pytest.mark.parametrize("has_file", [True, False])
def test_digits_are_those_of_scikit_learn(has_file, monkeypatch):
  from sklearn import datasets  # a second, which a run does not wait for

  if not has_file:  # a version that keeps it elsewhere
    monkeypatch.setattr(arrays.Path, "exists", lambda path: False)
  found, known = arrays.digits(), datasets.load_digits()
  assert found.class_names == tuple(map(str, known.target_names))
  pixels = np.concatenate([found.train.pixels, found.test.pixels])
  sums = np.rint(known.images * (255 / 16)).sum(axis=(1, 2))
  assert sorted(pixels.sum(axis=(1, 2, 3))) == sorted(sums)
  labels = np.concatenate([found.train.labels, found.test.labels])
  assert sorted(labels) == sorted(known.target)
