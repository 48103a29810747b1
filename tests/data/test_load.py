"""Sources: digits, TFDS in memory, image files with random access."""

import itertools
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from suncet_jax.config import base
from suncet_jax.data.load import load
from suncet_jax.data.source import Crop, Request

_CROP = Crop(16, (0.2, 1.0), (3 / 4, 4 / 3))
_SMALL = Crop(6, (0.05, 0.14), (3 / 4, 4 / 3))


@pytest.fixture
def config(colour_blocks):
  config = base()
  config.data.source = "tfds"
  config.data.tfds_name = "colour_blocks"
  config.data.data_dir = colour_blocks
  config.data.test_split = "validation"
  config.data.reading = "random"
  config.data.resize, config.data.centre_crop = 36, 32
  return config


def test_digits_are_whole_and_stratified():
  digits = load(base())
  train, test = digits.train, digits.test
  assert train.labels.size + test.labels.size == 1797
  assert train.image_shape == (8, 8, 1)
  assert train.pixels.dtype == np.uint8
  assert train.pixels.max() == 255
  share = np.bincount(test.labels) / np.bincount(train.labels)
  assert share.min() > 0.23  # a fifth of each class
  assert share.max() < 0.26


def test_jpeg_labels_and_names_match_the_images(config):
  dataset = load(config)
  train = dataset.train
  assert dataset.class_names == ("red", "green", "blue")
  assert sorted(train.names) == [f"image{i:02d}.JPEG" for i in range(30)]
  indices = np.arange(30)
  batches = list(train.images([indices[:20], indices[20:]]))
  assert [batch.shape for batch in batches] == [
    (20, 32, 32, 3),
    (10, 32, 32, 3),
  ]
  images = np.concatenate(batches)
  assert images.dtype == np.uint8
  np.testing.assert_array_equal(images.mean((1, 2)).argmax(1), train.labels)


def test_the_index_is_read_from_its_file_the_second_time(config, caplog):
  load(config)
  caplog.clear()
  again = load(config)
  assert "Reading" not in caplog.text
  assert len(again.train.names) == 30


def _rows(indices, views=2, seed=0):
  draws = np.random.RandomState(seed).rand(len(indices), views, 22)
  return Request(np.asarray(indices), draws)


def test_views_are_a_function_of_their_draws(config):
  train = load(config).train
  rows = [_rows([3, 1, 2], seed=s) for s in (0, 1, 0)]
  first, _, again = train.views(rows, [_CROP, _SMALL])
  assert [view.shape for view in first] == [(3, 16, 16, 3), (3, 6, 6, 3)]
  for a, b in zip(first, again, strict=True):
    np.testing.assert_array_equal(a, b)
    colours = a.mean((1, 2)).argmax(1)
    np.testing.assert_array_equal(colours, train.labels[[3, 1, 2]])


def test_a_view_does_not_depend_on_the_batch_around_it(config):
  train = load(config).train
  rows = _rows(range(20))
  ((together, _),) = train.views([rows], [_CROP, _CROP])
  for part in (slice(0, 7), slice(7, 8), slice(8, 20)):
    alone = Request(rows.indices[part], rows.draws[part])
    ((single, _),) = train.views([alone], [_CROP, _CROP])
    np.testing.assert_array_equal(single, together[part])


def test_views_come_in_order_from_an_endless_stream(config):
  train = load(config).train
  endless = (_rows([i % 30]) for i in itertools.count())
  labels = [
    int(batch[0].mean((0, 1, 2)).argmax())
    for batch in itertools.islice(train.views(endless, [_CROP, _CROP]), 12)
  ]
  assert labels == train.labels[:12].tolist()


def test_a_damaged_record_is_a_bad_image(config, tmp_path, caplog):
  copy = shutil.copytree(config.data.data_dir, tmp_path / "tfds")
  config.data.data_dir = str(copy)
  config.data.max_bad_fraction = 0.5
  sound = np.concatenate(list(load(config).train.images([np.arange(30)])))
  (file,) = copy.glob("**/*train.array_record*")
  content = bytearray(file.read_bytes())
  middle = content.index(b"JFIF", len(content) // 100)
  content[middle : middle + 40] = bytes(40)
  file.write_bytes(content)
  damaged = np.concatenate(list(load(config).train.images([np.arange(30)])))
  changed = (damaged != sound).any(axis=(1, 2, 3))
  assert changed.sum() == 1
  assert (damaged[changed] == 128).all()
  assert "Corrupted Riegeli" in caplog.text


def test_an_unknown_test_split_is_an_error(config):
  config.data.test_split = "test"
  with pytest.raises(
    ValueError, match=r"no split 'test', only train, validation"
  ):
    load(config)


def test_an_unknown_data_set_is_an_error(config):
  config.data.tfds_name = "no_such_images"
  with pytest.raises(ValueError, match="no_such_images"):
    load(config)


def test_images_of_many_sizes_cannot_be_one_array(config):
  config.data.reading = "memory"
  with pytest.raises(ValueError, match=r"config\.data\.reading=random"):
    load(config)


def test_fashion_mnist_in_memory():
  if not any(tfds.builder("fashion_mnist").data_path.glob("*-train*")):
    pytest.skip("TFDS fashion_mnist is not prepared here (tools/ has a script)")
  config = base()
  config.data.source, config.data.tfds_name = "tfds", "fashion_mnist"
  dataset = load(config)
  assert dataset.train.pixels.shape == (60000, 28, 28, 1)
  assert dataset.test.pixels.shape == (10000, 28, 28, 1)
  assert np.bincount(dataset.train.labels).tolist() == [6000] * 10
  assert len(dataset.class_names) == 10
