"""Share of the training time that is spent waiting for input."""

import contextlib
import csv
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from benchmarks.harness.files import load_config
from benchmarks.harness.workers import Done
from benchmarks.input.images import MemoryRecords, jpegs
from suncet_jax.config import validate
from suncet_jax.data import Dataset, from_arrays
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.source import Source
from suncet_jax.devices.host import keep_freed_memory

_STEPS = 15
_BATCH, _CLASSES, _IMAGES_PER_CLASS = 64, 10, 2
_FILES = 64  # different files
_SIZE = 32
_OUTPUTS = (1, 2)  # descriptors of the standard output and the standard error


def make(images: str) -> Done:
  """Trains a few steps of `configs/cifar10.py` in small batches.

  Args:
    images: "arrays" of 32x32, or "jpegs" of 500x375 and 110 kB.

  Returns:
    The job whose facts are `wait_share`, `seconds` per step and `rows` that a
    step encodes.
  """
  keep_freed_memory()
  config = _config()
  train = _source(images, _STEPS * _BATCH)
  test = _source("arrays", _CLASSES)
  names = tuple(map(str, range(_CLASSES)))
  with tempfile.TemporaryDirectory() as folder:
    with _silence():
      # Imported here: TensorFlow prints messages while it is imported.
      from suncet_jax.train.run import run

      run(config, folder, dataset=Dataset("many", train, test, names))
    table = pathlib.Path(folder, "metrics.csv").read_text()
  return Done(summary(table))


def summary(table: str) -> dict[str, float]:
  """Sums up a metrics.csv without its first line, which includes compilation.

  Args:
    table: Text of a metrics.csv.

  Returns:
    `wait_share`, `seconds` per step, `rows` that a step encodes, and over how
    many `steps` this is.
  """
  rows = list(csv.DictReader(table.splitlines()))
  images = np.array([float(row["images_seen"]) for row in rows])
  rates = np.array([float(row["images_per_second"]) for row in rows[1:]])
  shares = np.array([float(row["input_wait_share"]) for row in rows[1:]])
  seconds = np.diff(images) / rates
  steps = float(rows[-1]["step"]) - float(rows[0]["step"])
  return {
    "wait_share": float(np.average(shares, weights=seconds)),
    "seconds": float(seconds.sum() / steps),
    "rows": float(images[-1] / float(rows[-1]["step"])),
    "steps": steps,
  }


@contextlib.contextmanager
def _silence() -> Iterator[None]:
  """Drops what a run says, its libraries' messages included."""
  kept = [os.dup(number) for number in _OUTPUTS]
  with open(os.devnull, "w") as nothing:
    for number in _OUTPUTS:
      os.dup2(nothing.fileno(), number)
  try:
    yield
  finally:
    sys.stdout.flush()
    for number, descriptor in zip(_OUTPUTS, kept, strict=True):
      os.dup2(descriptor, number)
      os.close(descriptor)


def _source(images: str, count: int) -> Source:
  labels = (np.arange(count) % _CLASSES).astype(np.int32)
  if images == "jpegs":
    records = MemoryRecords(jpegs(_FILES), labels)
    return EncodedSource(records, resize=_SIZE, centre_crop=_SIZE)
  random = np.random.default_rng(0)
  shape = (count, _SIZE, _SIZE, 3)
  return from_arrays(random.integers(0, 256, shape, np.uint8), labels)


def _config() -> ConfigDict:
  config: Any = load_config("cifar10", "labels=10,epochs=1")
  config.data.source = "arrays"
  config.data.batch_size = _BATCH
  config.data.labelled.images_per_class = _IMAGES_PER_CLASS
  config.data.validation.per_class = 0
  config.optim.warmup_epochs = 0.0
  config.evals.every_epochs = 0.0
  config.evals.final = ()
  # Else the loop runs ahead of the device, and waits while that computes.
  config.log.every_steps = 1
  config.log.tensorboard = False
  validate(config)
  return config
