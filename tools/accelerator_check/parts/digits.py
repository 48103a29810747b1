"""The digits, trained twice: same parameters, bit for bit, or not."""

import json
import subprocess
import sys
import time

from tools.accelerator_check.context import ROOT, Context


def run(context: Context) -> None:
  """Trains twice, each from nothing, and compares the digests.

  Args:
    context: Surroundings of the part.
  """
  digests, seconds = [], []
  for number in (1, 2):
    began = time.monotonic()
    result = _trained(context, f"digits-{number}")
    seconds.append(time.monotonic() - began)
    digests.append(result["params_digest"])
    context.tell(digests=digests, seconds=seconds, metrics=result["metrics"])
  context.tell(is_equal=digests[0] == digests[1])


def _trained(context: Context, folder: str) -> dict:
  """Returns the content of a run's result.json."""
  workdir = context.work / folder
  subprocess.run(
    [
      *(sys.executable, "-m", "suncet_jax.main"),
      f"--config=configs/digits.py:epochs={context.sizes.digits_epochs}",
      "--config.evals.final=('knn',)",
      "--config.log.tensorboard=False",
      "--config.log.report=False",
      f"--workdir={workdir}",
    ],
    cwd=ROOT,
    check=True,
  )
  return json.loads((workdir / "result.json").read_text())
