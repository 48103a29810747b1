"""Folders one level too high, and what systems put beside images."""

import pytest
from class_folders import configured, write

from suncet_jax.data.load import load


def _files(*prefixes):
  return [f"{p}{c}/{i}.png" for p in prefixes for c in "ab" for i in range(2)]


def _load(folder):
  return load(configured(folder / "train", folder / "test"))


@pytest.mark.parametrize("between", ["images", "images/all"])
def test_folders_that_are_too_high_are_refused(tmp_path, between):
  write(tmp_path, *_files(f"train/{between}/", f"test/{between}/"))
  with pytest.raises(ValueError) as caught:
    _load(tmp_path)
  message = str(caught.value)
  assert "data.train" in message
  assert f"its images lie in a, b of {between}:" in message
  assert f"Set --config.data.train to '{tmp_path}/train/{between}'" in message


def test_a_test_folder_that_is_too_high_is_refused(tmp_path):
  write(tmp_path, *_files("train/", "test/images/"))
  with pytest.raises(ValueError, match=r"data\.test to '.*/test/images'"):
    _load(tmp_path)


def test_what_an_archive_brings_does_not_hide_the_level(tmp_path):
  write(tmp_path, *_files("train/train/", "train/__MACOSX/", "test/"))
  (tmp_path / "train" / "annotations").mkdir()
  with pytest.raises(ValueError, match=r"data\.train to '.*/train/train'"):
    _load(tmp_path)


def test_one_known_class_may_have_sub_folders_in_test(tmp_path):
  write(tmp_path, *_files("train/"), "test/a/x/1.png", "test/a/y/1.png")
  assert _load(tmp_path).test.labels.tolist() == [0, 0]


def test_one_class_that_is_meant_is_read(tmp_path):
  write(
    tmp_path, *(f"{part}/a/{i}.png" for part in ("train", "test") for i in "12")
  )
  write(tmp_path, "train/a/more/3.png")
  assert _load(tmp_path).class_names == ("a",)


def test_sub_folders_belong_to_their_class(tmp_path):
  write(tmp_path, *_files("train/a/", "train/b/", "test/a/", "test/b/"))
  assert _load(tmp_path).class_names == ("a", "b")


_SYSTEMS = [
  "a/@eaDir/0.png/SYNOFILE_THUMB_M.jpg",
  "@eaDir/a.jpg",
  "__MACOSX/a/._0.png",
  "a/.thumbnails/0.png",
  "a/._0.png",
  "b/.ipynb_checkpoints/0-checkpoint.png",
  "lost+found/9.png",
  "$RECYCLE.BIN/9.png",
]


def test_files_of_systems_are_left_out_and_said(tmp_path, caplog):
  write(tmp_path, *_files("train/", "test/"))
  write(tmp_path / "train", *_SYSTEMS, "a/Thumbs.db", "a/.DS_Store")
  dataset = _load(tmp_path)
  assert dataset.class_names == ("a", "b")
  assert dataset.train.names == _files("")
  (others,) = [r for r in caplog.messages if "no image suffix" in r]
  assert "1 files below" in others
  assert "a/Thumbs.db" in others
  (line,) = [r for r in caplog.messages if "left out: $RECYCLE.BIN/" in r]
  assert "data.train: 8 hidden images and folders, or folders of sys" in line
  assert "__MACOSX/, a/._0.png, a/.thumbnails/ and 3 more" in line


def test_they_are_left_out_of_unlabelled_images(tmp_path, caplog):
  write(tmp_path, *_files("train/", "test/"), "others/1.png")
  write(tmp_path / "others", "@eaDir/1.png/SYNOPHOTO_THUMB_B.jpg")
  places = [tmp_path / name for name in ("train", "test", "others")]
  assert load(configured(*places)).train.labels.tolist()[-2:] == [1, -1]
  assert "data.unlabelled: 1 hidden" in caplog.text


def test_a_folder_that_no_user_may_read_is_not_entered(tmp_path, monkeypatch):
  """lost+found is the superuser's alone."""
  from suncet_jax.files import tree

  write(tmp_path, *_files("train/", "test/"), "train/lost+found/1.png")
  walk = tree.os.walk

  def guarded(*args, **options):
    for root, *rest in walk(*args, **options):
      assert "lost+found" not in root
      yield root, *rest

  monkeypatch.setattr(tree.os, "walk", guarded)
  assert len(_load(tmp_path).train.labels) == 4
