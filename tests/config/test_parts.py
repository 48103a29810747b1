"""What `optim.parts` may hold, and what is said of what it may not."""

import json

import pytest

from suncet_jax.config import ConfigError, base, from_dict, overrides, validate
from suncet_jax.config.same_run import differences


def _config(method="ugan", **parts):
  config = base(method)
  config.data.labelled.per_class = 5
  config.data.validation.per_class = 5
  config.optim.parts = parts
  return config


def _faults(method="ugan", **parts):
  config = _config(method, **parts)
  with pytest.raises(ConfigError) as error:
    validate(config)
  lines = str(error.value).splitlines()[1:]
  return [line.strip() for line in lines]


def test_parts_may_differ_from_the_rest():
  config = _config(
    critic={"name": "adam", "peak_lr": 3e-4, "momentum": 0.5},
    backbone={"weight_decay": 1},  # a whole number is a number
    logits={},
  )
  validate(config)


def test_an_unknown_part_is_told_with_those_that_there_are():
  (text,) = _faults(critc={"peak_lr": 0.1})
  assert text == (
    "optim.parts.critc is no part of ugan, expected some of backbone, logits, "
    "generator, critic, bad_generator: is critic meant?"
  )
  (text,) = _faults("simclr", critic={"peak_lr": 0.1})
  assert text.endswith("expected some of backbone, projection.")


def test_a_half_of_the_game_may_keep_the_settings_of_the_other():
  config = _config(critic={"peak_lr": 0.1})
  config.method.good = False
  validate(config)


@pytest.mark.parametrize(
  ("fields", "told"),
  [
    (
      {"lr": 0.1},
      'optim.parts.critic.lr is not a field. Did you mean "peak_lr"',
    ),
    ({"beta1": 0.5}, 'Did you mean "momentum"'),
    ({"peek_lr": 0.1}, 'Did you mean "peak_lr"'),
    (
      {"peak_lr": 0.0},
      "optim.parts.critic.peak_lr is 0.0, expected a learning",
    ),
    ({"peak_lr": "fast"}, "critic.peak_lr is 'fast', expected a number."),
    ({"nesterov": 1}, "critic.nesterov is 1, expected True or False."),
    ({"name": "adamm"}, "expected one of lars, larc, sgd, adam, adamw."),
    (
      {"peak_lr": 0.1, "final_lr": 0.2},
      "0.2 is above optim.parts.critic.peak_",
    ),
    ({"layer_decay": 0.5}, "optim.parts.critic.layer_decay is not a field."),
  ],
)
def test_a_field_of_a_part_is_checked_as_that_of_all(fields, told):
  (text,) = _faults(critic=fields)
  assert told in text


def test_a_part_that_holds_no_fields_is_told():
  (text,) = _faults(critic=3e-4)
  assert text.startswith("optim.parts.critic is 0.0003, expected the fields of")


def test_a_fault_of_all_is_told_once():
  config = _config(critic={"name": "adam"})
  config.optim.update(peak_lr=0.1, final_lr=0.2)
  with pytest.raises(ConfigError, match="has 1 fault:"):
    validate(config)


def test_they_outlive_json_and_decide_the_run():
  config = _config(critic={"peak_lr": 3e-4})
  values = json.loads(json.dumps(config.to_dict()))
  again = from_dict(values)
  assert again.optim.parts.critic.peak_lr == 3e-4
  assert not differences(values, again.to_dict())
  other = from_dict(values)
  other.optim.parts.critic.peak_lr = 1e-3
  assert differences(values, other.to_dict()) == [
    "optim.parts.critic.peak_lr: 0.0003 -> 0.001"
  ]
  assert differences(_config().to_dict(), values) == [
    "optim.parts.critic.peak_lr: (absent) -> 0.0003"
  ]


def test_a_command_line_changes_what_a_file_sets():
  config = _config(critic={"peak_lr": 3e-4})
  overrides.check(config, ["--config.optim.parts.critic.peak_lr=1e-3"])
  for word, told in (
    ("critic.momentum=0.5", "is not set by the configuration file"),
    ("critic.peak_lr=quick", "is 'quick', expected a number"),
    ("critic.lr=1", 'Did you mean "peak_lr"'),
  ):
    with pytest.raises(ConfigError, match=told):
      overrides.check(config, [f"--config.optim.parts.{word}"])
