"""Gathers what the report of a run shows."""

import dataclasses
import json
from typing import Any

import jax
import numpy as np

from suncet_jax.broadcast import is_first
from suncet_jax.data.augment import augment
from suncet_jax.data.permutation import permutation
from suncet_jax.report import ReportContent, read_history, write_report
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.folder import RunFolder
from suncet_jax.train.state import TrainState

_MAPPED_IMAGES = 1500
_SHOWN_IMAGES = 8
_SHOWN_VIEWS = 6
_SHOWN_QUERIES = 8
_SHOWN_NEIGHBOURS = 8


def report(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  state: TrainState,
  result: dict[str, Any],
  command: str,
) -> None:
  """Writes report.html and its pictures into the run's folder.

  All processes call it, since all must embed; only process 0 writes.
  """
  test = experiment.dataset.test
  sample = np.sort(permutation(test.labels.size, 0)[:_MAPPED_IMAGES])
  features = evaluator.embed(state, test, sample).features
  if not is_first():
    return
  views, titles = _views(experiment)
  neighbours, neighbour_labels = _neighbours(experiment, features, sample)
  content = ReportContent(
    title=f"{experiment.dataset.name}, {experiment.config.method.name}",
    result=result,
    history=read_history(folder.path / "metrics.csv"),
    config_text=json.dumps(experiment.config.to_dict(), indent=2),
    command=command,
    embeddings=features,
    labels=test.labels[sample],
    class_names=experiment.dataset.class_names,
    views=views,
    view_titles=titles,
    neighbours=neighbours,
    neighbour_labels=neighbour_labels,
  )
  write_report(folder.path, content)


def _views(experiment: Experiment) -> tuple[np.ndarray, list[str]]:
  """Returns training images beside some of their views, at the views' size."""
  # What the host would crop is cropped here, and shown before normalisation.
  shown = dataclasses.replace(experiment.augmentation, mean=(), std=())
  pool = experiment.splits.pool
  chosen = pool[:: max(1, pool.size // _SHOWN_IMAGES)][:_SHOWN_IMAGES]
  images = next(experiment.dataset.train.images([chosen]))
  shape = (len(chosen), shown.size, shown.size, images.shape[-1])
  whole = jax.image.resize(images / 255.0, shape, "linear")
  make = jax.jit(augment, static_argnums=2)
  columns = [whole]
  for view in range(_SHOWN_VIEWS):
    keys = jax.random.split(jax.random.key(view), len(chosen))
    columns.append(make(images, keys, shown))
  pixels = np.rint(np.clip(np.stack(columns, axis=1), 0, 1) * 255)
  titles = ["image", *(f"view {i + 1}" for i in range(_SHOWN_VIEWS))]
  return pixels.astype(np.uint8), titles


def _neighbours(
  experiment: Experiment, features: np.ndarray, sample: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns a few test images with those nearest to them, and all labels.

  Both come from the sample that the map shows; one query per class.
  """
  test = experiment.dataset.test
  labels = test.labels[sample]
  _, queries = np.unique(labels, return_index=True)
  queries = queries[:_SHOWN_QUERIES]
  norms = np.linalg.norm(features, axis=1, keepdims=True)
  rows = features / np.maximum(norms, 1e-12)
  similarity = rows[queries] @ rows.T
  similarity[np.arange(len(queries)), queries] = np.inf  # itself comes first
  nearest = np.argsort(-similarity, axis=1, kind="stable")
  nearest = nearest[:, : 1 + _SHOWN_NEIGHBOURS]
  flat = next(test.images([sample[nearest.reshape(-1)]]))
  return flat.reshape(*nearest.shape, *flat.shape[1:]), labels[nearest]
