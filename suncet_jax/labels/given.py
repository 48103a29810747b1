"""Labelled features of a run's own data, or of image files."""

from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.config import base, from_dict
from suncet_jax.console import terminal
from suncet_jax.console.progress import Counter
from suncet_jax.data.folder.load import FileRecords, list_files
from suncet_jax.data.pipeline import open_dataset
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import make_splits
from suncet_jax.encoder import Encoder
from suncet_jax.errors import UserError
from suncet_jax.files.formats import read_json
from suncet_jax.files.paths import expanded
from suncet_jax.labels.curve import Features

_BATCH = 256


class Given(NamedTuple):
  """Features to measure on.

  Attributes:
    train: Those whose labels may be used.
    test: Those to classify.
    classes: Names of the classes.
  """

  train: Features
  test: Features
  classes: tuple[str, ...]


def of_run(encoder: Encoder, run: epath.PathLike) -> Given:
  """Returns the features of a run's data: all labels that validation leaves.

  Args:
    encoder: Encoder of the run.
    run: Folder of the run.

  Raises:
    UserError: If it is no run, or its data are not there.
  """
  path = expanded(run) / "config.json"
  if not path.is_file():
    raise UserError(
      f"{run} is no folder of a run, so it does not say which images to look "
      "at. Name them behind it: TRAIN and TEST, folders with one sub-folder "
      "per class or CSV files."
    )
  config = from_dict(read_json(path))
  dataset = open_dataset(config)
  train, names = dataset.train, dataset.class_names
  held_out = make_splits(train.labels, train.names, config, names).validation
  return _given(encoder, dataset, held_out)


def of_files(encoder: Encoder, train: str, test: str, share: float) -> Given:
  """Returns the features of image files with labels.

  Args:
    encoder: Encoder of any origin.
    train: Folder with one sub-folder per class, or CSV file.
    test: The same, of the test images; empty to split some off `train`.
    share: Share of `train` to split off.

  Raises:
    UserError: If the images are not as expected.
  """
  config = base()
  data = config.data
  data.source, data.train, data.test = "folder", train, test
  data.test_fraction = 0.0 if test else share
  files = list_files(config)
  return Given(
    _features_of_files(encoder, "training", files.train),
    _features_of_files(encoder, "test", files.test),
    files.classes,
  )


def _features_of_files(
  encoder: Encoder, kind: str, files: FileRecords
) -> Features:
  """Returns the features of the labelled files that can be decoded."""
  rows = np.flatnonzero(files.labels >= 0)
  terminal.say(f"Encoding {rows.size:,} {kind} images")
  features = encoder([files.paths[row] for row in rows])
  is_fine = np.isfinite(features).all(axis=1)
  return Features(features[is_fine], files.labels[rows[is_fine]])


def _given(encoder: Encoder, dataset: Dataset, held_out: np.ndarray) -> Given:
  """Returns the features of all labelled images but those held out."""
  rows = np.flatnonzero(dataset.train.labels >= 0)
  every_test = np.arange(dataset.test.labels.size)
  return Given(
    _features(encoder, "training", dataset.train, np.setdiff1d(rows, held_out)),
    _features(encoder, "test", dataset.test, every_test),
    tuple(dataset.class_names),
  )


def _features(
  encoder: Encoder, kind: str, source: Source, rows: np.ndarray
) -> Features:
  parts = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
  found = []
  with Counter(f"Encoding {kind} images", len(rows), "images") as counter:
    for images in source.images(iter(parts)):
      found.append(encoder(images))
      counter.add(len(images))
  return Features(np.concatenate(found), source.labels[rows])
