"""Which configurations may share a folder."""

import json

from suncet_jax.config import base, differences, fingerprint, from_dict


def _as_read_from_a_file(config):
  return json.loads(json.dumps(config.to_dict()))


def test_a_configuration_equals_itself_read_from_a_file():
  config = base()
  assert differences(_as_read_from_a_file(config), config.to_dict()) == []
  assert fingerprint(_as_read_from_a_file(config)) == fingerprint(
    config.to_dict()
  )


def test_differences_show_old_and_new():
  old, new = base(), base()
  new.optim.peak_lr = 0.3
  new.augment.crop_scale = (0.2, 1.0)
  assert differences(old.to_dict(), new.to_dict()) == [
    "augment.crop_scale: [0.08, 1.0] -> [0.2, 1.0]",
    "optim.peak_lr: 1.0 -> 0.3",
  ]
  assert fingerprint(old.to_dict()) != fingerprint(new.to_dict())


def test_a_field_that_is_new_is_a_difference():
  old = base().to_dict()
  new = {**old, "extra": 1}
  assert differences(old, new) == ["extra: (absent) -> 1"]


def test_logging_and_saving_do_not_make_another_run():
  old, new = base(), base()
  new.log.every_steps = 77
  new.checkpoint.keep = 5
  assert differences(old.to_dict(), new.to_dict()) == []
  assert fingerprint(old.to_dict()) == fingerprint(new.to_dict())


def test_folders_of_version_0_1_go_on():
  """Then every configuration held the fields of all methods."""
  new = base("simclr").to_dict()
  old = json.loads(json.dumps(new))
  old["method"] |= {"suncet_weight": 1.0, "supervised_epochs": 250}
  del old["evals"]["finetune"]["backbone_scale"]  # which is newer
  assert differences(old, new) == []
  assert fingerprint(old) == fingerprint(new)
  assert from_dict(old).to_dict() == base("simclr").to_dict()


def test_a_newer_field_that_is_not_at_its_default_is_a_difference():
  old, new = base().to_dict(), base().to_dict()
  del old["evals"]["finetune"]["backbone_scale"]
  new["evals"]["finetune"]["backbone_scale"] = 0.5
  assert differences(old, new) == ["evals.finetune.backbone_scale: 1.0 -> 0.5"]
