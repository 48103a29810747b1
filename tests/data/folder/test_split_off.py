"""A test set that is split off the labelled images."""

import collections
import hashlib

import pytest
from class_folders import configured, write

from suncet_jax.config import ConfigError, validate
from suncet_jax.data.load import load
from suncet_jax.data.pipeline import open_data

_COUNTS = {"ant": 10, "bee": 5, "cat": 2}


@pytest.fixture
def config(tmp_path):
  """Three unequal classes, and two images without a class."""
  train = tmp_path / "train"
  for name, count in _COUNTS.items():
    write(train, *(f"{name}/{i}.png" for i in range(count)))
  write(tmp_path / "others", "x.png", "y.png")
  made = configured(train, "", tmp_path / "others")
  made.data.test_fraction = 0.2
  made.data.batch_size = 4
  made.data.labelled.fraction = 1.0
  made.data.labelled.classes_per_batch = 0
  return made


def _test_names(config):
  return set(load(config).test.names)


def test_each_class_gives_its_share_and_at_least_one(config):
  dataset = load(config)
  by_class = collections.Counter(n.split("/")[0] for n in dataset.test.names)
  assert by_class == {"ant": 2, "bee": 1, "cat": 1}
  assert sorted(dataset.test.labels) == [0, 0, 1, 2]
  everything = {f"{c}/{i}.png" for c, n in _COUNTS.items() for i in range(n)}
  everything |= {"x.png", "y.png"}
  assert {*dataset.train.names, *dataset.test.names} == everything
  assert len(dataset.train.names) + len(dataset.test.names) == len(everything)


def test_a_class_keeps_an_image_to_train_with(config):
  config.data.test_fraction = 0.99
  dataset = load(config)
  by_class = collections.Counter(n.split("/")[0] for n in dataset.train.names)
  assert (by_class["ant"], by_class["bee"], by_class["cat"]) == (1, 1, 1)


def test_the_choice_is_that_of_hashes_of_seed_and_name(config):
  """So it is the same on every machine and in every version."""
  config.data.test_seed = 3
  ants = [f"ant/{i}.png" for i in range(10)]
  ants.sort(key=lambda name: hashlib.sha256(f"3\n{name}".encode()).digest())
  assert {n for n in _test_names(config) if "ant" in n} == {*ants[:2]}


def test_the_runs_seed_does_not_choose_the_test_images(config):
  before = _test_names(config)
  config.seed = 5
  config.data.split_seed = 7
  assert _test_names(config) == before
  seeds = range(1, 6)
  others = [config.copy_and_resolve_references() for _ in seeds]
  for other, seed in zip(others, seeds, strict=True):
    other.data.test_seed = seed
  assert any(_test_names(other) != before for other in others)


def test_another_place_and_another_order_change_nothing(config, tmp_path):
  before = _test_names(config)
  (tmp_path / "train").rename(tmp_path / "moved")
  names = [f"{c}/{i}.png" for c, n in _COUNTS.items() for i in range(n)]
  lines = [f"{name},{name.split('/')[0]}\n" for name in reversed(names)]
  table = tmp_path / "moved" / "list.csv"
  table.write_text("path,label\n" + "".join(lines) + "../others/x.png,\n")
  config.data.train, config.data.unlabelled = str(table), ""
  assert _test_names(config) == before


def test_an_image_more_displaces_one_at_most(config, tmp_path):
  before = _test_names(config)
  for i in range(10, 16):  # from two of ten to three of fifteen
    write(tmp_path / "train", f"ant/{i}.png")
    after = _test_names(config)
    assert len(before - after) <= 1
    assert before - after <= {f"ant/{k}.png" for k in range(16)}
    before = after


def test_no_test_image_is_in_any_part_of_a_run(config, tmp_path):
  config.data.validation.per_class = 1
  config.data.test_fraction = 0.3
  config.data.labelled.fraction = 0.0
  config.data.labelled.per_class = 1
  write(tmp_path / "train", *(f"cat/{i}.png" for i in range(2, 5)))
  pipeline = open_data(config)
  used = {
    pipeline.train.names[row]
    for part in pipeline.splits
    for row in part.tolist()
  }
  assert not used & {*pipeline.test.names}
  assert used == {*pipeline.train.names}
  assert pipeline.named_test()[0][1] == "ant"
  assert len(pipeline.named_test()) == len(pipeline.test.names)


def test_a_class_of_one_image_is_refused(config, tmp_path):
  write(tmp_path / "train", "eel/0.png")
  with pytest.raises(ValueError, match=r"test_fraction needs two .* of eel\."):
    load(config)


def test_validation_that_finds_too_few_images_says_who_took_them(config):
  config.data.validation.per_class = 2
  with pytest.raises(ValueError, match=r"cat \(1\).*test_fraction comes first"):
    open_data(config)


def test_a_link_to_another_training_image_is_refused_as_such(config, tmp_path):
  (tmp_path / "train/ant/link.png").symlink_to(tmp_path / "train/ant/0.png")
  with pytest.raises(ValueError, match="1 training images occur twice"):
    load(config)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"data.test_fraction": 0.0}, "empty.*--config.data.test_fraction=0.2"),
    ({"data.test_fraction": 1.0}, "at least 0 and below 1"),
    ({"data.test_fraction": -0.1}, "at least 0 and below 1"),
    ({"data.test": "t"}, "'t' and data.test_fraction 0.2, expected one"),
    (
      {"data.source": "digits", "data.train": "", "data.unlabelled": ""},
      "data.test_fraction is 0.2, which only data.source 'folder' has",
    ),
    (
      {"data.labelled.file": "l.txt", "data.labelled.fraction": 0.0},
      "may take images that data.labelled.file names",
    ),
    ({"data.validation.file": "v.txt"}, "that data.validation.file names"),
  ],
)
def test_what_does_not_go_with_it_is_refused(config, fields, message):
  config.evals.every_epochs = 0.0
  validate(config)
  config.update_from_flattened_dict(fields)
  with pytest.raises(ConfigError, match=message) as caught:
    validate(config)
  assert "has 1 fault" in str(caught.value)
