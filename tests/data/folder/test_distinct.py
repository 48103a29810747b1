"""One file by several paths: links, other spellings, lists."""

import os

import pytest
from class_folders import configured, write

from suncet_jax.data.folder.distinct import check_distinct
from suncet_jax.data.folder.items import Item
from suncet_jax.data.load import load


@pytest.fixture
def folder(tmp_path):
  """Two classes of three images for training, and of one for the test."""
  write(tmp_path / "train", *(f"{c}/{i}.png" for c in "ab" for i in range(3)))
  write(tmp_path / "test", "a/7.png", "b/8.png")
  return tmp_path


def _hard_link(path, target):
  os.link(target, path)


def _symbolic_link(path, target):
  path.symlink_to(target)


def _relative_link(path, target):
  path.symlink_to(os.path.relpath(target, path.parent))


def _chain_of_links(path, target):
  between = target.parent.parent.parent / "between"
  between.symlink_to(target)
  path.symlink_to(between)


_LINKS = [_hard_link, _symbolic_link, _relative_link, _chain_of_links]


def _refused(folder, message, **places):
  places = {"train": folder / "train", "test": folder / "test", **places}
  with pytest.raises(ValueError, match=message):
    load(configured(**places))


@pytest.mark.parametrize("link", _LINKS)
def test_a_test_image_that_leads_to_a_training_image(folder, link):
  link(folder / "test" / "a" / "9.png", folder / "train" / "a" / "1.png")
  _refused(
    folder,
    r"1 test images are training images too: .*/test/a/9.png is "
    r".*/train/a/1.png\. Set --config.data.test",
  )


@pytest.mark.parametrize("link", _LINKS)
def test_a_file_in_two_classes(folder, link):
  link(folder / "train" / "b" / "9.png", folder / "train" / "a" / "1.png")
  _refused(folder, r"1 training .* twice.*/b/9.png \(b\) is .*/a/1.png \(a\)")


@pytest.mark.parametrize("link", _LINKS)
def test_a_test_file_in_two_classes(folder, link):
  link(folder / "test" / "b" / "9.png", folder / "test" / "a" / "7.png")
  _refused(folder, r"1 test images occur .*/b/9.png \(b\) is .*/a/7.png \(a\)")


def test_a_test_image_in_the_unlabelled_folder(folder):
  (folder / "others").mkdir()
  (folder / "others" / "x.png").symlink_to(folder / "test" / "b" / "8.png")
  _refused(
    folder,
    r"1 test images are .*/test/b/8.png \(b\) is .*/others/x.png \(no label\)",
    unlabelled=folder / "others",
  )


@pytest.mark.parametrize("link", _LINKS)
def test_a_listed_image_in_the_unlabelled_folder_counts_once(folder, link):
  """With its label: a few of many photographs are labelled where they lie."""
  write(folder / "others", "x.png", "y.png", "z.png")
  listed = folder / "labels.csv"
  listed.write_text("path,label\nothers/x.png,a\ntrain/b/1.png,b\n")
  link(folder / "others" / "9.png", folder / "train" / "b" / "1.png")
  dataset = load(
    configured(listed, folder / "test", unlabelled=folder / "others")
  )
  assert dataset.train.labels.tolist() == [0, 1, -1, -1]
  assert dataset.train.names == [
    "others/x.png",
    "train/b/1.png",
    "y.png",
    "z.png",
  ]


def test_links_of_files_that_both_lead_elsewhere(folder):
  """As in a data set of links to a store of files."""
  write(folder / "store", "1.png", "2.png")
  for part in ("train", "test"):
    link = folder / part / "a" / "9.png"
    link.symlink_to(folder / "store" / "1.png")
  _refused(folder, r"1 test images are .*test/a/9.png is .*train/a/9.png")


def test_links_to_different_files_are_fine(folder):
  write(folder / "store", "1.png", "2.png")
  for part, name in (("train", "1.png"), ("test", "2.png")):
    link = folder / part / "a" / "9.png"
    link.symlink_to(folder / "store" / name)
  dataset = load(configured(folder / "train", folder / "test"))
  assert (len(dataset.train.labels), len(dataset.test.labels)) == (7, 3)


@pytest.mark.parametrize(
  "spelling",
  [
    "train/a/1.png",
    "./train/a/1.png",
    "test/../train/a//1.png",
    "{folder}/train/a/1.png",
    "{folder}/link/a/1.png",
    "hard.png",
  ],
)
def test_a_list_of_test_images_with_a_training_image(folder, spelling):
  (folder / "link").symlink_to(folder / "train")
  os.link(folder / "train" / "a" / "1.png", folder / "hard.png")
  listed = folder / "test.csv"
  name = spelling.format(folder=folder)
  listed.write_text(f"path,label\ntest/b/8.png,b\n{name},a\n")
  _refused(folder, "1 test images are training images too", test=listed)


def test_the_same_class_folder_by_two_names(folder):
  (folder / "train" / "c").symlink_to(folder / "train" / "b")
  _refused(
    folder,
    r"1 folders in two classes, by way of links: b and c \(.*/train/b\)\. "
    "Remove one",
  )


def test_a_part_of_a_class_folder_in_another_class(folder):
  write(folder / "train", "b/more/1.png")
  (folder / "train" / "a" / "some").symlink_to(folder / "train" / "b" / "more")
  _refused(folder, r"1 folders in two classes.*a/some and b/more \(")


def test_a_test_class_that_is_linked_to_the_class_in_train(folder):
  os.rename(folder / "test" / "b", folder / "moved")
  (folder / "test" / "b").symlink_to(folder / "train" / "b")
  _refused(folder, "3 test images are training images too")


def test_the_test_folder_lies_within_the_training_folder(folder):
  os.rename(folder / "test", folder / "train" / "test")
  _refused(folder, "2 test images are training", test=folder / "train" / "test")


def test_a_link_to_nowhere_is_its_own_file(folder):
  for name in ("8.png", "9.png"):
    (folder / "train" / "a" / name).symlink_to(folder / "nowhere" / name)
  assert (
    len(load(configured(folder / "train", folder / "test")).train.labels) == 8
  )


def test_paths_are_compared_in_a_bucket():
  one, other = (Item(f"gs://b/{i}.png", f"{i}.png", "a") for i in range(2))
  check_distinct([one], [other])
  with pytest.raises(ValueError, match=r"1 test images .*: gs://b/0.png\. Set"):
    check_distinct([one], [other, one])
