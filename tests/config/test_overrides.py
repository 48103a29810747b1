"""Fields on the command line that are misspelt, or of another type."""

import pytest

from suncet_jax.config import base
from suncet_jax.config.neighbours import neighbours
from suncet_jax.config.overrides import check
from suncet_jax.config.schema import all_fields
from suncet_jax.config.validation import ConfigError, faults
from suncet_jax.fields import flatten

_FIELDS = flatten(all_fields("suncet"))


@pytest.mark.parametrize(
  ("name", "near"),
  [
    ("optim.lr", ["optim.peak_lr"]),  # by its meaning
    ("lr", ["optim.peak_lr"]),
    ("optim.peak_lrr", ["optim.peak_lr"]),
    ("optm.peak_lr", ["optim.peak_lr"]),  # the group is misspelt
    ("method.temprature", ["method.temperature"]),
    ("suncet_wieght", ["method.suncet_weight"]),
    ("method.weight", ["method.suncet_weight"]),
    (
      "data.val.per_class",
      ["data.labelled.per_class", "data.validation.per_class"],
    ),
    ("quaternions", []),
  ],
)
def test_the_neighbours_of_a_field(name, near):
  assert neighbours(name, _FIELDS) == near


def test_a_name_of_another_group_is_found_there():
  assert "data.batch_size" in neighbours("train.batch_size", _FIELDS)


def _sound():
  config = base("suncet")
  config.data.labelled.per_class = 5
  config.data.validation.per_class = 5
  return config


def test_all_faults_of_a_command_line_come_in_one_message():
  words = (
    *("--config.optim.lr=0.1", "--config.optm.peak_lr=1"),
    *("--config.train.epochs=many", "--config.data.batch_size=-4"),
    "--config.data.source=folder",
  )
  with pytest.raises(ConfigError, match="has 6 faults") as caught:
    check(_sound(), ["suncet_jax.main", *words])
  for part in (
    'optim.lr is not a field. Did you mean "peak_lr"? optim.peak_lr: Learning',
    'optm.peak_lr is not a field. Did you mean "optim.peak_lr"?',
    "train.epochs is 'many', expected a whole number.",
    "data.batch_size is -4, expected > 0.",
    "data.train is empty",
    "data.test is empty",
  ):
    assert part in str(caught.value)


@pytest.mark.parametrize(
  "word",
  [
    "--config.log.report=False",
    "--noconfig.log.report",
    "-config.seed=3",
    "--config.augment.crop_scale=(0.1, 0.9)",
    "--config.train.epochs",  # the value is the next word
    "--config.optim={'name': 'sgd'}",
    "--config.data.batch_size=-4",  # a fault, but validate() names it
    "--configuration.of=others",
  ],
)
def test_what_can_be_set_is_left_alone(word):
  config = _sound()
  check(config, [word])
  assert config == _sound()


@pytest.mark.parametrize("word", ["--config.log.reprot", "--noconfig.log.rep"])
def test_names_without_a_value_are_checked_too(word):
  with pytest.raises(ConfigError, match=r'log.rep\w* is not a field.*"report"'):
    check(_sound(), [word])


def test_combinations_are_checked_beside_faulty_fields():
  config = _sound()
  config.data.batch_size = -4
  config.data.source = "folder"
  found = faults(config)
  assert found[0].startswith("data.batch_size is -4")
  assert any(text.startswith("data.train is empty") for text in found)


@pytest.mark.parametrize(
  ("name", "value"), [("peak_lr", -1.0), ("warmup_epochs", -5.0)]
)
def test_a_default_in_place_of_a_faulty_value_is_no_fault(name, value):
  config = _sound()
  config.optim.final_lr = 0.5
  config.train.epochs = 1
  config.optim[name] = value
  (found,) = faults(config)
  assert found.startswith(f"optim.{name} is {value}")


def test_a_faulty_number_of_labels_is_one_fault():
  config = _sound()
  config.data.labelled.per_class = -3
  (found,) = faults(config)
  assert found.startswith("data.labelled.per_class is -3")


def test_a_misspelt_field_in_a_file_names_its_neighbour():
  config = _sound()
  config.method.temprature = 0.2
  (found,) = faults(config)
  assert 'Did you mean "temperature"?' in found
