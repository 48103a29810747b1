"""Images in a bucket, and lists of them, are those on disk."""

import image_files
import numpy as np
import pytest
from etils import epath

from suncet_jax.config import base
from suncet_jax.data.load import load
from suncet_jax.data.name_lists import read_names
from suncet_jax.data.records import index
from suncet_jax.files import storage

_CLASSES = ("ant", "bee", "cat")


def _files():
  """Pictures that all differ, by their names below a folder."""
  names = [f"train/{c}/{i}.png" for c in _CLASSES for i in range(4)]
  names += [f"test/{c}/{i}.png" for c in _CLASSES for i in range(2)]
  names += ["train/bee/more/deep.JPG", "train/bee/.hidden.png"]
  return {
    name: image_files.encode(image_files.photograph(30, 40, shift=i))
    for i, name in enumerate(names)
  }


def _load(place, train="train"):
  config = base()
  config.data.source = "folder"
  config.data.train = f"{place}/{train}"
  config.data.test = f"{place}/test"
  config.data.resize = config.data.centre_crop = 16
  return load(config)


@pytest.fixture(scope="module")
def folder(bucket, tmp_path_factory):
  """A folder on disk with the files that gs://bucket/images has too."""
  folder = tmp_path_factory.mktemp("images")
  for name, content in _files().items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    bucket.write(f"images/{name}", content)
  return folder


def test_class_folders_in_a_bucket(bucket, folder):
  bucket.requests.clear()
  dataset = _load("gs://bucket/images/")
  listings = [url for _, url in bucket.requests if "delimiter" in url]
  # Of train, test, their classes and one folder more, and of train and test
  # for empty classes. TensorFlow asks beforehand whether each is a folder.
  assert len(listings) == 2 + 2 * 3 + 1 + 2
  assert len(bucket.requests) <= 2 * len(listings)  # and nothing of the files
  expected = _load(folder)
  assert dataset.class_names == expected.class_names == _CLASSES
  assert dataset.train.names == expected.train.names
  np.testing.assert_array_equal(dataset.train.labels, expected.train.labels)
  ours, theirs = (
    next(d.train.images([np.arange(13)])) for d in (dataset, expected)
  )
  np.testing.assert_array_equal(ours, theirs)


def test_csv_files_and_lists_in_a_bucket(bucket, folder):
  bucket.write(
    "images/some.csv",
    b"path,label\ntrain/ant/0.png,ant\n"
    b"gs://bucket/images/train/bee/1.png,bee\n"
    b"train/cat/2.png,cat\ntrain/cat/3.png,\n",
  )
  dataset = _load("gs://bucket/images", "some.csv")
  assert dataset.train.labels.tolist() == [0, 1, 2, -1]
  (images,) = dataset.train.images([np.arange(4)])
  assert images.shape == (4, 16, 16, 3)
  bucket.write("lists/names.txt", b"ant/0.png\ncat/1.png\n")
  names = read_names("gs://bucket/lists/names.txt", "")
  assert names == ["ant/0.png", "cat/1.png"]


def test_what_is_wrong_in_a_bucket_is_said(bucket, folder):
  bucket.write("images/empty/dog/", b"")
  bucket.write("images/empty/ant/0.png", b"")
  with pytest.raises(ValueError, match="1 class folders without an image: dog"):
    _load("gs://bucket/images", "empty")
  for name in ("ant/0.png", "bee/0.png", "@eaDir/0.png"):
    bucket.write(f"images/high/all/{name}", b"")
  with pytest.raises(ValueError, match=r"in ant, bee of all.*/high/all', wh"):
    _load("gs://bucket/images", "high")
  bucket.write("images/both.csv", b"path,label\ntest/ant/0.png,ant\n")
  with pytest.raises(ValueError, match="1 test images are training images"):
    _load("gs://bucket/images", "both.csv")
  for place in ("gs://bucket/none", "gs://no-such-bucket/none"):
    with pytest.raises(ValueError, match=r"data\.train"):
      _load(place)
  with pytest.raises(ValueError, match=r"The list .* cannot be read"):
    read_names("gs://bucket/none.txt", "")
  with pytest.raises(OSError, match="ends before"):
    storage.read_range("gs://bucket/images/train/ant/0.png", 0, 1 << 20)


def test_the_index_of_records_is_kept_beside_them(bucket):
  known = index.Index(
    labels=np.arange(3, dtype=np.int32),
    names=np.array(["a", "b", "c"]),
    starts=np.full(3, -1),
    sizes=np.arange(3),
  )
  place = epath.Path("gs://bucket/records")
  for _ in range(2):
    found = index.read_or_make(place, "train", 3, lambda: known)
    for ours, theirs in zip(found, known, strict=True):
      np.testing.assert_array_equal(ours, theirs)
  assert bucket.names("records/") == ["records/suncet_jax-train.npz"]
