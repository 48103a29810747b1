"""Two comparisons side by side, and all candidates of a verdict."""

import json
import subprocess
import sys

import programs
import pytest
import running

from benchmarks.verdict import __main__ as verdict
from suncet_jax.verdict.candidates import candidates
from suncet_jax.verdict.rounds import Result


def _comparison(folder, seeds, linear):
  for seed in seeds:
    run = folder / f"suncet-seed{seed}"
    run.mkdir(parents=True)
    ends = [{"step": 1, "linear_top1": 0.1}, {"step": 2, "linear_top1": linear}]
    (run / "measures.json").write_text(json.dumps({"5": ends}))
  return str(folder)


def test_gains_are_within_a_seed(tmp_path):
  nothing = _comparison(tmp_path / "a", (70, 71), 0.5)
  weights = [
    _comparison(tmp_path / "b", (70,), 0.75),
    _comparison(tmp_path / "c", (71,), 0.25),
  ]
  out = programs.output("benchmarks.transfer", nothing, *weights)
  assert "| suncet | linear | 50.0 | 50.0 | +0.0 | +25.0, -25.0 |" in out


def test_a_run_on_one_side_alone_is_named(tmp_path):
  nothing = _comparison(tmp_path / "a", (70, 71), 0.5)
  weights = _comparison(tmp_path / "b", (70,), 0.75)
  with pytest.raises(subprocess.CalledProcessError) as raised:
    programs.output("benchmarks.transfer", nothing, weights)
  assert "('suncet', 71)" in raised.value.stderr


def test_candidates_are_set_against_the_recommendation():
  one, two = candidates(["suncet", "supervised"], has_weights=False)
  results = [
    Result(one, 1.0, {0: 0.5, 1: 0.6}, 0.0, 0.0),
    Result(two, 1.0, {0: 0.6, 1: 0.8}, 0.0, 0.0),
  ]
  assert verdict.rows(results, "suncet") == [
    ["supervised", "70.0", "60.0, 80.0", "+15.0, standard error 5.0"],
    ["suncet", "55.0", "50.0, 60.0", ""],
  ]


def test_fields_of_a_verdict_are_read_from_its_command():
  told = (
    f"python -m suncet_jax.verdict --config={running.ROOT}/configs/digits.py"
  )
  told += ":epochs=2 --config.augment.size=24 --labels=10 --seeds=1,2"
  code = "from benchmarks.verdict.__main__ import _asked; import sys; "
  code += "print(_asked(sys.argv[1]))"
  out = subprocess.run(
    [sys.executable, "-c", code, told],
    cwd=running.ROOT,
    capture_output=True,
    text=True,
    check=True,
  ).stdout
  assert "digits.py:epochs=2', fields={'augment.size': 24}" in out
  assert "labels=10, seeds=[1, 2]" in out
