"""TFRecord files: their index, single records, shards in memory."""

import numpy as np
import pytest
import tensorflow as tf
from etils import epath

from suncet_jax.data.errors import ImageError, ReadError
from suncet_jax.data.records import example as examples
from suncet_jax.data.records import tfrecord as tfrecords
from suncet_jax.data.records.index import Index, read_or_make
from suncet_jax.data.records.tfrecord import Shard, TfrecordRecords, scan

_LENGTHS = (3, 1, 4)


def _image(i):
  return b"image %d" % i * (i + 1)


def _example(i, has_name=True):
  feature = {
    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[_image(i)])),
    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[i % 3])),
  }
  if has_name:
    feature["file_name"] = tf.train.Feature(
      bytes_list=tf.train.BytesList(value=[f"{i}.JPEG".encode()])
    )
  features = tf.train.Features(feature=feature)
  return tf.train.Example(features=features).SerializeToString()


@pytest.fixture
def shards(tmp_path):
  written, first = [], 0
  for number, length in enumerate(_LENGTHS):
    path = epath.Path(tmp_path / f"shard{number}")
    with tf.io.TFRecordWriter(str(path)) as writer:
      for i in range(first, first + length):
        writer.write(_example(i))
    written.append(Shard(path, length))
    first += length
  return written


@pytest.fixture
def records(shards):
  return TfrecordRecords(shards, scan(shards))


def test_the_index_has_labels_names_and_places(shards):
  index = scan(shards)
  assert index.labels.tolist() == [i % 3 for i in range(8)]
  assert index.names.tolist() == [f"{i}.JPEG" for i in range(8)]
  assert index.starts.tolist()[:4] == [12, *index.starts.tolist()[1:3], 12]


def test_records_are_read_one_by_one_or_from_shards_in_memory(
  records, monkeypatch
):
  assert [records.read(i) for i in range(8)] == [_image(i) for i in range(8)]
  records.hold([0, 2])
  records.read(0), records.read(7)  # both shards are there now
  monkeypatch.setattr(tfrecords.storage, "read_range", _refuse)
  for i in (2, 0, 1, 7, 4, 6):
    assert records.read(i) == _image(i)
  with pytest.raises(AssertionError, match="from storage"):
    records.read(3)
  records.hold([1])
  assert records.read(3) == _image(3)
  with pytest.raises(AssertionError, match="from storage"):
    records.read(0)  # its shard was dropped


def test_what_is_kept_is_read_once(records, monkeypatch):
  records.keep(np.array([1, 6]))
  first = [records.read(i) for i in (1, 6)]
  monkeypatch.setattr(tfrecords.storage, "read_range", _refuse)
  assert [records.read(i) for i in (1, 6)] == first


def _refuse(*_):
  raise AssertionError("read from storage")


def test_memory_is_known_before_anything_is_read(records, shards):
  sizes = [len(_example(i)) for i in range(8)]
  assert records.bytes_of(np.array([1, 6])) == sizes[1] + sizes[6]
  assert records.bytes_of_largest(1) == sum(sizes[4:])
  assert records.bytes_of_largest(2) == sum(sizes[:3]) + sum(sizes[4:])


def test_names_may_be_absent(tmp_path):
  path = epath.Path(tmp_path / "one")
  with tf.io.TFRecordWriter(str(path)) as writer:
    writer.write(_example(0, has_name=False))
  shards = [Shard(path, 1)]
  assert TfrecordRecords(shards, scan(shards)).names is None


@pytest.mark.parametrize("cut", [5, 14, 40])
def test_a_file_that_is_cut_off_is_named(shards, cut):
  path = shards[0].path
  path.write_bytes(path.read_bytes()[:cut])
  with pytest.raises(ImageError, match="shard0 is cut off"):
    scan(shards)


def test_a_file_with_fewer_records_than_expected_is_named(shards):
  with pytest.raises(ImageError, match="shard1 has 1 records, expected 2"):
    scan([shards[0], shards[1]._replace(length=2)])


def test_a_missing_shard_ends_with_its_name(records, shards):
  shards[2].path.unlink()
  records.hold([2])
  with pytest.raises(ReadError, match="shard2"):
    records.read(7)


def test_a_record_that_is_no_example_is_an_error(shards):
  with pytest.raises(ImageError, match="the record is damaged"):
    examples.parse(b"\xff\xff\xff")
  content = shards[1].path.read_bytes()
  shards[1].path.write_bytes(content.replace(b"image", b"\xff" * 5))
  with pytest.raises(ImageError, match="shard1: the record is damaged"):
    scan(shards)


def test_an_index_is_made_once_and_again_when_it_is_damaged(tmp_path):
  folder, made = epath.Path(tmp_path), []

  def make():
    made.append(True)
    return Index(np.arange(3), np.array(["a", "b", "c"]), *[np.zeros(3)] * 2)

  for _ in range(2):
    index = read_or_make(folder, "train", 3, make)
    assert index.names.tolist() == ["a", "b", "c"]
  assert len(made) == 1
  (file,) = folder.glob("suncet_jax-train*")
  file.write_bytes(file.read_bytes()[:50])
  read_or_make(folder, "train", 3, make)
  assert len(made) == 2
  read_or_make(folder, "train", 4, make)  # another number of records
  assert len(made) == 3


def test_a_folder_that_cannot_be_written_has_its_index_elsewhere(
  tmp_path, monkeypatch
):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
  folder, made = epath.Path(tmp_path / "file"), []
  folder.write_text("a file cannot hold another")

  def make():
    made.append(True)
    return Index(np.arange(3), np.array([], str), *[np.zeros(3)] * 2)

  for _ in range(2):
    assert read_or_make(folder, "train", 3, make).labels.tolist() == [0, 1, 2]
  assert len(made) == 1
  assert list((tmp_path / "cache" / "suncet_jax").glob("*-train.npz"))
