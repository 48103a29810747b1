"""The time left until the end, which is right or not shown."""

import pytest

from suncet_jax.train.time_left import TimeLeft


def test_without_a_step_since_the_first_it_is_not_known():
  left = TimeLeft(100)
  left.start(1, now=50.0)
  assert left.at(1, now=50.0) is None
  assert TimeLeft(100).at(10, now=50.0) is None


def test_compiling_is_not_counted():
  left = TimeLeft(180)
  left.start(1, now=28.0)
  assert left.at(10, now=28.9) == pytest.approx(17.0)


def test_a_later_compilation_is_not_counted_either():
  left = TimeLeft(100)
  left.start(0, now=0.0)
  for step in range(10, 50, 10):
    assert left.at(step, now=step) == pytest.approx(100 - step)
  # Steps of another kind: 40 seconds more, once.
  assert left.at(50, now=90.0) == pytest.approx(50)
  assert left.at(60, now=100.0) == pytest.approx(40)


def test_another_pace_is_followed():
  left, now = TimeLeft(1000), 0.0
  left.start(0, now)
  for step in range(10, 510, 10):
    now += 10.0 if step <= 250 else 20.0
    seconds = left.at(step, now)
  assert seconds == pytest.approx(500 * 2.0)


def test_evaluations_count_as_the_later_ones_take():
  left, now = TimeLeft(100), 0.0
  left.start(0, now)
  for step in range(10, 60, 10):
    # The first compiles.
    pause = 30.0 if step == 10 else 2.0
    now += 10.0 + pause
    left.pause(pause)
    seconds = left.at(step, now)
  assert seconds == pytest.approx(5 * 12.0)


def test_nothing_is_left_after_the_last_step():
  left = TimeLeft(20)
  left.start(11, now=3.0)  # a run that goes on
  assert left.at(20, now=12.0) == 0
