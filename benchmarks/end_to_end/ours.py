"""The job of `configs/fashion_mnist.py` with this package.

Its data and configuration can be written for others, so that PyTorch reads the
same images without our code.
"""

import pathlib

import jax
import numpy as np

from benchmarks.harness.files import load_config
from benchmarks.harness.workers import Done, Job
from suncet_jax.devices.host import keep_freed_memory
from suncet_jax.train.experiment import Experiment, build

_ENDLESS = 1_000_000  # steps, more than are ever measured


def make() -> Job:
  """Returns the job of steps that include their input."""
  keep_freed_memory()
  experiment = _experiment()
  step, state = experiment.step_fn(), experiment.initial_state()
  spec = experiment.batch_spec(0)
  batches = experiment.stream.batches(
    range(_ENDLESS), spec.unlabelled, spec.labelled
  )

  def job(steps: int) -> None:
    nonlocal state
    for _ in range(steps):
      state, _ = step(state, next(batches), spec, experiment.config.seed)
    jax.block_until_ready(state)

  return job


def write(folder: str) -> Done:
  """Writes images, labels and splits as npy files, the configuration as JSON.

  Args:
    folder: Existing empty folder.

  Returns:
    The job whose fact is `views`, the number that a step encodes.
  """
  experiment = _experiment()
  source, path = experiment.pipeline.train, pathlib.Path(folder)
  everything = np.arange(len(source.labels))
  (pixels,) = source.images([everything])
  for name, values in {
    "pixels": pixels,
    "labels": source.labels,
    "pool": experiment.pipeline.splits.pool,
    "labelled": experiment.pipeline.splits.labelled,
  }.items():
    np.save(path / f"{name}.npy", values)
  (path / "config.json").write_text(experiment.config.to_json())
  data = experiment.config.data
  labelled = data.labelled.classes_per_batch * data.labelled.images_per_class
  return Done({"views": 2 * data.batch_size + labelled})


def _experiment() -> Experiment:
  return build(load_config("fashion_mnist"))
