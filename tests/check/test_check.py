"""`python -m suncet_jax.check` as a user runs it."""

import runpy
import shlex

import image_files
import numpy as np
import pytest
import running
from PIL import Image

from suncet_jax.config import validate
from suncet_jax.data.pipeline import open_data

_CONFIG = f"--config={running.ROOT}/configs/folder.py:"


@pytest.fixture
def folder(tmp_path):
  """Two classes of unequal size in several formats, one file truncated."""
  sound = {
    kind: image_files.encode(image_files.photograph(30, 40), kind)
    for kind in ("PNG", "JPEG", "WEBP")
  }
  files = {f"train/ant/{i}.png": sound["PNG"] for i in range(12)}
  files |= {f"train/bee/{i}.jpg": sound["JPEG"] for i in range(7)}
  files |= {"test/ant/0.webp": sound["WEBP"], "test/bee/0.png": sound["PNG"]}
  files["train/bee/7.jpg"] = sound["JPEG"][:300]
  for name, content in files.items():
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
  return tmp_path


def _check(folder, *flags):
  return running.run(
    "suncet_jax.check",
    f"{_CONFIG}train={folder}/train,test={folder}/test,batch=8",
    *flags,
  )


def test_it_prints_what_there_is_and_what_is_bad(folder):
  code, output = _check(folder)
  assert code == 1
  assert "2 classes; 10 images in the unlabelled pool, 10 labelled" in output
  table = [line.split() for line in output.splitlines()]
  assert ["ant", "12", "7", "1"] in table
  assert ["bee", "8", "3", "1"] in table
  assert "12 PNG, 7 JPEG, 1 ?; 30 x 40 to 30 x 40 pixels" in output
  assert "bad: bee/7.jpg: " in output
  assert "1 of 20 images are bad; a run would stop" in output
  # What is not a terminal gets lines only: no bar, no colours.
  assert "\r" not in output
  assert "\x1b" not in output


def test_a_file_that_cannot_be_read_would_end_a_run(folder):
  (folder / "train" / "bee" / "8.jpg").symlink_to("/nowhere/8.jpg")
  code, output = _check(folder, "--config.data.max_bad_fraction=0.5")
  assert code == 1
  assert "unreadable: bee/8.jpg: " in output
  assert "a run would end at the first of them" in output


def test_what_a_run_would_refuse_is_refused(folder):
  code, output = _check(folder, "--config.data.validation.per_class=8")
  assert code == 2
  assert "No labelled image for class bee (1 of 2 classes)" in output
  code, output = _check(folder, "--config.data.validation.per_class=9")
  assert code == 2
  assert "2 classes; 20 training images, 2 test" in output
  assert "data.validation.per_class asks for 9 labelled images" in output


@pytest.mark.parametrize(
  ("flag", "misfit"),
  [
    (
      "--config.data.batch_size=64",
      "data.batch_size is 64, but the unlabelled pool has only 10",
    ),
    (
      "--config.optim.warmup_epochs=500",
      "optim.warmup_epochs 500.0 must be less than train.epochs 200",
    ),
  ],
)
def test_a_look_at_the_data_does_not_depend_on_the_recipe(folder, flag, misfit):
  code, output = _check(folder, flag)
  assert code == 2
  assert misfit in output
  table = [line.split() for line in output.splitlines()]
  assert ["ant", "12", "7", "1"] in table
  assert "12 PNG, 7 JPEG, 1 ?; 30 x 40 to 30 x 40 pixels" in output
  assert output.index("30 x 40 pixels") < output.index(misfit)
  assert flag not in output.splitlines()[-1]


def test_a_command_with_numbers_that_fit_is_proposed(folder):
  """Its rate goes with its batch: the argument, not the field, sets both."""
  code, output = running.run(
    "suncet_jax.check",
    f"{_CONFIG}train={folder}/train,test={folder}/test,batch=8,method=suncet",
    "--config.data.batch_size=64",
    "--config.data.max_bad_fraction=0.5",
    "--config.log.every_steps=7",
  )
  assert code == 2
  assert "batch=8, with which the recipe's peak rate is 0.212" in output
  command = shlex.split(output.splitlines()[-1])
  assert command[:2] == ["suncet-jax", "train"]
  assert command[-1] == "runs/mine"
  assert "--config.log.every_steps=7" in command
  assert not any("batch_size" in word for word in command)
  name, _, argument = command[2].partition(":")
  assert name == "--config=folder"
  made = runpy.run_path(f"{running.ROOT}/configs/folder.py")["get_config"]
  config = made(argument)
  validate(config)
  pipeline = open_data(config)
  assert (config.method.name, config.model.name) == ("suncet", "resnet8")
  assert config.train.epochs * pipeline.steps_per_epoch >= 200


def test_a_test_set_is_split_off_where_there_is_none(folder):
  flags = (f"{_CONFIG}train={folder}/train,batch=8,validation=2",)
  code, output = running.run("suncet_jax.check", *flags)
  assert code == 2
  assert "--config.data.test_fraction=0.2" in output
  # It looks on with such a test set, and proposes it.
  assert "bad: bee/7.jpg: " in output
  assert ",test_fraction=0.2," in output.splitlines()[-1]
  code, output = running.run(
    "suncet_jax.check",
    *flags,
    "--config.data.test_fraction=0.25",
    "--config.data.max_bad_fraction=0.5",
  )
  assert code == 0, output
  table = [line.split() for line in output.splitlines()]
  assert ["ant", "9", "7", "3"] in table
  assert ["bee", "6", "4", "2"] in table
  assert "test_fraction=0.25" in output.splitlines()[-1]


def test_pictures_of_each_class(folder):
  """A broken image is left out; that of the test stands among the others."""
  place = folder / "classes.png"
  code, output = _check(folder, f"--pictures={place}")
  assert code == 1
  assert f"Written: {place}" in output
  sheet = np.asarray(Image.open(place))
  tile, gap = 112, 8
  # Six of the training and one of the test in each row of tiles.
  columns = range(gap, sheet.shape[1], tile + gap)
  colours = [sheet[:, left : left + tile].std() for left in columns]
  assert len(colours) == 8
  assert min(colours[:7]) > 30 > colours[7]
  code, output = _check(folder, "--pictures=classes.jpg")
  assert code == 2
  assert "--pictures is classes.jpg, expected *.png" in output


def test_a_path_with_a_comma_is_set_by_its_field(folder):
  place = folder / "a, b"
  (folder / "train").rename(place)
  code, output = running.run(
    "suncet_jax.check",
    f"{_CONFIG}test={folder}/test,batch=8",
    f"--config.data.train={place}",
    "--config.data.max_bad_fraction=0.5",
  )
  assert code == 0, output
  command = shlex.split(output.splitlines()[-1])
  assert f"--config.data.train={place}" in command
  assert command[2].startswith(f"--config=folder:test={folder}/test,")


def test_copies_of_training_images_are_said(folder):
  """Links are refused; copies of a file are told by its bytes."""
  for i, name in enumerate(["train/ant/0.png", "test/bee/0.png"]):
    own = image_files.encode(image_files.photograph(30, 40, shift=i + 1))
    (folder / name).write_bytes(own)
  copy = (folder / "train" / "ant" / "0.png").read_bytes()
  (folder / "test" / "ant" / "1.png").write_bytes(copy)
  code, output = _check(folder, "--config.data.max_bad_fraction=0.05")
  assert code == 0
  assert "train: 16 images are copies of other images, byte for" in output
  assert (
    "test: 1 images are copies of training images, byte for byte: ant/1.png of "
    "ant/0.png; the final accuracies would count them" in output
  )


def test_a_link_to_a_training_image_is_refused(folder):
  link = folder / "test" / "ant" / "1.png"
  link.symlink_to(folder / "train" / "ant" / "3.png")
  code, output = _check(folder)
  assert code == 2
  assert "1 test images are training images too: " in output
  assert f"{link} is {folder}/train/ant/3.png" in output


def test_few_enough_bad_images_are_no_failure(folder):
  code, output = _check(folder, "--config.data.max_bad_fraction=0.05")
  assert code == 0
  assert "a run replaces them by grey images" in output


def test_a_data_set_that_cannot_be_used_is_refused(folder):
  (folder / "train" / "Bee").mkdir()
  (folder / "train" / "Bee" / "1.png").write_bytes(b"")
  code, output = _check(folder)
  assert code == 2
  assert "upper and lower case only: Bee and bee" in output
  assert "Traceback" not in output


def test_data_in_memory_needs_no_scan():
  code, output = running.run(
    "suncet_jax.check", f"--config={running.ROOT}/configs/digits.py"
  )
  assert code == 0
  assert "train: in memory, 8 x 8, 1 channels" in output
  assert "runs/mine" not in output
