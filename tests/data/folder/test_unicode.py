"""Names in either form of Unicode, and names that are not UTF-8."""

import json
import os
import unicodedata

import image_folders as folders
import pytest

from suncet_jax.data import name_lists
from suncet_jax.data.load import load
from suncet_jax.data.pipeline import open_data
from suncet_jax.data.splits import make_splits

_NFC = unicodedata.normalize("NFC", "K\xe4fer")
_NFD = unicodedata.normalize("NFD", "K\xe4fer")
_ODD = os.fsdecode(b"K\xe4fer")  # Latin-1


def _said(caplog):
  return [line for line in caplog.messages if "form" in line]


def test_two_class_folders_that_look_alike_are_one_class(tmp_path, caplog):
  names = [f"a/{_NFC}/1.png", f"a/{_NFD}/2.png", "a/ant/3.png"]
  folders.write(tmp_path, *names, f"b/{_NFD}/4.png", "b/ant/5.png")
  dataset = load(folders.config(tmp_path / "a", tmp_path / "b"))
  assert dataset.class_names == (_NFC, "ant")
  assert dataset.train.labels.tolist() == [0, 0, 1]
  assert dataset.test.labels.tolist() == [0, 1]
  assert len(_said(caplog)) == 1
  assert "taken as one class" in _said(caplog)[0]


@pytest.mark.parametrize("forms", [(_NFC, _NFD), (_NFD, _NFC), (_NFD, _NFD)])
def test_train_and_test_may_have_other_forms(tmp_path, caplog, forms):
  one, two = forms
  folders.write(tmp_path, f"a/{one}/1.png", "a/ant/3.png")
  folders.write(tmp_path, f"b/{two}/4.png", "b/ant/5.png")
  (tmp_path / "b.csv").write_text(f"path,label\nb/{two}/4.png,{two}\n")
  for test in ("b", "b.csv"):
    caplog.clear()
    dataset = load(folders.config(tmp_path / "a", tmp_path / test))
    assert dataset.class_names == (_NFC, "ant")
    assert dataset.test.labels[0] == 0
    assert len(_said(caplog)) == (one != two)


@pytest.mark.parametrize("listed", [_NFC, _NFD])
def test_a_list_finds_files_whose_names_have_the_other_form(
  tmp_path, caplog, listed
):
  other = _NFD if listed == _NFC else _NFC
  folders.write(tmp_path, f"{other}/{other}.png", "t.png")
  rows = f"path,label\n{listed}/{listed}.png,ant\n"
  rows += f"{tmp_path}/t.png,ant\n"
  config = folders.listed(tmp_path, rows, "path,label\n1.png,ant\n")
  dataset = load(config)
  assert dataset.train.names[0] == f"{_NFC}/{_NFC}.png"
  (images,) = dataset.train.images([range(2)])
  assert (images[0] == images[1]).all()
  assert len(_said(caplog)) == 1
  assert "1 paths are in another form" in caplog.text


def test_of_both_forms_on_the_disk_each_is_found(tmp_path, caplog):
  folders.write(tmp_path, f"{_NFC}.png", f"{_NFD}.png")
  rows = f"path,label\n{_NFC}.png,ant\n{_NFD}.png,bee\n"
  dataset = load(folders.listed(tmp_path, rows))
  assert dataset.train.labels.tolist() == [0, 1]
  assert not _said(caplog)


def test_a_file_may_not_be_listed_in_both_forms(tmp_path):
  folders.write(tmp_path, f"{_NFC}.png")
  rows = f"path,label\n{_NFC}.png,ant\n{_NFD}.png,ant\n"
  with pytest.raises(ValueError, match="1 training images occur twice"):
    load(folders.listed(tmp_path, rows))


@pytest.mark.parametrize("listed", [_NFC, _NFD, _ODD])
def test_a_list_of_labelled_images(tmp_path, listed):
  other = {_NFC: _NFD, _NFD: _NFC}.get(listed, listed)
  files = [f"{other}/{i}.png" for i in range(4)]
  folders.write(tmp_path, *(f"a/{name}" for name in files))
  folders.write(tmp_path, "a/ant/9.png", f"b/{other}/1.png", "b/ant/1.png")
  config = folders.config(tmp_path / "a", tmp_path / "b")
  names = tmp_path / "list.txt"
  names.write_bytes(os.fsencode(f"{listed}/2.png\rant/9.png\r\n"))
  config.data.labelled.file = str(names)
  train = load(config).train
  splits = make_splits(train.labels, train.names, config, ("a", "b"))
  assert [train.names[i] for i in splits.labelled] == sorted(
    name_lists.read_names(str(names), "")
  )


def test_the_same_data_in_the_other_form_go_on(tmp_path):
  """A folder that a system renamed is the one that a run began with."""
  digests = []
  for form in (_NFC, _NFD):
    place = tmp_path / str(len(digests))
    names = [f"{c}/{i}{form}.png" for c in (form, "Kz") for i in range(3)]
    folders.write(place, *(f"a/{name}" for name in names))
    folders.write(place, f"b/{form}/1.png", "b/Kz/1.png")
    config = folders.config(place / "a", place / "b")
    config.data.labelled.update(per_class=2, classes_per_batch=2)
    config.data.batch_size = 2
    digests.append(open_data(config).digest())
  assert digests[0] == digests[1]


def test_names_that_are_not_utf8_are_read_and_can_be_written(tmp_path):
  folders.write(
    tmp_path, *(b"a/K\xe4fer/\xff%d.png" % i for i in range(3)), b"a/ant/1.png"
  )
  folders.write(tmp_path, b"b/K\xe4fer/7.png", b"b/ant/1.png")
  dataset = load(folders.config(tmp_path / "a", tmp_path / "b"))
  assert dataset.class_names == ("K\\xe4fer", "ant")
  assert dataset.train.labels.tolist() == [0, 0, 0, 1]
  assert dataset.train.names[0] == "K\\xe4fer/\\xff0.png"
  (images,) = dataset.train.images([range(4)])
  assert (images[0] == images[3]).all()
  json.dumps([dataset.class_names, dataset.train.names]).encode()


def test_a_list_may_name_files_that_are_not_utf8(tmp_path):
  folders.write(tmp_path, b"K\xe4fer/\xff.png")
  rows = b"path,label\nK\xe4fer/\xff.png,ant\n"
  dataset = load(folders.listed(tmp_path, rows))
  (images,) = dataset.train.images([range(1)])
  assert images.shape == (1, 16, 16, 3)


def test_a_folder_that_is_missing_is_named_all_the_same(tmp_path):
  config = folders.config(tmp_path / _ODD, tmp_path / _ODD)
  with pytest.raises(ValueError, match="cannot be read") as caught:
    load(config)
  assert "dce4" in ascii(str(caught.value))
