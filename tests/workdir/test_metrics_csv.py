"""Reading `metrics.csv` and writing numbers for people."""

import csv
import math

import numpy as np
import pytest

from suncet_jax import report
from suncet_jax.report import wording
from suncet_jax.workdir.metrics_csv import MetricsFile, curve, last_value


def test_round_trip(tmp_path):
  rows = [
    {"step": 0.0, "loss": 0.1 + 0.2},
    {"step": 10.0, "loss": math.inf, "val_knn_top1": 1e-17},
    {"step": 20.0},
  ]
  path = tmp_path / "metrics.csv"
  with path.open("w", newline="") as file:
    writer = csv.DictWriter(file, ["step", "loss", "val_knn_top1"])
    writer.writeheader()
    writer.writerows(rows)
  assert report.read_history(path) == rows


def test_half_written_line_is_not_read(tmp_path):
  path = tmp_path / "metrics.csv"
  path.write_text("step,images_seen\n1,1000\n2,20")
  assert report.read_history(path) == [{"step": 1.0, "images_seen": 1000.0}]


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("step,loss\n1,2\n2,high\n", r"line 3: column 'loss'.*'high'"),
    ("step\n1,2\n", "line 2: more cells"),
  ],
)
def test_broken_files_name_the_place(tmp_path, text, message):
  path = tmp_path / "metrics.csv"
  path.write_text(text)
  with pytest.raises(ValueError, match=message):
    report.read_history(path)


def test_a_table_that_another_program_has_saved(tmp_path):
  path = tmp_path / "metrics.csv"
  path.write_bytes(b"\xef\xbb\xbfstep,loss\r\n1,2\r\n2,3\r\n")
  assert report.read_history(path)[0] == {"step": 1.0, "loss": 2.0}
  table = MetricsFile(path, resume_step=1)
  table.add({"step": 5, "loss": 4.0})
  assert path.read_text() == "step,loss\n1,2\n5,4.0\n"
  for damage in ("step;loss\n1;2\n", "step,loss\n1.5,2\n", "x\n" * 3):
    path.write_text(damage)
    with pytest.raises(ValueError, match=r"metrics.csv is not .* Remove it"):
      MetricsFile(path, resume_step=1)


def test_curve_takes_rows_where_both_are_finite():
  history = [{"x": 1.0, "y": 2.0}, {"x": 2.0}, {"x": 3.0, "y": math.nan}]
  history.append({"x": 4.0, "y": 5.0})
  xs, ys = curve(history, "x", "y")
  np.testing.assert_array_equal(xs, [1, 4])
  np.testing.assert_array_equal(ys, [2, 5])
  assert last_value(history, "y") == 5
  assert last_value(history, "z") is None


@pytest.mark.parametrize(
  ("value", "text"),
  [
    (0, "0"),
    (500, "500"),
    (12000, "12k"),
    (999_999, "1M"),
    (1.25e6, "1.25M"),
    (3e18, "3E"),
  ],
)
def test_short(value, text):
  assert wording.short(value) == text


@pytest.mark.parametrize(
  ("value", "text"),
  [(0.25, "0.25"), (4382.2, "4,382"), (1.2e6, "1.2M"), (None, wording.NOTHING)],
)
def test_brief(value, text):
  assert wording.brief(value) == text


@pytest.mark.parametrize(
  ("seconds", "text"),
  [
    (0.2, "0 s"),
    (59.7, "1 min 0 s"),
    (3725, "1 h 2 min"),
    (180000, "2 d 2 h"),
    (math.nan, wording.NOTHING),
    (None, wording.NOTHING),
  ],
)
def test_duration(seconds, text):
  assert wording.duration(seconds) == text


def test_known_metrics_come_first_and_nan_is_absent():
  results = [
    {"metrics": {"a_new_one": 0.1, "linear_top1": 0.2}},
    {"metrics": {"knn_top1": 0.3, "soft_nn_top1": math.nan}},
    {},
  ]
  names = wording.metric_names(results)
  assert names == ["knn_top1", "linear_top1", "a_new_one"]
