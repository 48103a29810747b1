"""What a method logs is watched for signs of a collapse."""

import pytest

from suncet_jax.plugins import Symptom
from suncet_jax.train.watch import Watch

_CLOSED = Symptom("mask", lambda v: v < 0.01, "Lower the threshold.", 0.2)


@pytest.mark.parametrize(
  ("values", "told_at"),
  [
    ([0.0, 0.0, 0.0, 0.0, 0.0], 30),  # told once
    ([0.0, 0.0, 0.5, 0.0, 0.0], None),  # it did not last
    ([0.0, 0.5, 0.0, 0.0, 0.0], 50),
    ([0.5, 0.5, 0.5, 0.5, 0.5], None),
    ([float("nan")] * 5, None),
  ],
)
def test_a_symptom_that_lasts_is_named_once(values, told_at, caplog):
  watch = Watch([_CLOSED], total_steps=100)
  said = {}
  for step, value in zip(range(10, 60, 10), values, strict=True):
    watch.see(step, {"mask": value, "loss": 1.0})
    said[step] = [record.getMessage() for record in caplog.records]
    caplog.clear()
  told = {step: lines for step, lines in said.items() if lines}
  assert list(told) == ([told_at] if told_at else [])
  for (line,) in told.values():
    began = told_at - 20
    assert line == (
      f"Step {told_at}: mask has been near 0 since step {began}. Lower the "
      "threshold."
    )


def test_a_metric_that_is_not_logged_is_no_symptom(caplog):
  Watch([_CLOSED._replace(share=0.0)], 10).see(1, {"loss": 0.0})
  assert not caplog.records
