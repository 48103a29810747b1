"""Paths that begin with ~, wherever one is taken; nothing is named ~."""

import os
import pwd
import shutil

import image_files
import numpy as np
import pytest
import running

from suncet_jax import load_encoder
from suncet_jax.config import base, validate
from suncet_jax.convert import __main__ as convert
from suncet_jax.data.folder.listing import labelled_images
from suncet_jax.data.load import load
from suncet_jax.data.name_lists import read_names
from suncet_jax.data.tfds.place import data_folder
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.report.__main__ import main as report
from suncet_jax.workdir.folder import RunFolder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  """Returns a home folder; works in another, where no ~ may appear."""
  folder, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
  folder.mkdir()
  elsewhere.mkdir()
  monkeypatch.setenv("HOME", str(folder))
  monkeypatch.chdir(elsewhere)
  yield folder
  assert not [name for name in os.listdir(elsewhere) if "~" in name]


@pytest.fixture
def no_home(monkeypatch):
  """A container's user without $HOME and without an entry in passwd."""

  def unknown(number):
    raise KeyError(number)

  monkeypatch.delenv("HOME")
  monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_home_folders_are_put_in(home, tmp_path):
  assert expanded("~") == home
  assert expanded("~/a/b") == home / "a" / "b"
  user = pwd.getpwuid(os.getuid())
  assert str(expanded(f"~{user.pw_name}/a")) == f"{user.pw_dir}/a"


@pytest.mark.parametrize(
  "path", ["a/~/b", "a~", "/x/~y", "gs://bucket/~/a", "gs://bucket//a"]
)
def test_other_paths_stay_as_they_are(path):
  assert os.fspath(expanded(path)) == os.fspath(type(expanded("a"))(path))


def test_a_name_that_begins_with_a_tilde(tmp_path):
  place = expanded("./~x")
  assert os.fspath(place) == str(tmp_path / "elsewhere" / "~x")
  assert expanded(place) == place


def test_an_unknown_user_is_named():
  with pytest.raises(UserError, match=r"no user nobody-of-this-name.*\./~nob"):
    expanded("~nobody-of-this-name/a")


@pytest.mark.usefixtures("no_home")
def test_without_a_home_it_says_so(monkeypatch):
  monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
  with pytest.raises(UserError, match=r"'~/runs'.*HOME is not set.*whole path"):
    expanded("~/runs")
  with pytest.raises(UserError, match=r"data_dir.*TFDS_DATA_DIR"):
    data_folder("")
  assert data_folder("/data") == "/data"


def test_an_empty_home_is_none(monkeypatch):
  monkeypatch.setenv("HOME", "")
  with pytest.raises(UserError, match="HOME is empty"):
    expanded("~/runs")  # /runs would be the answer of Python


def test_the_data_folder_of_tfds(home, monkeypatch):
  assert data_folder("~/tfds") == str(home / "tfds")
  monkeypatch.setenv("TFDS_DATA_DIR", "~/set")
  assert data_folder(None) == str(home / "set")
  monkeypatch.setenv("TFDS_DATA_DIR", "/set")
  assert data_folder(None) is None  # TFDS knows


def test_a_run_is_loaded_converted_reported(home, small_run, capsys):
  shutil.copytree(small_run, home / "run")
  assert RunFolder("~/run").config()
  images = np.zeros((2, 8, 8), np.uint8)
  expected = load_encoder(small_run)(images)
  assert convert.main(["~/run", "--out=~/made/encoder.npz"]) == 0
  for place in ("~/run", "~/made/encoder.npz"):
    encode = load_encoder(place)
    assert "~" not in repr(encode)
    np.testing.assert_array_equal(encode(images), expected)
  assert report(["~/run", "--out=~/page.html"]) == 0
  assert str(home / "page.html") in capsys.readouterr().out
  assert (home / "page.html").exists()


def test_commands_take_a_workdir_and_a_configuration(home, small_run, cache):
  shutil.copytree(small_run, home / "run")
  shutil.copy(running.ROOT / "configs" / "digits.py", home / "mine.py")
  flags = ["--config=~/mine.py:epochs=3", *running.SMALL[1:], "--workdir=~/run"]
  code, output = running.run("suncet_jax.main", *flags, cache=cache)
  assert code == 0, output
  assert f"{home}/run is complete" in output
  flags[-1] = "--workdir=~nobody-of-this-name/run"
  code, output = running.run("suncet_jax.main", *flags, cache=cache)
  assert code == 2, output
  assert "Error: --workdir: The path" in output


@pytest.fixture
def images(home):
  """Returns the configuration of a data set in the home folder."""
  for part in ("train", "test"):
    for name in "ab":
      for i in range(4):
        file = home / part / name / f"{part}{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        photograph = image_files.photograph(12, 16, shift=i)
        file.write_bytes(image_files.encode(photograph))
  config = base()
  config.data.source = "folder"
  config.data.train, config.data.test = "~/train", "~/test"
  config.data.labelled.per_class = 2
  return config


def test_folders_of_images(images):
  dataset = load(images)
  assert dataset.train.labels.size == 8
  assert dataset.class_names == ("a", "b")


def test_csv_files_and_what_they_list(home, images):
  (home / "train.csv").write_text(
    f"path,label\n~/train/a/train0.png,a\n{home}/train/b/train0.png,b\n"
  )
  items = labelled_images("data.train", "~/train.csv")
  assert [item.path for item in items] == [
    str(home / "train" / name / "train0.png") for name in "ab"
  ]


def test_lists_of_images(home, images):
  (home / "list.txt").write_text("a/train0.png\nb/train0.png\n")
  assert len(read_names("~/list.txt", "")) == 2
  images.data.labelled.per_class = 0
  images.evals.every_epochs = 0.0
  images.data.labelled.file = "~/list.txt"
  validate(images, check_files=True)
  images.data.labelled.file = "~/none.txt"
  with pytest.raises(ValueError, match=r"~/none\.txt' does not exist"):
    validate(images, check_files=True)
  images.data.labelled.file = "~nobody-of-this-name/list.txt"
  with pytest.raises(ValueError, match=r"labelled\.file: .*no user nobody"):
    validate(images, check_files=True)
