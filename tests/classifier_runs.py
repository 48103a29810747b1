"""Small runs that keep a classifier, on images whose classes can be learnt."""

import numpy as np
import tiny

from suncet_jax.data.arrays import from_arrays
from suncet_jax.data.source import Dataset
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import build
from suncet_jax.train.keeping import keep_classifier
from suncet_jax.train.run import run
from suncet_jax.workdir.folder import RunFolder

CLASSES = ("ant", "bee", "cat", "dog")
FIELDS = {
  "data.validation.per_class": 8,
  "evals.every_epochs": 0.0,
  "evals.final": ("classifier", "linear"),
  "evals.linear.epochs": 30,
  "evals.finetune.epochs": 2,
  "log.report": False,
  "log.tensorboard": False,
}


def pixels(count, seed=0):
  """Returns images of four classes in turn, of their brightness, and labels."""
  rng = np.random.default_rng(seed)
  labels = np.arange(count) % 4
  noise = rng.normal(0, 30, (count, 8, 8, 1))
  shift = rng.normal(0, 25, (count, 1, 1, 1))
  bright = 50 + 45 * labels[:, None, None, None]
  return np.clip(bright + shift + noise, 0, 255).astype(np.uint8), labels


def dataset(test_labels=None):
  """Returns the data set, with other labels of the test images if given."""
  test, labels = pixels(40, seed=1)
  return Dataset(
    "brightness",
    from_arrays(*pixels(80)),
    from_arrays(test, labels if test_labels is None else test_labels),
    CLASSES,
  )


def settings(method="supervised", **fields):
  """Returns a configuration; `fields` are further ones, by dotted names."""
  return tiny.settings(method=method, **(FIELDS | fields))[0]


def finished(folder, **fields):
  """Trains for an epoch in a folder; returns the exit code."""
  return run(settings(**fields), folder, dataset=dataset())


def experiment(method="supervised", test_labels=None, **fields):
  """Returns an experiment; see `settings` and `dataset`."""
  return build(settings(method, **fields), dataset(test_labels))


def kept(folder, parts):
  """Keeps a classifier of the initial state; returns (about it, its state)."""
  state, evaluator = parts.initial_state(), Evaluator(parts)
  done = {
    metric: 0.0
    for name in parts.config.evals.final
    for metric in (f"{name}_top1", f"{name}_top5")
  }
  about = keep_classifier(parts, RunFolder(folder), evaluator, state, done)
  return about, evaluator.under_test(state)
