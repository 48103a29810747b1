"""Every fault of a configuration, in one message."""

import pytest

from suncet_jax.config import ConfigError, base, validate


def _sound(method="suncet"):
  config = base(method)
  config.data.labelled.per_class = 5
  config.data.validation.per_class = 5
  return config


def test_a_sound_configuration_passes():
  validate(_sound())


@pytest.mark.parametrize(
  ("path", "value", "part"),
  [
    ("method.temperature", 0.0, "method.temperature is 0.0, expected > 0"),
    ("method.temperature", float("nan"), "expected a finite number"),
    ("optim.peak_lr", float("inf"), "expected a finite number"),
    ("method.name", "moco", "'moco', expected one of .*simclr, suncet"),
    ("optim.momentum", 1.0, "below 1"),
    ("augment.hue", 0.7, "between 0 and 0.5"),
    ("augment.crop_scale", (0.5, 0.2), r"0.0 < a <= b <= 1.0"),
    ("augment.blur_sigma", (0.1,), "expected two values"),
    ("augment.crop_scale", (0.5, "a"), "expected finite numbers"),
    ("augment.mean", (float("inf"),), "expected finite numbers"),
    ("seed", 2**31, "below 2\\*\\*31"),
    ("optim.peak_lr", 1e39, "float32 can hold"),
    ("data.test_split", "train", "which is trained on"),
    ("augment.flip_prob", 1.5, "between 0 and 1"),
    ("optim.warmup_epochs", 100.0, "less than train.epochs 100"),
    ("optim.final_lr", 2.0, "above optim.peak_lr"),
    ("method.supervised_epochs", -2, "expected -1"),
    ("data.labelled.fraction", 0.1, "exactly one of per_class, fraction"),
    ("data.labelled.per_class", 0, "exactly one of per_class, fraction"),
    ("data.labelled.images_per_class", 1, "no labelled row has a positive"),
    ("data.source", "s3", "expected one of digits, tfds, folder, arrays"),
    ("data.source", "tfds", "data.tfds_name is empty"),
    ("data.source", "folder", "data.train is empty, expected a folder"),
    ("data.train", "cats", "only data.source 'folder' has"),
    ("data.reading", "random", "only data.source 'tfds' has"),
    ("data.reading", "jpeg", "expected one of memory, random, streaming"),
    ("data.max_bad_fraction", 2.0, "between 0 and 1"),
    ("data.validation.file", "val.txt", "expected one of the two"),
    ("multicrop.crop_scale", (0.0, 0.1), "0.0 < a <= b"),
    ("data.resize", 100, "smaller than data.centre_crop"),
    ("data.validation.per_class", 0, "data.validation.per_class is 0"),
    ("augment.mean", (0.5,), "one value per channel each"),
    ("evals.final", ("knn", "svm"), "evals.final has svm"),
    ("model.name", "resnet51", "resnet50"),
  ],
)
def test_a_fault_is_named_with_its_value(path, value, part):
  config = _sound()
  *parents, name = path.split(".")
  part_of_config = config
  for parent in parents:
    part_of_config = part_of_config[parent]
  part_of_config[name] = value
  with pytest.raises(ConfigError, match=part):
    validate(config)


@pytest.mark.parametrize(
  ("method", "needs_positives"),
  [
    ("suncet", True),
    ("swav_suncet", True),
    ("fixmatch", False),
    ("comatch", False),
    ("paws", False),
    ("supervised", False),
    ("simclr", False),
  ],
)
def test_single_labelled_rows_are_for_methods_without_positives(
  method, needs_positives
):
  config = _sound(method)
  config.data.labelled.update(images_per_class=1, views=1)
  if not needs_positives:
    validate(config)
    return
  with pytest.raises(ConfigError, match="no labelled row has a positive"):
    validate(config)


def test_all_faults_come_at_once():
  config = _sound()
  config.method.temperature = -1.0
  config.train.epochs = 0
  config.optim.name = "rmsprop"
  with pytest.raises(ConfigError, match="has 3 faults") as caught:
    validate(config)
  for name in ("method.temperature", "train.epochs", "optim.name"):
    assert name in str(caught.value)


def test_a_missing_list_of_labels_says_where_to_get_it():
  config = _sound()
  config.data.labelled.per_class = 0
  config.data.labelled.file = "10percent.txt"
  validate(config)
  with pytest.raises(ConfigError, match="google-research/simclr"):
    validate(config, check_files=True)


def test_a_configuration_holds_the_fields_of_its_own_method_only():
  assert set(base("simclr").method) == {
    "name",
    "temperature",
    "stop_gradient_keys",
  }
  assert set(base("supervised").method) == {"name", "view"}
  assert "strong" in base("supervised")
  assert "strong" not in base("simclr")


def test_another_methods_fields_are_refused_with_the_way_to_choose_one():
  config = _sound()
  config.method.name = "simclr"
  with pytest.raises(ConfigError) as caught:
    validate(config)
  text = str(caught.value)
  assert "method.suncet_weight is not a field" in text
  assert "--config=FILE.py:method=simclr" in text
  assert "base('simclr')" in text


@pytest.mark.parametrize(
  ("fields", "part"),
  [
    ({"model.vit.registers": 4}, "registers is 4, which only vision trans"),
    (
      {"model.name": "vit_s14"},
      "augment.size is 32, expected a multiple of 14",
    ),
    (
      {"model.name": "vit_s16", "evals.image_size": 40},
      "evals.image_size is 40, expected a multiple of 16",
    ),
    (
      {
        "model.name": "vit_s16",
        "data.source": "folder",
        "data.centre_crop": 90,
      },
      "data.centre_crop is 90, expected a multiple of 16",
    ),
  ],
)
def test_fields_of_vision_transformers_fit_the_model(fields, part):
  config = _sound()
  config.update_from_flattened_dict(fields)
  with pytest.raises(ConfigError, match=part):
    validate(config)
