"""--config names a file of the user, or one that comes with the package."""

import pathlib
import runpy

import pytest
import running

from suncet_jax.compare.entries import Entry
from suncet_jax.compare.recipe import Recipe
from suncet_jax.config import default_epochs, files
from suncet_jax.errors import UserError


@pytest.mark.parametrize(
  "reference",
  [
    "configs/digits.py",
    "./configs/digits.py",
    "digits.py",
    "digits",
    "digits:labels=5,epochs=3",
  ],
)
def test_ours_are_found_in_any_folder(reference, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  place, colon, argument = files.located(reference).partition(":")
  assert pathlib.Path(place).samefile(running.ROOT / "configs" / "digits.py")
  assert colon + argument == reference.removeprefix(reference.partition(":")[0])


def test_a_file_of_the_user_under_that_path_wins(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  own = tmp_path / "configs" / "digits.py"
  own.parent.mkdir()
  own.write_text("")
  assert pathlib.Path(files.located("configs/digits.py")).samefile(own)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  (tmp_path / "mine.py").touch()
  assert files.located("~/mine.py:a=1") == f"{tmp_path}/mine.py:a=1"


@pytest.mark.parametrize(
  "reference",
  ["configs/digit.py", "elsewhere/digits.py", "digits.txt", "/digits.py"],
)
def test_a_typo_lists_ours(reference, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError) as caught:
    files.located(f"{reference}:labels=5")
  message = str(caught.value)
  assert f"--config '{reference}' is not there" in message
  for name in ("cifar10", "digits", "fashion_mnist", "folder", "imagenet"):
    assert f"configs/{name}.py" in message


def test_a_folder_is_refused(tmp_path):
  with pytest.raises(UserError, match="is a folder"):
    files.located(str(tmp_path))


@pytest.mark.parametrize(
  ("module", "flags"),
  [
    ("suncet_jax.main", ["--workdir=x"]),
    ("suncet_jax.check", []),
    ("suncet_jax.compare", ["--workdir=x", "--labels=5"]),
  ],
)
def test_every_command_that_takes_one_finds_it(module, flags, tmp_path):
  wrong = "--config.train.epochs=-1"  # ends it before any work
  for config, message in (
    (["--config=configs/digits.py", wrong], "train.epochs is -1"),
    (["--config", "digits", wrong], "train.epochs is -1"),
    (["--config=configs/digit.py"], "'configs/digit.py' is not there"),
    (["--config=configs/digit.py", wrong], "'configs/digit.py' is not there"),
  ):
    code, output = running.run(module, *config, *flags, cwd=tmp_path)
    assert code == 2, output
    assert message in output
    assert "Traceback" not in output


def test_the_grid_of_a_comparison_loads_ours(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  recipe = Recipe("configs/digits.py:epochs=2", {})
  assert recipe.load(Entry("simclr"), 5, 0).train.epochs == 2
  with pytest.raises(UserError, match="is not there"):
    Recipe("configs/digit.py", {})


def test_a_method_trains_as_long_as_its_recipe_says_unless_the_user_does():
  assert default_epochs("simclr", "digits", 20) == 20
  get_config = runpy.run_path(str(files.packaged()["digits"]))["get_config"]
  assert get_config("method=simclr").train.epochs == 20
  assert get_config("method=simclr,epochs=3").train.epochs == 3
