"""Folders and CSV files of a user's own images."""

import collections
import pathlib

import image_files
import numpy as np
import pytest

from suncet_jax.config import base
from suncet_jax.data.load import load
from suncet_jax.data.source import Crop, Request

_FILE = image_files.encode(image_files.photograph(30, 40))


def _write(folder, names, content=_FILE):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def config(tmp_path):
  """Three classes of four images, two of which are for the test."""
  for part, count in (("train", 4), ("test", 2)):
    names = [
      f"{c}/{i}.png" for c in ("ant", "bee", "cat") for i in range(count)
    ]
    _write(tmp_path / part, names)
  config = base()
  config.data.source = "folder"
  config.data.train = str(tmp_path / "train")
  config.data.test = str(tmp_path / "test")
  config.data.resize = config.data.centre_crop = 16
  return config


def _train(config):
  return pathlib.Path(config.data.train)


def test_classes_are_the_sub_folders(config):
  # All below a class folder is of that class; hidden files are nobody's.
  _write(_train(config), ["bee/more/deep.JPG", "bee/.hidden.png", ".git/x.png"])
  dataset = load(config)
  assert dataset.class_names == ("ant", "bee", "cat")
  assert np.bincount(dataset.train.labels).tolist() == [4, 5, 4]
  assert dataset.train.names[4:9] == [
    *[f"bee/{i}.png" for i in range(4)],
    "bee/more/deep.JPG",
  ]
  assert dataset.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
  (images,) = dataset.test.images([np.arange(6)])
  assert images.shape == (6, 16, 16, 3)


def test_a_folder_of_unlabelled_images_adds_to_the_pool(config, tmp_path):
  _write(tmp_path / "others", ["a.webp", "x/b.bmp", "x/c.jpeg"])
  config.data.unlabelled = str(tmp_path / "others")
  dataset = load(config)
  assert dataset.train.labels[-3:].tolist() == [-1, -1, -1]
  assert dataset.train.names[-3:] == ["a.webp", "x/b.bmp", "x/c.jpeg"]
  draws = np.random.RandomState(0).rand(1, 1, 22)
  rows = Request(np.array([14]), draws)
  crop = Crop(8, (0.5, 1.0), (1.0, 1.0))
  ((views,),) = dataset.train.views([rows], [crop])
  assert views.shape == (1, 8, 8, 3)


def test_a_csv_file_gives_labels_and_their_absence(config, tmp_path):
  list_file = tmp_path / "labels.csv"
  list_file.write_text(
    "path,label,remark\n"
    "train/cat/0.png,feline,x\n"
    "train/bee/1.png,,\n"
    f"{tmp_path}/train/ant/2.png,insect,absolute\n"
    'train/bee/0.png, insect ,"with, comma"\n'
  )
  config.data.train = str(list_file)
  tests = tmp_path / "test.csv"
  tests.write_text("path,label\ntest/cat/0.png,feline\n")
  config.data.test = str(tests)
  dataset = load(config)
  assert dataset.class_names == ("feline", "insect")
  assert dataset.train.labels.tolist() == [0, -1, 1, 1]
  (images,) = dataset.train.images([np.arange(4)])
  assert (images == images[0]).all()


def test_links_to_folders_are_followed_and_loops_end(config, tmp_path):
  _write(tmp_path / "elsewhere", ["dog/1.png", "dog/2.png"])
  (_train(config) / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
  (_train(config) / "ant" / "loop").symlink_to(_train(config) / "ant")
  dataset = load(config)
  assert dataset.class_names == ("ant", "bee", "cat", "dog")
  assert np.bincount(dataset.train.labels).tolist() == [4, 4, 4, 2]


def test_a_csv_file_may_be_written_by_hand(config):
  rows = [f'"{name}", "train/{name}/1.png"' for name in ("ant", "bee", "cat")]
  _csv(config, "\r\n\r\n".join(["Label, Path", *rows]))
  assert load(config).class_names == ("ant", "bee", "cat")


def test_other_files_are_left_out_with_a_warning(config, caplog):
  _write(_train(config), ["ant/notes.txt", "bee/clip.mp4"], b"no image")
  assert len(load(config).train.labels) == 12
  assert "2 files below" in caplog.text


def _empty_class(config):
  (_train(config) / "dog").mkdir()


def _loose_image(config):
  _write(_train(config), ["loose.png"])


def _no_folder(config):
  config.data.train += "s"


def _no_image(config):
  config.data.unlabelled = str(_train(config).parent / "void")
  pathlib.Path(config.data.unlabelled).mkdir()


def _same_class_twice(config):
  _write(_train(config), ["Cat/9.png"])


def _unknown_test_class(config):
  _write(pathlib.Path(config.data.test), ["dog/1.png", "eel/1.png"])


def _csv(config, text):
  path = _train(config).parent / "list.csv"
  path.write_text(text)
  config.data.train = str(path)


def _missing_file(config):
  lines = [f"train/ant/{i}.png,ant" for i in range(8)]
  _csv(config, "path,label\n" + "\n".join(lines))


def _other_columns(config):
  _csv(config, "file,class\nx,y\n")


def _twice_in_csv(config):
  _csv(config, "path,label\n" + "train/ant/1.png,ant\n" * 2)


def _no_label_at_all(config):
  _csv(config, "path,label\ntrain/ant/1.png,\n")


def _empty_csv(config):
  _csv(config, "path,label\n")


def _too_many_fields(config):
  _csv(config, "path,label\ntrain/ant/1.png,ant, red\n")


def _two_spellings(config):
  _csv(config, "path,label\ntrain/ant/1.png,a\ntrain/../train/ant/1.png,b\n")


def _test_is_train(config):
  link = _train(config).parent / "link"
  link.symlink_to(_train(config))
  config.data.test = str(link) + "/"


def _test_in_the_pool(config):
  config.data.unlabelled = config.data.test


def _link_to_nowhere(config):
  _train(config).rename(_train(config).parent / "moved")
  config.data.train = "~/no such folder"


@pytest.mark.parametrize(
  ("damage", "message"),
  [
    (_empty_class, "1 class folders without an image: dog"),
    (_loose_image, r"outside of class sub-folders: loose.png.*unlabelled"),
    (_no_folder, r"trains' cannot be read .*--config.data.train"),
    (_no_image, "void' holds no image; expected files that end in .jpg"),
    (_same_class_twice, "upper and lower case only: Cat and cat"),
    (_unknown_test_class, r"2 of 8 images are of no class .*dog/1.png \(dog\)"),
    (_missing_file, r"4 of 8 files do not exist: line 6: 'train/ant/4.png'"),
    (_other_columns, r"begins with \['file', 'class'\], expected .*path,label"),
    (_twice_in_csv, r"1 training images occur twice, as .*train/ant/1.png"),
    (_too_many_fields, "line 2: 3 fields, expected 2"),
    (_two_spellings, "1 training images occur twice"),
    (_test_is_train, "12 test images are training images too"),
    (_test_in_the_pool, "6 test images are training images too"),
    (_link_to_nowhere, r"'/.*/no such folder' cannot be read"),
    (_no_label_at_all, "data.train has no labelled image"),
    (_empty_csv, "lists no image"),
  ],
)
def test_what_is_wrong_is_refused_and_named(config, damage, message):
  damage(config)
  with pytest.raises(ValueError, match=message):
    load(config)


def test_many_offenders_are_counted_but_not_all_named(config):
  for i in range(9):
    (_train(config) / f"void{i}").mkdir()
  with pytest.raises(ValueError, match=r"9 class folders .*void4 and 4 more"):
    load(config)


def test_labels_may_be_few_and_unequal(config, tmp_path):
  """Every labelled image is used but for the validation images."""
  from suncet_jax.data.splits import make_splits

  _write(_train(config), [f"bee/{i}.png" for i in range(10, 30)])
  _write(tmp_path / "others", [f"{i}.png" for i in range(50)])
  config.data.unlabelled = str(tmp_path / "others")
  config.data.labelled.fraction = 1.0
  config.data.validation.per_class = 1
  train = load(config).train
  splits = make_splits(train.labels, train.names, config, ("ant", "bee", "cat"))
  counts = collections.Counter(train.labels[splits.labelled].tolist())
  assert counts == {0: 3, 1: 23, 2: 3}
  assert splits.pool.size == 32 + 50 - 3
