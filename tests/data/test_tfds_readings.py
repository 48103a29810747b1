"""Each way of reading with each file format of TFDS, and odd images."""

import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from suncet_jax.check.advice import Asked
from suncet_jax.check.inspection import inspect
from suncet_jax.config import base
from suncet_jax.data.load import load
from suncet_jax.data.pipeline import open_data
from suncet_jax.data.tfds import memory
from suncet_jax.prepare.prepare import prepare
from suncet_jax.train.run import run

_PIXELS = np.random.RandomState(0).randint(0, 256, (24, 8, 8, 4), np.uint8)
_FORMATS = ("tfrecord", "array_record", "parquet")


class Odd(tfds.core.GeneratorBasedBuilder):
  """Small images of one size, of any number of channels and dtype."""

  VERSION = tfds.core.Version("1.0.0")
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name=name)
    for name in ("c1", "c2", "c3", "c4", "uint16", "float32", "jpeg")
  ]

  def _info(self):
    name = self.builder_config.name
    channels = int(name[1]) if name.startswith("c") else 1
    image = tfds.features.Image(
      shape=(8, 8, 3 if name == "jpeg" else channels),
      dtype=np.dtype(name if "t" in name else "uint8"),
      encoding_format="jpeg" if name == "jpeg" else "png",
    )
    label = tfds.features.ClassLabel(names=["a", "b"])
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict({"image": image, "label": label}),
    )

  def _split_generators(self, manager):
    del manager
    return {
      "train": self._generate_examples(24),
      "test": self._generate_examples(6),
    }

  def _generate_examples(self, count):
    image = self.info.features["image"]
    for i in range(count):
      pixels = _PIXELS[i, ..., : image.shape[-1]].astype(image.np_dtype)
      yield i, {"image": pixels, "label": i % 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
  """Returns a function that prepares a data set once and returns its folder."""
  made = {}

  def prepare_once(name, file_format):
    if (name, file_format) not in made:
      folder = tmp_path_factory.mktemp("tfds")
      Odd(
        config=name, data_dir=folder, file_format=file_format
      ).download_and_prepare()
      made[name, file_format] = folder
    return made[name, file_format]

  return prepare_once


def _config(folder, name, reading):
  config = base()
  config.data.source, config.data.tfds_name = "tfds", f"odd/{name}"
  config.data.data_dir, config.data.reading = str(folder), reading
  config.data.resize = config.data.centre_crop = 8
  config.data.batch_size = 8
  config.data.labelled.per_class = 4
  config.evals.every_epochs = 0.0
  config.data.labelled.classes_per_batch = 2
  return config


def _by_content(source):
  """All images and labels, in an order that no format decides."""
  (images,) = source.images([np.arange(len(source.labels))])
  order = np.lexsort(images.reshape(len(images), -1).T)
  return images[order], source.labels[order]


@pytest.mark.parametrize("file_format", _FORMATS)
@pytest.mark.parametrize("reading", ["memory", "random", "streaming"])
def test_a_reading_takes_a_format_or_says_what_to_do(
  prepared, reading, file_format
):
  needed = {"random": "array_record", "streaming": "tfrecord"}.get(reading)
  folder = prepared("c3", file_format)
  config = _config(folder, "c3", reading)
  if needed not in (None, file_format):
    with pytest.raises(
      ValueError,
      match=rf"available as {file_format}, but data.reading={reading} needs "
      rf"{needed}. Convert it with 'python -m suncet_jax.prepare "
      rf"--dataset=odd/c3 --file_format={needed} --data_dir={folder}'",
    ):
      load(config)
    return
  images, labels = _by_content(load(config).train)
  wanted = load(_config(prepared("c3", "tfrecord"), "c3", "memory")).train
  for ours, theirs in zip((images, labels), _by_content(wanted), strict=True):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["c1", "jpeg"])
def test_memory_holds_the_same_bits_from_each_format(prepared, name):
  found = [
    _by_content(load(_config(prepared(name, kind), name, "memory")).train)
    for kind in _FORMATS
  ]
  assert found[0][0].shape == (24, 8, 8, 3 if name == "jpeg" else 1)
  for images, labels in found[1:]:
    np.testing.assert_array_equal(images, found[0][0])
    np.testing.assert_array_equal(labels, found[0][1])


def test_each_format_converts_to_what_a_reading_needs(prepared, tmp_path):
  """By the command that the message names."""
  shutil.copytree(prepared("c3", "parquet"), tmp_path, dirs_exist_ok=True)
  for kind in ("array_record", "tfrecord"):
    prepare("odd/c3", data_dir=str(tmp_path), manual_dir=None, file_format=kind)
  wanted = load(_config(prepared("c3", "parquet"), "c3", "memory")).train
  for reading in ("memory", "random", "streaming"):
    found = _by_content(load(_config(tmp_path, "c3", reading)).train)
    for ours, theirs in zip(found, _by_content(wanted), strict=True):
      np.testing.assert_array_equal(ours, theirs)


def test_a_format_that_cannot_be_read_here(prepared, monkeypatch):
  """As riegeli's, whose library has no wheel."""

  def fail(*args):
    raise ModuleNotFoundError("No module named 'riegeli'")

  monkeypatch.setattr(memory, "_whole", fail)
  with pytest.raises(ValueError) as caught:
    load(_config(prepared("c3", "tfrecord"), "c3", "memory"))
  message = str(caught.value)
  assert "No module named 'riegeli'. data.reading=memory needs" in message
  assert "suncet_jax.prepare --dataset=odd/c3 --file_format=tfrec" in message


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("c2", "images of odd have 2 channels; expected 1 or 3"),
    ("c4", r"images of odd have 4 channels; .*data.reading=random or str"),
    ("uint16", "images of odd are uint16; expected uint8"),
    ("float32", "images of odd are float32; expected uint8"),
  ],
)
def test_images_that_are_no_input_are_refused(prepared, name, message):
  with pytest.raises(ValueError, match=message):
    open_data(_config(prepared(name, "tfrecord"), name, "memory"))


def test_transparency_is_dropped_from_image_files(prepared):
  """As the message promises."""
  config = _config(prepared("c4", "array_record"), "c4", "random")
  images, _ = _by_content(open_data(config).train)
  order = np.lexsort(_PIXELS[..., :3].reshape(24, -1).T)
  np.testing.assert_array_equal(images, _PIXELS[order][..., :3])


def test_check_and_run_refuse_alike(prepared, tmp_path):
  config = _config(prepared("c4", "tfrecord"), "c4", "memory")
  asked = Asked("configs/folder.py", {})
  for answer in (
    lambda config: inspect(config, [], asked),
    lambda config: run(config, tmp_path / "run"),
  ):
    with pytest.raises(ValueError, match="images of odd have 4 channels"):
      answer(config)
