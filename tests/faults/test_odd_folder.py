"""A run in a folder whose path is full of patterns: stopped, resumed, read."""

import re
import signal

import fault_runs
import numpy as np
import pytest
import running

from suncet_jax import load_encoder

pytestmark = pytest.mark.slow  # every day: tests/workdir/test_literal_path.py

_PARENT, _RUN = "a[1]*?\\b {x}", "-näive [run] %20"


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory, cache):
  """Returns a run that SIGTERM stopped and the same command finished."""
  folder = tmp_path_factory.mktemp("odd") / _PARENT / _RUN
  process = fault_runs.start(folder, cache)
  running.wait_for(process, "step 4/27")
  process.send_signal(signal.SIGTERM)
  saved = re.search(r"Saved step (\d+) of", fault_runs.output_of(process))
  output = fault_runs.run(folder, cache)
  assert f"Going on from step {saved[1]}" in output
  return folder


def test_it_ends_with_the_same_bits(odd_run, small_run):
  fault_runs.assert_same_run(odd_run, small_run)
  assert [path.name for path in odd_run.parent.parent.iterdir()] == [_PARENT]


def test_the_encoder_is_loaded_and_converted(odd_run, small_run):
  images = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
  expected = load_encoder(small_run)(images)
  file = odd_run.parent / "out[1].npz"
  code, output = running.run(
    "suncet_jax.convert", str(odd_run), f"--out={file}"
  )
  assert code == 0, output
  for place in (odd_run, file):
    np.testing.assert_array_equal(load_encoder(place)(images), expected)


def test_it_is_evaluated_and_reported(odd_run, cache):
  code, output = running.run(
    "suncet_jax.evaluate", f"--workdir={odd_run}", "--evals=knn", cache=cache
  )
  assert code == 0, output
  assert (odd_run / "evaluations-27.json").exists()
  page = odd_run.parent / "page [1].html"
  code, output = running.run("suncet_jax.report", str(odd_run), f"--out={page}")
  assert code == 0, output
  assert page.exists()
