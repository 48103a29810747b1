"""First batch of a stream, far into a training on a large data set."""

import time
from typing import Any

import numpy as np

from benchmarks.harness.workers import Done, peak_memory
from benchmarks.input.images import MemoryRecords, jpegs
from suncet_jax.config import base
from suncet_jax.data import Dataset
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.sampling.build import make_order
from suncet_jax.data.splits import make_splits
from suncet_jax.data.stream import Stream
from suncet_jax.devices.mesh import make_mesh

_BATCH, _LABELLED_CLASSES, _IMAGES_PER_CLASS = 64, 20, 2
_SIZE = 224


def make(step: int, records: int, classes: int) -> Done:
  """Opens a stream at a step.

  Args:
    step: Step to open the stream at.
    records: Number of records of the data set; all are one JPEG file.
    classes: Number of classes of the data set.

  Returns:
    The job whose facts are the seconds of the parts, and the most memory held
    before and after them.
  """
  # Untimed: labels, which an index file holds in a real run, and JAX's start.
  labels = (np.arange(records) % classes).astype(np.int32)
  source = EncodedSource(
    MemoryRecords(jpegs(1), labels),
    resize=_SIZE,
    centre_crop=_SIZE,
  )
  names = tuple(map(str, range(classes)))
  dataset = Dataset("many", source, source, names)
  config = _config()
  mesh = make_mesh()
  view = View(Augmentation(_SIZE, (0.08, 1.0)), is_cropped=True)
  peak_before = peak_memory()
  times = [time.perf_counter()]
  splits = make_splits(labels, None, config, names)
  times.append(time.perf_counter())
  order = make_order(config, dataset, splits)
  stream = Stream(source, order, mesh=mesh, batch_size=_BATCH, seed=0)
  # The stream has many steps left, so that it reads ahead as in a training.
  steps = range(step, step + 1000)
  batches = stream.batches(steps, (view, view), (view,))
  next(batches)
  times.append(time.perf_counter())
  facts = {
    "splits": times[1] - times[0],
    "batch": times[2] - times[1],
    "peak_before": peak_before,
    "peak_after": peak_memory(),
  }
  batches.close()
  return Done(facts)


def _config() -> Any:
  config = base()
  config.data.batch_size = _BATCH
  config.data.labelled.fraction = 0.1
  config.data.labelled.classes_per_batch = _LABELLED_CLASSES
  config.data.labelled.images_per_class = _IMAGES_PER_CLASS
  config.data.validation.per_class = 12
  config.data.validation.in_pool = True
  return config
