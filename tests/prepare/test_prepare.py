"""Preparing and converting TFDS data sets, on archives of our own."""

import collections
import io
import shutil

import colour_blocks
import pytest
import running
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.datasets.imagenet2012_subset import (
  imagenet2012_subset_dataset_builder as subset,
)

from suncet_jax.data.tfds.formats import formats, use_format
from suncet_jax.files import network
from suncet_jax.prepare import convert
from suncet_jax.prepare.prepare import prepare

photographs = running.load_tool("photographs")

_FORMATS = ("array_record", "tfrecord")
_MODULE = "suncet_jax.prepare"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
  """ImageNet's two archives: 4 classes of 3 images, 6 for validation."""
  folder = tmp_path_factory.mktemp("archives")
  photographs.write_archives(
    folder, classes=4, per_class=3, validation=6, size=(40, 30), kilobytes=None
  )
  return folder


@pytest.fixture(scope="module")
def as_tfrecord(tmp_path_factory):
  """A small data set as tfrecord, in several files."""
  folder = tmp_path_factory.mktemp("tfds")
  _prepare_blocks(folder, "tfrecord")
  return folder


def _prepare_blocks(folder, file_format):
  colour_blocks.ColourBlocks(
    data_dir=folder, file_format=file_format
  ).download_and_prepare(
    download_config=tfds.download.DownloadConfig(num_shards=3)
  )


def _prepare(name, folder, file_format, manual_dir=None):
  prepare(
    name,
    data_dir=str(folder),
    manual_dir=manual_dir and str(manual_dir),
    file_format=file_format,
  )


def _serialized(name, folder, file_format, split):
  """All records, in the order of the files, read by TFDS's own means."""
  builder = tfds.builder(name, data_dir=folder)
  use_format(builder, file_format)
  if file_format == "array_record":
    source = builder.as_data_source(split).data_source
    return [source[i] for i in range(len(source))]
  paths = [str(path) for path in builder.info.splits[split].filepaths]
  return list(tf.data.TFRecordDataset(paths).as_numpy_iterator())


def _image(record):
  features = tf.train.Example.FromString(record).features.feature
  return (
    features["image"].bytes_list.value[0],
    features["label"].int64_list.value[0],
    features["file_name"].bytes_list.value[0].decode(),
  )


@pytest.mark.parametrize("file_format", _FORMATS)
def test_imagenet_from_its_archives(archives, tmp_path, file_format, capsys):
  _prepare("imagenet2012", tmp_path, file_format, archives)
  names, labels = photographs.synsets()
  train = _serialized("imagenet2012", tmp_path, file_format, "train")
  found = collections.Counter()
  for jpeg, label, name in map(_image, train):
    assert name.startswith(f"{names[label]}_")
    assert Image.open(io.BytesIO(jpeg)).size == (40, 30)
    found[label] += 1
  assert len(found) == 4
  assert set(found.values()) == {3}
  rest = _serialized("imagenet2012", tmp_path, file_format, "validation")
  assert sorted(
    (name, names[label]) for _, label, name in map(_image, rest)
  ) == [(f"ILSVRC2012_val_{i:08d}.JPEG", labels[i - 1]) for i in range(1, 7)]

  folder = tmp_path / "imagenet2012" / "5.1.0"
  assert {path.name for path in folder.glob("*.npz")} == {
    path.name for path in folder.glob("suncet_jax-*")
  }
  assert len(list(folder.glob("suncet_jax-*"))) == 2
  said = capsys.readouterr().out
  assert said.index("of disk") < said.index("free: ") < said.index("Ready in")
  assert "12 train, 6 validation examples" in said
  reading = {"array_record": "random", "tfrecord": "streaming"}[file_format]
  for option in (
    "tfds_name=imagenet2012",
    f"data_dir={tmp_path}",
    f"reading={reading}",
    "test_split=validation",
  ):
    assert f"--config.data.{option}" in said


def test_a_subset_takes_its_list(archives, tmp_path, monkeypatch):
  _, labels = photographs.synsets()
  path = tmp_path / "downloads" / "manual" / "10percent.txt"
  path.parent.mkdir(parents=True)
  listed = {f"{name}_2.JPEG" for name in labels[:4]}
  path.write_text("\n".join(sorted(listed)))
  info = checksums.compute_url_info(path)
  for archive in archives.iterdir():
    shutil.copy(archive, path.parent)
  monkeypatch.setattr(
    subset.Builder, "url_infos", {subset.SUBSET2FILES["10pct"]: info}
  )
  name = "imagenet2012_subset/10pct"
  _prepare(name, tmp_path, "array_record")
  train = _serialized(name, tmp_path, "array_record", "train")
  assert {_image(record)[2] for record in train} == listed


@pytest.mark.parametrize("old", _FORMATS)
def test_conversion_keeps_the_records_and_their_order(tmp_path, old, capsys):
  new = _FORMATS[1 - _FORMATS.index(old)]
  _prepare_blocks(tmp_path, old)
  before = {
    split: _serialized("colour_blocks", tmp_path, old, split)
    for split in ("train", "validation")
  }
  _prepare("colour_blocks", tmp_path, new)
  assert f"is there as {old}" in capsys.readouterr().out
  for split, records in before.items():
    assert len(records) == {"train": 30, "validation": 9}[split]
    assert _serialized("colour_blocks", tmp_path, new, split) == records
    # Who reads the old format finds it where it was.
    assert _serialized("colour_blocks", tmp_path, old, split) == records
  builder = tfds.builder("colour_blocks", data_dir=tmp_path)
  assert builder.info.file_format.value == old
  assert formats(builder) == set(_FORMATS)
  names = [path.name for path in builder.data_path.iterdir()]
  assert len([name for name in names if f".{new}-" in name]) == 6
  assert not [name for name in names if "incomplete" in name]


def test_a_stopped_conversion_goes_on(as_tfrecord, tmp_path, monkeypatch):
  shutil.copytree(as_tfrecord, tmp_path, dirs_exist_ok=True)
  adapter = file_adapters.ArrayRecordFileAdapter
  write, written = adapter.write_examples, []

  def fail_at_the_fourth(path, iterator):
    if len(written) == 3:
      raise OSError("No space left on device")
    written.append(path)
    return write(path, iterator)

  monkeypatch.setattr(convert, "_CONVERSIONS_AT_ONCE", 1)
  with monkeypatch.context() as patch:
    patch.setattr(adapter, "write_examples", fail_at_the_fourth)
    with pytest.raises(ValueError, match="No space left"):
      _prepare("colour_blocks", tmp_path, "array_record")
  builder = tfds.builder("colour_blocks", data_dir=tmp_path)
  assert formats(builder) == {"tfrecord"}
  there = list(builder.data_path.glob("*array_record*"))
  assert len(there) == 3
  stamps = {path: path.stat().mtime for path in there}
  _prepare("colour_blocks", tmp_path, "array_record")
  assert {path: path.stat().mtime for path in there} == stamps
  for split in ("train", "validation"):
    assert _serialized(
      "colour_blocks", tmp_path, "array_record", split
    ) == _serialized("colour_blocks", tmp_path, "tfrecord", split)


def test_a_damaged_data_set_is_not_converted(as_tfrecord, tmp_path):
  shutil.copytree(as_tfrecord, tmp_path, dirs_exist_ok=True)
  folder = tmp_path / "colour_blocks" / "1.0.0"
  shard = folder / "colour_blocks-train.tfrecord-00001-of-00003"
  whole = shard.read_bytes()
  records = list(tf.data.TFRecordDataset(str(shard)).as_numpy_iterator())
  with tf.io.TFRecordWriter(str(shard)) as writer:
    writer.write(records[0])
  with pytest.raises(ValueError, match="1 records, expected 10"):
    _prepare("colour_blocks", tmp_path, "array_record")
  shard.write_bytes(whole[:-3])
  with pytest.raises(ValueError, match="00001-of-00003 failed"):
    _prepare("colour_blocks", tmp_path, "array_record")
  shard.unlink()
  with pytest.raises(ValueError, match=r"lacks .*00001-of-00003"):
    _prepare("colour_blocks", tmp_path, "array_record")
  (folder / "dataset_info.json").unlink()
  with pytest.raises(ValueError, match="holds no whole data set"):
    _prepare("colour_blocks", tmp_path, "array_record")


def test_what_is_prepared_stays(as_tfrecord, capsys):
  _prepare("colour_blocks", as_tfrecord, "tfrecord")
  folder = as_tfrecord / "colour_blocks" / "1.0.0"
  before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
  capsys.readouterr()
  _prepare("colour_blocks", as_tfrecord, "tfrecord")
  assert "already prepared" in capsys.readouterr().out
  assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_a_version_that_is_asked_for(as_tfrecord, tmp_path, capsys):
  shutil.copytree(as_tfrecord, tmp_path, dirs_exist_ok=True)
  _prepare("colour_blocks:1.0.0", tmp_path, "array_record")
  said = capsys.readouterr().out
  assert "tfds_name=colour_blocks:1.0.0" in said
  assert f"data_dir={tmp_path}\n" in said.replace(" ", "\n")
  assert _serialized(
    "colour_blocks:1.0.0", tmp_path, "array_record", "train"
  ) == _serialized("colour_blocks", tmp_path, "tfrecord", "train")


def test_a_disk_that_is_too_small(archives, as_tfrecord, monkeypatch, tmp_path):
  usage = shutil.disk_usage(tmp_path)._replace(free=1000)
  monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
  with pytest.raises(ValueError, match=r"0\.0 MB free, but 0\.\d MB"):
    _prepare("imagenet2012", tmp_path, "tfrecord", archives)
  assert not list(tmp_path.rglob("*.*"))
  shutil.copytree(as_tfrecord, tmp_path, dirs_exist_ok=True)
  with pytest.raises(ValueError, match="are needed"):
    _prepare("colour_blocks", tmp_path, "array_record")
  assert not list(tmp_path.rglob("*array_record*"))


def test_a_folder_that_cannot_be_written(archives, tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(ValueError, match="cannot be written: Not a di"):
    _prepare("imagenet2012", tmp_path / "file" / "x", "tfrecord", archives)


def test_one_archive_is_not_enough(archives, tmp_path):
  manual = tmp_path / "downloads" / "manual"
  manual.mkdir(parents=True)
  shutil.copy(archives / "ILSVRC2012_img_train.tar", manual)
  other = tmp_path / "imagenet2012" / "5.0.0"
  other.mkdir(parents=True)
  (other / "dataset_info.json").write_text("{}")
  with pytest.raises(ValueError) as caught:
    _prepare("imagenet2012", tmp_path, "tfrecord")
  message = str(caught.value)
  assert f"; ILSVRC2012_img_val.tar not found in {manual}" in message
  assert "--dataset=imagenet2012:5.0.0" in message


def test_without_network(monkeypatch, tmp_path, capsys):
  monkeypatch.setattr(network, "can_reach", lambda url: False)
  with pytest.raises(ValueError, match="cannot be reached"):
    _prepare("cifar10", tmp_path, "tfrecord")
  # TFDS has the size of what it downloads in its register.
  assert "download: 0.2 GB; prepared: unknown" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("name", "file_format", "folder", "message"),
  [
    ("imagenet2012_subset/11pct", "tfrecord", "", "11pct not found"),
    ("no_such_images", "tfrecord", "", "no data set 'no_such_images'"),
    ("imagenet2012:1.0.0", "tfrecord", "", "cannot be loaded at version"),
    ("imagenet2012", "array_record", "gs://bucket/", "file_format=tfrecord"),
    ("ag_news_subset", "tfrecord", "", "expected images with one label"),
  ],
)
def test_what_cannot_be_prepared(tmp_path, name, file_format, folder, message):
  with pytest.raises(ValueError, match=message):
    _prepare(name, folder or tmp_path, file_format)


def test_the_command(archives, tmp_path):
  name, where = "--dataset=imagenet2012", f"--data_dir={tmp_path}"
  good = running.start(_MODULE, name, where, f"--manual_dir={archives}")
  code, output = running.run(_MODULE, name, where + "/empty")
  assert code == 2, output
  assert "ILSVRC2012_img_train.tar" in output.splitlines()[-1]
  assert "Traceback" not in output
  output, _ = good.communicate(timeout=100)
  assert good.returncode == 0, output
  assert "12 train, 6 validation examples" in output
