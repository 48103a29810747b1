"""A data set of TFDS that must be downloaded where there is no network."""

import pytest

from suncet_jax.config import base
from suncet_jax.data.tfds import load
from suncet_jax.files import network


def test_it_is_said_before_tfds_tries_for_minutes(monkeypatch, tmp_path):
  asked = []
  monkeypatch.setattr(network, "can_reach", asked.append)
  config = base()
  config.data.update(tfds_name="cifar10", data_dir=str(tmp_path))
  with pytest.raises(ValueError) as caught:
    load.load_tfds(config)
  text = str(caught.value)
  (url,) = asked
  assert f"{url} cannot be reached" in text
  assert f"--dataset=cifar10 --data_dir={tmp_path}" in text
  assert not list(tmp_path.iterdir())


def test_what_is_prepared_needs_no_network(monkeypatch, colour_blocks):
  monkeypatch.setattr(network, "can_reach", lambda url: False)
  config = base()
  config.data.update(tfds_name="colour_blocks", data_dir=colour_blocks)
  config.data.update(test_split="validation", reading="random")
  assert load.load_tfds(config).train.labels.size
