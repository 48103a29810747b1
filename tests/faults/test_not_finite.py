"""NaN in one step is skipped and counted; NaN for ever ends the run."""

import re

import fault_runs
import pytest
import running

_BAD_STEP = 5  # the step from 5 to 6
_POISON_ONE_STEP = f"""
import jax
import jax.numpy as jnp
from absl import app
from suncet_jax import command_line, main
from suncet_jax.train import step

sound = step.make_views

def poisoned(batch, plan, number, *rest, **options):
  views = sound(batch, plan, number, *rest, **options)
  factor = jnp.where(number == {_BAD_STEP}, jnp.nan, 1.0)
  images = tuple(view * factor for view in views.unlabelled)
  return views.replace(unlabelled=images)

step.make_views = poisoned
app.run(main.main, flags_parser=command_line.parse_flags)
"""


def test_in_one_step_it_is_skipped_and_counted(tmp_path, cache):
  code, output = running.run_code(
    _POISON_ONE_STEP,
    *fault_runs.FLAGS,
    f"--workdir={tmp_path}",
    cache=cache,
  )
  assert code == 0, output
  assert fault_runs.result(tmp_path)["step"] == fault_runs.LAST_STEP
  for row in fault_runs.history(tmp_path):
    step = int(row["step"])
    assert float(row["skipped"]) == (step > _BAD_STEP)
    assert (row["gradient_norm"] == "nan") == (step == _BAD_STEP + 1)


@pytest.mark.slow
def test_for_ever_it_ends_with_all_that_is_known(tmp_path, cache):
  output = fault_runs.run(
    tmp_path,
    cache,
    "--config.optim.peak_lr=1e29",
    "--config.train.max_skipped_in_a_row=3",
    code=1,
  )
  said = re.search(
    r"3 steps in a row up to step (\d+) .* \(learning rate ([\d.e+]+)\).*"
    r"Last good checkpoint: (\d+|None)\.",
    output,
  )
  assert said, output
  assert float(said[2]) > 1e27
  newest = fault_runs.steps(tmp_path)[-1:]
  assert said[3] == str(newest[0] if newest else None)
  assert "--config.optim.peak_lr" in output  # advice
  assert "Traceback" not in output
  assert not (tmp_path / "result.json").exists()
