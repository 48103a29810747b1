"""Names of devices, their figures, and what is said without a compiler."""

import fcntl
import importlib.util
import re

import pytest

from suncet_jax.errors import UserError
from suncet_jax.preflight import compilers, targets


@pytest.mark.parametrize(
  ("name", "devices", "hosts", "topology"),
  [
    ("v5e:8x8", 64, 16, "v5e:8x8"),
    ("v4:2x2x1", 4, 1, "v4:2x2x1"),
    ("TPU7x:2x2x1", 8, 1, "tpu7x:2x2x1"),
    ("h100x8", 8, 1, "1x1x8"),
    ("b200x16", 16, 2, "1x2x8"),
    ("a100x1", 1, 1, "1x1x1"),
  ],
)
def test_names_of_devices(name, devices, hosts, topology):
  found = targets.one(name)
  assert (found.devices, found.hosts) == (devices, hosts)
  assert found.topology == topology


@pytest.mark.parametrize(
  ("name", "said"),
  [
    ("v9:2x2", "expected one of v4, v5e"),
    ("h100", "v5e:8x8"),
    ("h100:8", "h100x8"),
    ("v5ex8", "expected one of"),
    ("v5e:8", "2 axes, up to 16x16"),
    ("v5e:16x32", "2 axes, up to 16x16"),
    ("v5p:4x4", "3 axes"),
    ("v5e:0x2", "no sizes"),
    ("h100xa", "no sizes"),
    ("h100x12", "whole hosts of 8"),
  ],
)
def test_a_wrong_name_is_refused_with_what_is_expected(name, said):
  with pytest.raises(UserError, match=re.escape(said)):
    targets.one(name)


def test_several_are_separated_by_commas_and_none_is_an_error():
  found = targets.parse("v5e:8x8, h100x8,")
  assert [each.name for each in found] == ["v5e:8x8", "h100x8"]
  with pytest.raises(UserError, match="--on is empty"):
    targets.parse(" ")


def test_a_single_chip_is_asked_for_as_a_host_of_its_own():
  assert targets.one("v5e:1x1").options() == {
    "chips_per_host_bounds": (1, 1, 1)
  }
  assert targets.one("v5e:2x2").options() == {}
  assert targets.one("v4:2x2x1").options() == {"chip_config_name": "megacore"}


def test_clocks_are_those_of_the_vendors_peaks():
  clocks = {
    name: round(chip.clock / 1e9, 2)
    for name, chip in targets.CHIPS.items()
    if chip.platform == targets.TPU
  }
  assert clocks == {
    "v4": 1.05,
    "v5e": 1.5,
    "v5p": 1.75,
    "v6e": 1.75,
    "tpu7x": 2.2,
  }


def test_every_gpu_has_a_description_with_its_source():
  for name, chip in targets.CHIPS.items():
    if chip.platform == targets.CUDA:
      text = targets.description(name)
      assert text.startswith("#")
      assert "target_config/specs/" in text
      size = re.search(r"device_memory_size: (\d+)", text)
      assert float(size[1]) == pytest.approx(chip.memory, rel=0.1)
      speed = re.search(r"memory_bandwidth: (\d+)", text)
      assert float(speed[1]) == pytest.approx(chip.bandwidth, rel=0.01)


def test_collectives_take_longer_for_more_bytes_starts_and_hosts():
  pod, host = targets.one("v5e:8x8"), targets.one("v5e:2x2")
  assert pod.collective_seconds(10, 2e8) == pytest.approx(1e-3 + 10 * 18e-6)
  assert host.collective_seconds(10, 2e8) < pod.collective_seconds(10, 2e8)
  eight, sixteen = targets.one("h100x8"), targets.one("h100x16")
  assert eight.collective_seconds(1, 1e9) < sixteen.collective_seconds(1, 1e9)


@pytest.mark.parametrize(
  ("name", "extra"), [("v5e:2x2", "tpu"), ("h100x8", "cuda")]
)
def test_without_a_compiler_one_line_says_what_to_install(
  monkeypatch, name, extra
):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  expected = rf"^--on={name} needs .*suncet_jax\[preflight-{extra}\]'$"
  with pytest.raises(UserError, match=expected):
    compilers.mesh(targets.one(name))


def test_two_at_once_queue_up(tmp_path, monkeypatch):
  monkeypatch.setattr(compilers.tempfile, "gettempdir", lambda: str(tmp_path))
  said = []
  with compilers.alone(said.append):
    assert not said
    # The lock belongs to the open file, so this process can be its own rival.
    path = tmp_path / "suncet_jax-preflight.lock"
    with path.open("a") as rival, pytest.raises(BlockingIOError):
      fcntl.flock(rival, fcntl.LOCK_EX | fcntl.LOCK_NB)
  with compilers.alone(said.append):
    assert not said
