"""Twenty steps of the digits recipe in one process of any number.

    python twenty_steps.py OUTPUT PRECISIONS PORT COUNT NUMBER

Process 0 writes losses, final state and a digest of the images of every step,
for each of PRECISIONS: float32, as the recipe computes, and float64.
"""

import dataclasses
import hashlib
import pathlib
import runpy
import sys

import jax
import numpy as np
from jax.experimental import multihost_utils

from suncet_jax.devices.processes import connect, finish
from suncet_jax.methods.base import BatchSpec
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.train import experiment
from suncet_jax.train.step import make_step

_STEPS = 20
_RECIPE = pathlib.Path(__file__).parents[2] / "configs" / "digits.py"


def _config(precision):
  recipe = runpy.run_path(str(_RECIPE))
  config = recipe["get_config"]()
  config.data.labelled.images_per_class = 4  # eight devices can share 40 rows
  config.precision = precision
  if precision == "float32":
    # Rounding grows with training: at the recipe's rate, tenfold every other
    # step.
    config.optim.peak_lr = 3e-5
  else:
    # Views are made in float32: these are the same on all devices, and so all
    # that follows can be.
    config.augment.jitter_prob = config.augment.grayscale_prob = 0.0
  return config


def _run(precision):
  parts = experiment.build(_config(precision))
  step = make_step(
    parts.method,
    ViewEncoder(parts.model, parts.mesh),
    parts.optimizer,
    parts.schedule,
    parts.mesh,
    max_skipped_in_a_row=1,
  )
  state, spec = parts.initial_state(), parts.batch_spec(0)
  if precision == "float64":  # nor are crops made, for the same reason
    cropped = [
      tuple(dataclasses.replace(view, is_cropped=True) for view in views)
      for views in (spec.unlabelled, spec.labelled)
    ]
    on_device = BatchSpec(*cropped)
  else:
    on_device = spec
  before = jax.device_get(state.params)
  losses, seen = [], hashlib.sha256()
  for batch in parts.stream.batches(
    range(_STEPS), spec.unlabelled, spec.labelled
  ):
    for rows in jax.tree.leaves(batch):
      whole = multihost_utils.process_allgather(rows, tiled=True)
      seen.update(np.ascontiguousarray(whole).tobytes())
    state, metrics = step(state, batch, on_device, 0)
    losses.append(float(metrics["loss"]))
  moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), before, state.params)
  leaves = jax.tree.leaves((state.params, state.batch_stats))
  return {
    "moved": np.array(max(jax.tree.leaves(moved))),
    "losses": np.array(losses),
    "images": np.array(seen.hexdigest()),
    "state": np.concatenate([np.ravel(jax.device_get(x)) for x in leaves]),
  }


def main(output, precisions, port, count, number):
  """Runs and writes what came of it."""
  if int(count) > 1:
    connect(f"127.0.0.1:{port}", int(count), int(number))
  results = {}
  for precision in precisions.split(","):
    with jax.enable_x64(precision == "float64"):
      results |= {f"{precision}_{k}": v for k, v in _run(precision).items()}
  if jax.process_index() == 0:
    np.savez(output, **results)
  finish()


if __name__ == "__main__":
  main(*sys.argv[1:])
