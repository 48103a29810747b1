"""Curves of several runs: mean, spread, and how they are drawn."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from suncet_jax.report.chart import ChartGroup, curves
from suncet_jax.report.page import part_html
from suncet_jax.report.picture import curves_png
from suncet_jax.report.spread import mean_and_spread, running_mean, thinned


def test_mean_and_spread_on_the_range_that_all_cover():
  first = np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 4.0])
  second = np.array([1.0, 3.0]), np.array([5.0, 7.0])
  x, mean, deviation, count = mean_and_spread([first, second])
  np.testing.assert_array_equal(x, [1, 2, 3])
  # The first is y = x there, the second y = x + 4.
  np.testing.assert_allclose(mean, [3, 4, 5])
  np.testing.assert_allclose(deviation, np.sqrt(8.0))
  assert count == 2


def test_one_curve_is_itself_without_what_is_not_finite():
  curve = np.array([2.0, 0.0, 1.0]), np.array([5.0, 1.0, np.nan])
  x, mean, deviation, _ = mean_and_spread([curve])
  np.testing.assert_array_equal(x, [0, 2])
  np.testing.assert_array_equal(mean, [1, 5])
  np.testing.assert_array_equal(deviation, [0, 0])


def test_curves_without_common_range_have_no_mean():
  apart = [(np.arange(3.0) + 10 * i, np.ones(3)) for i in range(2)]
  assert mean_and_spread(apart).x.size == 0
  assert mean_and_spread([]).count == 0


@pytest.mark.parametrize("n", [1, 300, 301, 5000])
def test_thinned_keeps_ends_and_mean(n):
  x = np.linspace(0, 1, n)
  short_x, short_y = thinned((x, 3 * x + 1))
  assert len(short_x) == min(n, 300)
  np.testing.assert_array_equal(short_x[[0, -1]], x[[0, -1]])
  # Means of a straight line lie on it.
  np.testing.assert_allclose(short_y, 3 * short_x + 1)


def test_running_mean_is_the_mean_over_the_window_that_exists():
  values = np.random.default_rng(0).normal(size=12)
  expected = [values[max(0, i - 2) : i + 3].mean() for i in range(12)]
  np.testing.assert_allclose(running_mean(values, 5), expected, atol=1e-12)


def _series(axis=1.0):
  x = np.arange(5.0)
  return {"a": [(axis * x, x), (axis * x, x + 2)], "b": [(axis * x, -x)]}


def _document(chart):
  """Returns the Bokeh models that a page has of a chart, by type."""
  html = part_html(chart)
  text = re.search(r'<script type="application/json">(.*?)</script>', html)
  found = {}

  def walk(value):
    if isinstance(value, dict):
      if value.get("type") == "object":
        found.setdefault(value["name"], []).append(value)
      for inner in value.values():
        walk(inner)
    elif isinstance(value, list):
      for inner in value:
        walk(inner)

  walk(json.loads(text[1]))
  return found


def test_chart_has_a_line_per_run_a_mean_and_a_band():
  models = _document(curves("t", {"epochs": _series()}))
  # Of "a" two thin lines and a mean, of "b" one line.
  assert len(models["Line"]) == 4
  assert len(models["VArea"]) == 1
  labels = [a["attributes"].get("axis_label") for a in models["LinearAxis"]]
  assert "epochs" in labels


@pytest.mark.parametrize(
  ("kind", "low", "axis"),
  [("log", 1.0, "LogAxis"), ("log", -1.0, "LinearAxis"), ("number", 1.0, None)],
)
def test_logarithmic_axis_only_where_it_is_possible(kind, low, axis):
  values = np.array([low, 1000.0])
  series = {"a": [(np.arange(2.0), values)]}
  models = _document(curves("t", {"epochs": series}, kind=kind))
  assert (axis or "LinearAxis") in models
  assert ("LogAxis" in models) == (axis == "LogAxis")


def test_nothing_to_draw_is_said():
  nothing = {"epochs": {"a": [(np.zeros(1), np.full(1, np.nan))]}}
  assert "Nothing to draw" in part_html(curves("t", nothing))
  assert "Nothing to draw" in part_html(curves("t", {}))


def test_texts_in_charts_cannot_end_their_script():
  name = "</script><b>"
  chart = curves(name, {name: {name: [(np.arange(3.0), np.arange(3.0))]}})
  group = ChartGroup([chart], {name: "c0", "x": "c1"}, [name, "y"])
  html = part_html(group)
  assert html.count("</script>") == html.count("<script type=")
  assert "<b>" not in html


def test_description_says_where_curves_end():
  html = part_html(curves("acc", {"epochs": _series()}, kind="percent"))
  assert 'aria-label="acc: a ends at 500.0 %, b ends at -400.0 %."' in html


def test_picture_is_repeatable_and_takes_names_literally():
  axes = {"epochs": _series(), "images": _series(100.0)}
  axes["epochs"]["_$x_{"] = axes["epochs"].pop("b")
  draw = lambda: curves_png("$t_", axes)  # noqa: E731
  content = draw()
  assert content == draw()
  with Image.open(io.BytesIO(content)) as image:
    colors = {color for _, color in image.convert("RGB").getcolors(1 << 24)}
    assert image.width > 1.5 * image.height
  assert {(0x25, 0x63, 0xA8), (0xC4, 0x3D, 0x3D)} <= colors


@pytest.mark.parametrize(("count", "rows"), [(5, 1), (6, 2), (11, 3)])
def test_a_panel_of_a_picture_has_five_lines_at_most(count, rows):
  x = np.arange(4.0)
  series = {f"m{i}": [(x, x + i), (x, x - i)] for i in range(count)}
  with Image.open(io.BytesIO(curves_png("t", {"epochs": series}))) as image:
    assert image.height == rows * round(3.4 * 160)
