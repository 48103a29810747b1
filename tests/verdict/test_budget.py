"""Minutes as a share of SimCLR's images, by the speed of an epoch."""

import pytest

from suncet_jax.verdict import budget
from suncet_jax.verdict.budget import Speed

_SPEEDS = {"suncet": Speed(0.2, 1.5), "comatch": Speed(0.4, 7.0)}


def test_who_is_twice_as_slow_has_half_of_the_images():
  found = budget.from_speeds(
    {"suncet": Speed(0.1, 1.0), "paws": Speed(0.1, 2.0)}, 10.0
  )
  assert found.shares == pytest.approx({"suncet": 1.0, "paws": 0.5})
  assert found.too_slow == []


def test_what_has_no_epoch_in_the_minutes_is_left_out():
  found = budget.from_speeds(_SPEEDS, 6.0)
  assert found.shares == pytest.approx({"suncet": 0.8})
  assert found.too_slow == ["comatch"]
  assert "comatch 7 minutes an epoch, left out" in found.told
  assert "suncet 1.5 minutes an epoch, 0.8 of the images" in found.told


def test_compiling_is_not_timed(tmp_path):
  table = tmp_path / "metrics.csv"
  table.write_text("step,images_seen,seconds\n1,100,60\n2,200,66\n3,300,72\n")
  assert budget._minutes(tmp_path) == pytest.approx(18 / 60)
  table.write_text("step,images_seen,seconds\n1,100,60\n")
  assert budget._minutes(tmp_path) == pytest.approx(1.0)
